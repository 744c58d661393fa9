// The agent's side: a plain node:http server on the loopback interface.
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { SeksError } from '@seks/crds';

import type { AgentHandler } from './agent-handler.ts';
import { rawErrorAnswer } from './error-answer.ts';

export interface AgentServerDeps {
  handler: AgentHandler;
  requestId: () => string;
  /** told of requests that were refused before they could be parsed */
  unparsable(error: SeksError, requestId: string): void;
}

const MAX_HEADER_BYTES = 32_768;
const HEADERS_TIMEOUT_MS = 15_000;
/** so that heads which never end cannot use up the container's memory: 512 parallel streams, and as many again */
const MAX_CONNECTIONS = 1_024;
/** longer than clients keep idle connections, so that they close first */
const KEEP_ALIVE_TIMEOUT_MS = 620_000;

/** the agent's server, not listening yet */
export function createAgentServer(deps: AgentServerDeps): Server {
  const { handler } = deps;
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Uploads and streams take as long as they take.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    noDelay: true,
    // Answered by the screening, with a code.
    requireHostHeader: false,
  });
  // Node drops headers beyond this number silently, and with them what has to be seen. The size is limited instead.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = 0;
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = 0;
  server.on('request', (request, response) => handler.handle(request, response));
  server.on('checkContinue', (request, response) => handler.handle(request, response, true));
  // Every other expectation: the screening refuses it.
  server.on('checkExpectation', (request, response) => handler.handle(request, response));
  const refuse = (socket: Duplex, error: SeksError): void => {
    const requestId = deps.requestId();
    deps.unparsable(error, requestId);
    socket.end(rawErrorAnswer(error, requestId), () => socket.destroy());
  };
  server.on('connect', (_request, socket) => refuse(socket, new SeksError('SEKS_METHOD_REFUSED')));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Gone in the middle of a request: there is nobody to answer. And an answer that is due must not be mixed with ours.
    const gone = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE' || !socket.writable;
    if (gone || hasAnswerDue(socket)) socket.destroy();
    else refuse(socket, new SeksError('SEKS_REQUEST_MALFORMED'));
  });
  return server;
}

function hasAnswerDue(socket: Duplex): boolean {
  return '_httpMessage' in socket && Boolean((socket as Socket & { _httpMessage?: unknown })._httpMessage);
}
