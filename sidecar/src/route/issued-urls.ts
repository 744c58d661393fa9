// Tickets for URLs of hosts that never get the credential: signed downloads, upload slots. Without one the sidecar would be a
// way to every object store on such a host; with one, only what the provider itself handed out in this pod can be called.
import { createHmac, timingSafeEqual } from 'node:crypto';

import { SeksError } from '@seks/crds';

import type { TokenEntry, TokenTable } from '../credential/tokens.ts';

/** makes and checks tickets */
export interface IssuedUrls {
  /** the ticket for a host and a path (not percent-encoded); it holds whose it is */
  issue(entry: TokenEntry, host: string, plainPath: string): string;
  /**
   * whose URL it is
   *
   * @throws SeksError SEKS_URL_NOT_ISSUED
   */
  open(ticket: string, host: string, plainPath: string): TokenEntry;
}

const TICKET = /^([0-9a-z]{1,4})-([A-Za-z0-9_-]{32})$/;
const MAC_BYTES = 24;

/** @param secret random, of this process: tickets end with it */
export function createIssuedUrls(tokens: Pick<TokenTable, 'entries'>, secret: Buffer): IssuedUrls {
  const { entries } = tokens;
  const macOf = (index: string, host: string, path: string): Buffer =>
    // A line feed can stand in none of the three.
    createHmac('sha256', secret).update(`${index}\n${host}\n${path}`).digest().subarray(0, MAC_BYTES);
  return {
    issue(entry, host, plainPath) {
      const index = entries.indexOf(entry).toString(36);
      return `${index}-${macOf(index, host, plainPath).toString('base64url')}`;
    },
    open(ticket, host, plainPath) {
      const [, index = '', mac = ''] = TICKET.exec(ticket) ?? [];
      const entry = index === '' ? undefined : entries[Number.parseInt(index, 36)];
      const given = Buffer.from(mac, 'base64url');
      if (entry === undefined || !timingSafeEqual(pad(given), macOf(index, host, plainPath))) {
        throw new SeksError('SEKS_URL_NOT_ISSUED');
      }
      return entry;
    },
  };
}

/** equal lengths, whatever was given: timingSafeEqual throws otherwise */
function pad(bytes: Buffer): Buffer {
  return bytes.length === MAC_BYTES ? bytes : Buffer.alloc(MAC_BYTES);
}
