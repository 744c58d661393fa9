// HTTP/2, for clients that speak nothing else, as the AWS SDK: behind TLS, and with prior knowledge without (RFC 9113 §3.3). Each
// stream becomes a request to the HTTP/1.1 server, so that there is one place where requests are checked.
import { constants, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { SeksError, toSeksError } from '@seks/crds';

import type { ConnectionCount } from './connection-count.ts';
import { innerHead } from './h2-head.ts';
import { answerStreamError, innerConnection, relayStream, type UploadLimits } from './h2-stream.ts';
import { isSecure, markOrigin, type Origin, originOf } from './origin.ts';

export interface H2BridgeDeps extends UploadLimits {
  /** serves HTTP/1.1 on a connection in memory */
  serve: (connection: Duplex) => void;
  /** streams count like connections: each may hold a head and a window of body */
  connections: ConnectionCount;
  maxSessions: number;
  /** for the client's preface and SETTINGS, in `ms` */
  prefaceTimeoutMs: number;
  /** sessions without any traffic are closed after so many `ms` */
  idleTimeoutMs: number;
  requestId: () => string;
  /** told of requests that were refused before they could be handed on */
  unparsable: (error: SeksError, requestId: string) => void;
}

/** serves HTTP/2 sessions */
export interface H2Bridge {
  /** takes over a connection whose origin is decided */
  accept(socket: Socket): void;
  /** lets streams end, takes no new ones (GOAWAY) */
  drain(): void;
}

export const MAX_STREAMS_PER_SESSION = 128;
const MAX_HEADER_BYTES = 32_768;
/** of streams reset by the client, at once and per second: nghttp2 ends the session beyond (CVE-2023-44487, rapid reset) */
const RESET_BURST = 256;
const RESETS_PER_SECOND = 64;
/** of everything that nghttp2 itself holds for one session, in `MB`: 128 heads of 32 KiB */
const MAX_SESSION_MEMORY_MB = 4;

// What else bounds a session is in Node and nghttp2: 8 CONTINUATION frames for a head (CVE-2024-27316), 128 header pairs,
// 10 unanswered pings, 32 settings in a frame, 1,000 unsent acknowledgements (floods of SETTINGS and PING), 1,000 invalid frames.

/** a bridge to the HTTP/1.1 server */
export function createH2Bridge(deps: H2BridgeDeps): H2Bridge {
  const { connections } = deps;
  const sessions = new Map<ServerHttp2Session, Origin>();
  const server = createServer({
    settings: {
      maxConcurrentStreams: MAX_STREAMS_PER_SESSION,
      maxHeaderListSize: MAX_HEADER_BYTES,
      enablePush: false,
      enableConnectProtocol: false,
    },
    maxSessionMemory: MAX_SESSION_MEMORY_MB,
    streamResetBurst: RESET_BURST,
    streamResetRate: RESETS_PER_SECOND,
  });
  server.on('session', (session) => {
    // The socket behind the session, seen through its proxy.
    sessions.set(session, originOf(session.socket));
    const calledOff = deps.scheduler.after(deps.prefaceTimeoutMs, () => session.destroy());
    session.once('remoteSettings', calledOff);
    session.once('close', () => {
      calledOff();
      sessions.delete(session);
    });
    session.setTimeout(deps.idleTimeoutMs, () => session.close());
  });
  // The session ends by itself; what was wrong with it is the client's affair.
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, _headers, flags, rawHeaders) => {
    // What breaks a stream is told by 'close'.
    stream.on('error', () => undefined);
    try {
      open(stream, rawHeaders, (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0);
    } catch (cause) {
      const requestId = deps.requestId();
      const error = toSeksError(cause);
      deps.unparsable(error, requestId);
      answerStreamError(stream, error, requestId, deps);
    }
  });

  function open(stream: ServerHttp2Stream, rawHeaders: string[], hasBody: boolean): void {
    const origin =
      stream.session === undefined ? undefined : sessions.get(stream.session as ServerHttp2Session);
    if (origin === undefined) throw new SeksError('SEKS_INTERNAL', 'The session has no origin.');
    const head = innerHead(rawHeaders, isSecure(origin) ? 'https' : 'http', hasBody);
    const inner = innerConnection();
    if (!connections.enter(inner.server)) {
      // Nothing was done with it, and the client may know that (RFC 9113 §8.7).
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      inner.client.destroy();
      return;
    }
    markOrigin(inner.server, origin);
    deps.serve(inner.server);
    relayStream(stream, head, inner, deps);
  }

  return {
    accept(socket) {
      // Here, and not when the session is there: one that is destroyed by then makes Node throw a tick later.
      if (sessions.size >= deps.maxSessions) {
        socket.destroy();
        return;
      }
      // What the client had sent before it half-closed was read already, so the session itself would never see the end.
      socket.once('end', () => socket.destroy());
      server.emit('connection', socket);
    },
    drain() {
      for (const session of sessions.keys()) session.close();
    },
  };
}
