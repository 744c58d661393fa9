// Puts the agent's side together: token table, lease holder, handler, server, metrics and audit.
import type { Server } from 'node:http';

import type { Logger } from 'pino';

import type { TokenTable } from '../credential/tokens.ts';
import type { LeaseHolder } from '../lease/lease-state.ts';
import { createAgentHandler } from './agent-handler.ts';
import { createAgentServer } from './agent-server.ts';
import { recordUnparsable } from './exchange.ts';
import type { Ledgers } from './ledger.ts';

export interface AgentSideDeps {
  tokens: TokenTable;
  holder: LeaseHolder;
  ledgers: Ledgers;
  log: Logger;
  nowMs: () => number;
  randomBytes: (size: number) => Buffer;
  /** the port that clients name in Host */
  port: number;
}

/** the agent's server and its way to an end */
export interface AgentSide {
  server: Server;
  /** stops accepting; resolves when the last request has ended */
  drain: () => Promise<void>;
}

/** the agent's side, not listening yet */
export function createAgentSide(deps: AgentSideDeps): AgentSide {
  const requestId = createRequestIds(deps.randomBytes);
  const hosts = new Set([`127.0.0.1:${deps.port}`, `localhost:${deps.port}`]);
  const handler = createAgentHandler({ ...deps, hosts, requestId });
  const server = createAgentServer({
    handler,
    requestId,
    unparsable: (error, id) => recordUnparsable(deps.ledgers, error, id),
  });
  return {
    server,
    async drain() {
      handler.drain();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
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
