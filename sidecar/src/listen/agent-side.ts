// Puts the agent's side together: token table, lease holder, handler, server, metrics and audit.
import type { Server } from 'node:net';

import { SeksError } from '@seks/crds';
import type { Logger } from 'pino';

import type { TokenTable } from '../credential/tokens.ts';
import type { LeaseHolder } from '../lease/lease-state.ts';
import type { Scheduler } from '../lease/scheduler.ts';
import { createIssuedUrls } from '../route/issued-urls.ts';
import { createByteBudget } from '../body/byte-budget.ts';
import { createBodyPool } from '../body/read-body.ts';
import { createPendingWork } from '../usage/pending-work.ts';
import type { IdentifyBudgets } from '../websocket/identify-budgets.ts';
import { createRelayMemory } from '../websocket/relay-memory.ts';
import { createAgentHandler } from './agent-handler.ts';
import { type AgentListenerDeps, createAgentListener, type TlsSettings } from './agent-server.ts';
import { recordUnparsable } from './account.ts';
import type { Ledgers } from './ledger.ts';
import type { TlsRefusal } from './tls-connection.ts';

export interface AgentSideDeps {
  tokens: TokenTable;
  holder: LeaseHolder;
  ledgers: Ledgers;
  log: Logger;
  scheduler: Scheduler;
  randomBytes: (size: number) => Buffer;
  /** the port that clients name in Host */
  port: number;
  /** left out: no TLS, no CONNECT */
  tls?: Omit<TlsSettings, 'refused'> | undefined;
  limits?: AgentListenerDeps['limits'];
  identifyBudgets: IdentifyBudgets;
}

const TICKET_SECRET_BYTES = 32;
/** of all answers that are read whole at the same time: twice the largest; while one is changed it is there several times */
const MAX_COLLECTED_BYTES = 32 * 1024 * 1024;

/** the agent's server and its way to an end */
export interface AgentSide {
  /** for the port that clients name in Host, not listening yet */
  server: Server;
  /** the same behind another port */
  serverFor: (port: number) => Server;
  /** stops accepting; resolves when the last request has ended */
  drain: () => Promise<void>;
  /** breaks everything off */
  destroy: () => void;
}

/** the agent's side, not listening yet */
export function createAgentSide(deps: AgentSideDeps): AgentSide {
  const requestId = createRequestIds(deps.randomBytes);
  const { tokens, scheduler } = deps;
  const handler = createAgentHandler({
    ...deps,
    nowMs: scheduler.nowMs,
    requestId,
    issued: createIssuedUrls(tokens, deps.randomBytes(TICKET_SECRET_BYTES)),
    intercepted: new Set(deps.tls?.hosts),
    bodies: createBodyPool({ scheduler }),
    socketMemory: createRelayMemory(),
    collected: createByteBudget(MAX_COLLECTED_BYTES),
    pendingWork: createPendingWork(),
  });
  // Counted and audited like any refused request; a log line for each would be the agent's to fill a disk with.
  const recordTls = (reason: TlsRefusal): void => {
    const code = reason === 'server-name' ? 'SEKS_HOST_REFUSED' : 'SEKS_REQUEST_MALFORMED';
    recordUnparsable(deps.ledgers, new SeksError(code), requestId());
  };
  const listener = createAgentListener({
    handler,
    requestId,
    scheduler,
    unparsable: (error, id) => recordUnparsable(deps.ledgers, error, id),
    tls: deps.tls === undefined ? undefined : { ...deps.tls, refused: recordTls },
    limits: deps.limits,
  });
  return {
    server: listener.serverFor(deps.port),
    serverFor: (port) => listener.serverFor(port),
    destroy: () => listener.destroy(),
    async drain() {
      handler.drain();
      await listener.drain();
      await handler.settled?.();
    },
  };
}

/** ids that nobody can guess from outside and that are cheap: a random part for each process, and a number */
function createRequestIds(randomBytes: (size: number) => Buffer): () => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
