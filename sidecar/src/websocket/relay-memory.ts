// Memory that all WebSockets of the process share, so that however many the agent opens, what they hold stays bounded: messages that
// are still coming in, and frames that the other side has not taken yet.
import { SeksError } from '@seks/crds';

import { createByteBudget } from '../body/byte-budget.ts';
import { CLOSE_TOO_BIG } from './close-codes.ts';
import { ConnectionRefusal } from './message.ts';

export interface RelayMemory {
  /** takes so many bytes more; false if there are not that many left */
  take(bytes: number): boolean;
  give(bytes: number): void;
  /** half of it is taken: whoever can wait should */
  readonly scarce: boolean;
  /** bytes taken now */
  readonly taken: number;
}

const MEBIBYTE = 1_048_576;
/** two of the longest messages; beside it there is the pool of HTTP bodies, and a sidecar has 256 MiB in all */
const MAX_BYTES = 48 * MEBIBYTE;

/** one for all connections */
export function createRelayMemory(maxBytes: number = MAX_BYTES): RelayMemory {
  const budget = createByteBudget(maxBytes);
  return {
    take: (bytes) => budget.take(bytes),
    give: (bytes) => budget.give(bytes),
    get scarce() {
      return budget.taken > maxBytes / 2;
    },
    get taken() {
      return budget.taken;
    },
  };
}

/** what ends the connection for whose next bytes there is no room */
export function memoryFull(): ConnectionRefusal {
  const error = new SeksError('SEKS_BODY_POOL_FULL', 'The WebSockets of this pod hold too much at once.');
  return new ConnectionRefusal(error, CLOSE_TOO_BIG);
}
