// The one server that parses and checks requests, whatever protocol they came in by. It does not listen: connections are
// handed to it.
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { SeksError, toSeksError } from '@seks/crds';

import type { AgentHandler } from './agent-handler.ts';
import { isCondemned } from './condemned.ts';
import { rawErrorAnswer } from './error-answer.ts';

export interface Http1ServerDeps {
  handler: AgentHandler;
  requestId: () => string;
  /** told of requests that were refused before they could be parsed */
  unparsable: (error: SeksError, requestId: string) => void;
  /** takes over a connection after CONNECT, or throws a SeksError; omitted: CONNECT is refused as a method */
  connect: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;
  headersTimeoutMs: number;
  keepAliveTimeoutMs: number;
  /** silence in the middle of a body */
  bodyIdleTimeoutMs: number;
}

const MAX_HEADER_BYTES = 32_768;
/** Node looks for heads that are late only so often, and every 30 s unless told */
const MAX_TIMEOUT_CHECK_MS = 5_000;

/** the server; `emit('connection', stream)` hands it a connection */
export function createHttp1Server(deps: Http1ServerDeps): Server {
  const { handler } = deps;
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: deps.headersTimeoutMs,
    connectionsCheckingInterval: Math.min(MAX_TIMEOUT_CHECK_MS, deps.headersTimeoutMs),
    // Uploads and streams take as long as they take.
    requestTimeout: 0,
    keepAliveTimeout: deps.keepAliveTimeoutMs,
    // Answered by the screening, with a code.
    requireHostHeader: false,
    // Others go on as ordinary requests, and the screening refuses them with its code.
    shouldUpgradeCallback: ({ headers }) =>
      handler.upgrade !== undefined && headers.upgrade?.toLowerCase() === 'websocket',
  });
  // Node drops headers beyond this number silently, and with them what has to be seen. The size is limited instead.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = 0;
  server.timeout = deps.bodyIdleTimeoutMs;
  server.on('request', (request, response) => {
    // What follows in the same segment is parsed before the connection ends.
    if (!isCondemned(request.socket)) handler.handle(request, response);
  });
  server.on('checkContinue', (request, response) => {
    if (!isCondemned(request.socket)) handler.handle(request, response, true);
  });
  // Every other expectation: the screening refuses it.
  server.on('checkExpectation', (request, response) => {
    if (!isCondemned(request.socket)) handler.handle(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    untime(socket);
    if (isCondemned(socket)) socket.destroy();
    else handler.upgrade?.(request, socket, head);
  });
  const refuse = (socket: Duplex, error: SeksError): void => {
    const requestId = deps.requestId();
    deps.unparsable(error, requestId);
    socket.end(rawErrorAnswer(error, requestId), () => socket.destroy());
  };
  server.on('connect', (request, socket, head) => {
    untime(socket);
    try {
      if (isCondemned(socket) || deps.connect === undefined) throw new SeksError('SEKS_METHOD_REFUSED');
      deps.connect(request, socket, head);
    } catch (cause) {
      refuse(socket, toSeksError(cause));
    }
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Gone in the middle of a request: there is nobody to answer. And an answer that is due must not be mixed with ours.
    const gone = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE' || !socket.writable;
    const due = answerDue(socket);
    const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const refused = new SeksError(isLate ? 'SEKS_HEAD_TIMEOUT' : 'SEKS_REQUEST_MALFORMED');
    if (gone) socket.destroy();
    else if (due === undefined) refuse(socket, refused);
    // The body of that very request breaks off, or something after it.
    else if (due.headersSent || due.req.complete) socket.destroy();
    else handler.broken(due, refused);
  });
  // Nothing came and nothing went for a while. With this listener it is ours to end connections.
  server.on('timeout', (socket) => {
    const due = answerDue(socket);
    if (due === undefined) socket.destroy();
    else if (isAwaited(due.req)) handler.broken(due, new SeksError('SEKS_BODY_TIMEOUT'));
    // The provider thinks, or takes no more for now: how long it may is the forwarder's to say.
    else socket.setTimeout(deps.bodyIdleTimeoutMs);
  });
  // Without it Node neither times heads out nor knows which connections are idle: it starts both when it listens.
  server.emit('listening');
  return server;
}

/** the answer that a connection waits for */
function answerDue(socket: Duplex): ServerResponse | undefined {
  const due = '_httpMessage' in socket ? socket._httpMessage : undefined;
  return due instanceof ServerResponse ? due : undefined;
}

/** the agent owes bytes of this request, and somebody would take them */
function isAwaited(request: IncomingMessage): boolean {
  return !request.complete && request.readableFlowing === true;
}

/** WebSockets and tunnels have times of their own */
function untime(socket: Duplex): void {
  if (socket instanceof Socket) socket.setTimeout(0);
}
