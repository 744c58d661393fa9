// What a relayed WebSocket needs and tells; relay.ts moves its messages.
import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import type { Duplex } from 'node:stream';

import type { ErrorCode, SeksError } from '@seks/crds';

import type { Scheduler } from '../lease/scheduler.ts';
import type { Message } from './message.ts';
import type { RefusedUpgrade } from './refused-upgrade.ts';
import type { RelayMemory } from './relay-memory.ts';

/** how a relayed connection ended */
export interface RelaySummary {
  /** close code of the side that ended it, or ours; 1006 if it broke or was never opened */
  code: number;
  messagesToUpstream: number;
  messagesToClient: number;
}

export interface RelayOptions {
  /** the agent's handshake, checked and admitted already */
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  upstream: {
    /** `wss:` */
    url: URL;
    headers: Record<string, string | string[]>;
    protocols: readonly string[];
    agent: Agent;
  };
  scheduler: Scheduler;
  /** shared by all connections */
  memory: RelayMemory;
  /** the sub-protocol that the agent is told; `upstreamProtocol` is empty if the provider chose none */
  chooseProtocol: (upstreamProtocol: string) => string | false;
  /** what to send instead of a message, or nothing; a SeksError that it throws ends the connection */
  toUpstream: (message: Message) => Message | undefined;
  /** sees what comes after the agent has left, too, for as long as the provider speaks */
  toClient: (message: Message) => Message | undefined;
  /** what to send instead of the provider's close reason, ping or pong payload; not longer than it */
  controlToClient?: (payload: Buffer) => Buffer;
  /** the provider refused the upgrade; the caller answers on the socket */
  refused: (answer: RefusedUpgrade) => void;
  /** both sides are open */
  opened: () => void;
  /** at most once. Before `opened` the caller answers on the socket; after it the relay has told the agent by a close frame */
  failed: (error: SeksError) => void;
  /** exactly once, the last call in every case; both connections are gone, or were left to the caller for its answer */
  closed: (summary: RelaySummary) => void;
  handshakeTimeoutMs?: number;
  /** a longer message ends the connection with 1009 */
  maxMessageBytes?: number;
  /** of the body of a refusal */
  maxErrorBodyBytes?: number;
  /** without any frame in either direction; not set: for ever */
  idleTimeoutMs?: number;
}

/** a connection that is being relayed, or about to be */
export interface Relay {
  /** ends both sides: the credential was revoked */
  cut(code: ErrorCode): void;
}
