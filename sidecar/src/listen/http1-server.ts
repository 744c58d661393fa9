// The one server that parses and checks requests, whatever protocol they came in by. It does not listen: connections are
// handed to it.
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { SeksError, toSeksError } from '@seks/crds';

import type { AgentHandler } from './agent-handler.ts';
import { condemn, isCondemned } from './condemned.ts';
import type { ConnectionCount } from './connection-count.ts';
import { rawErrorAnswer } from './error-answer.ts';

export interface Http1ServerDeps {
  handler: AgentHandler;
  requestId: () => string;
  /** requests that wait for their turn count like connections: each holds a head */
  connections: ConnectionCount;
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
/** of one connection, behind the request that is served: hardly any client sends a second before it has the first answer */
const MAX_WAITING = 8;
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
  // By connection: a set of answers, which come and go with each request, cost a third of all CPU time.
  const open = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const closeIdle = server.closeIdleConnections.bind(server);
  // Node takes a connection for idle once its answer has ended, though a slow reader may still have most of it to get (S14).
  server.closeIdleConnections = () => {
    if (![...open].some((socket) => answerDue(socket)?.writableEnded)) closeIdle();
  };
  const waiting = new WeakMap<Duplex, number>();
  // One request of a connection at a time, so that the limit on connections bounds what is under way to the provider as well.
  const inTurn = (request: IncomingMessage, response: ServerResponse, serve: () => void): void => {
    const { socket } = request;
    if (response.socket !== null) {
      // What follows in the same segment is parsed before the connection ends.
      if (!isCondemned(socket)) serve();
      return;
    }
    const behind = waiting.get(socket) ?? 0;
    if (behind >= MAX_WAITING || !deps.connections.enter(socket)) {
      breakOff(socket);
      return;
    }
    waiting.set(socket, behind + 1);
    // Node gives an answer the connection when the one before has been written.
    response.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
      deps.connections.leave(socket);
      if (!isCondemned(socket) && !socket.destroyed) serve();
    });
  };
  /** for what comes too early: an error would be taken for the answer that is due, and meanwhile ever more would be read */
  const breakOff = (socket: Duplex): void => {
    if (!isCondemned(socket)) deps.unparsable(new SeksError('SEKS_REQUEST_MALFORMED'), deps.requestId());
    condemn(socket);
    socket.destroy();
  };
  /** a client that waits for its answers, even one that we have not seen go out, has none to come */
  const owesAnswer = (socket: Duplex): boolean =>
    answerDue(socket)?.writableEnded === false || (waiting.get(socket) ?? 0) > 0;
  server.on('request', (request, response) => {
    inTurn(request, response, () => handler.handle(request, response));
  });
  server.on('checkContinue', (request, response) => {
    inTurn(request, response, () => handler.handle(request, response, true));
  });
  // Every other expectation: the screening refuses it.
  server.on('checkExpectation', (request, response) => {
    inTurn(request, response, () => handler.handle(request, response));
  });
  server.on('upgrade', (request, socket, head) => {
    setTimeoutOf(socket, 0);
    if (isCondemned(socket)) socket.destroy();
    else if (owesAnswer(socket)) breakOff(socket);
    else handler.upgrade?.(request, socket, head);
  });
  const refuse = (socket: Duplex, error: SeksError): void => {
    const requestId = deps.requestId();
    deps.unparsable(error, requestId);
    socket.end(rawErrorAnswer(error, requestId), () => socket.destroy());
  };
  server.on('connect', (request, socket, head) => {
    setTimeoutOf(socket, 0);
    if (owesAnswer(socket)) {
      breakOff(socket);
      return;
    }
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
    else setTimeoutOf(socket, deps.bodyIdleTimeoutMs);
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

/** WebSockets, tunnels and connections in memory have times of their own */
function setTimeoutOf(socket: Duplex, ms: number): void {
  if (socket instanceof Socket) socket.setTimeout(ms);
}
