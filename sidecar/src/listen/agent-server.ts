// The agent's side: ports on the loopback interface that speak HTTP/1.1, HTTP/2 with prior knowledge, TLS and CONNECT, and
// hand every connection to one HTTP/1.1 server.
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';

import type { SeksError } from '@seks/crds';

import type { Scheduler } from '../lease/scheduler.ts';
import type { AgentHandler } from './agent-handler.ts';
import { openTunnel } from './connect-tunnel.ts';
import { createConnectionCount } from './connection-count.ts';
import { createH2Bridge } from './h2-bridge.ts';
import { createHttp1Server } from './http1-server.ts';
import { baseOrigin, hostOrigin, markOrigin, type Origin } from './origin.ts';
import { type Protocol, sniff } from './sniff.ts';
import { terminateTls, type TlsRefusal } from './tls-connection.ts';

/** what the sidecar ends TLS for */
export interface TlsSettings {
  secureContext: SecureContext;
  /** provider hosts, in lower case, that are answered under their own name */
  hosts: readonly string[];
  /** those of them that CONNECT may name; empty: there is no proxy */
  proxied: readonly string[];
  /** told of TLS connections that were refused */
  refused: (reason: TlsRefusal) => void;
}

/** times in `ms` */
export interface AgentListenerLimits {
  /** connections on all ports, streams of HTTP/2 and requests that wait behind others together */
  maxConnections: number;
  maxHttp2Sessions: number;
  /** until a connection has said which protocol it speaks, and for the head of each request */
  headersTimeoutMs: number;
  handshakeTimeoutMs: number;
  keepAliveTimeoutMs: number;
  /** silence in the middle of a request's body, while it would be taken */
  bodyIdleTimeoutMs: number;
}

export interface AgentListenerDeps {
  handler: AgentHandler;
  requestId: () => string;
  scheduler: Pick<Scheduler, 'after'>;
  /** told of requests that were refused before they could be parsed */
  unparsable: (error: SeksError, requestId: string) => void;
  /** omitted: TLS is refused as an unparsable request */
  tls?: TlsSettings | undefined;
  limits?: Partial<AgentListenerLimits> | undefined;
}

/** serves connections of the agent */
export interface AgentListener {
  /** a server for one port, not listening yet; `port` is what clients name in Host */
  serverFor(port: number): Server;
  /** stops accepting and lets running requests end; resolves when the last connection has closed */
  drain(): Promise<void>;
  /** breaks everything off */
  destroy(): void;
}

export const DEFAULT_LIMITS: AgentListenerLimits = {
  // So that heads which never end cannot use up the container's memory: 512 parallel streams, and as many again.
  maxConnections: 1_024,
  maxHttp2Sessions: 64,
  headersTimeoutMs: 15_000,
  handshakeTimeoutMs: 10_000,
  // Longer than clients keep idle connections, so that they close first.
  keepAliveTimeoutMs: 620_000,
  bodyIdleTimeoutMs: 60_000,
};
const DRAIN_SWEEP_MS = 50;

/** the agent's side; nothing listens before `serverFor(port).listen()` */
export function createAgentListener(deps: AgentListenerDeps): AgentListener {
  const { tls, scheduler } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const connections = createConnectionCount(limits.maxConnections);
  /** connections whose protocol or server name is not known yet: nothing is lost when they are closed */
  const undecided = new Set<Socket>();
  const servers: Server[] = [];
  const hostOrigins = new Map(tls?.hosts.map((host) => [host, hostOrigin(host)]));
  const proxied = new Set(tls?.proxied);
  const http1 = createHttp1Server({
    ...deps,
    ...limits,
    connections,
    connect:
      proxied.size === 0
        ? undefined
        : (request, socket, head) => openTunnel(request, socket, head, { proxied, terminate: tunnel }),
  });
  const serve = (connection: Duplex): void => {
    http1.emit('connection', connection);
  };
  const h2 = createH2Bridge({
    ...deps,
    serve,
    connections,
    maxSessions: limits.maxHttp2Sessions,
    prefaceTimeoutMs: limits.headersTimeoutMs,
    idleTimeoutMs: limits.keepAliveTimeoutMs,
    bodyIdleTimeoutMs: limits.bodyIdleTimeoutMs,
  });

  function accept(socket: Socket, plain: Origin, secure: Origin): void {
    // Whoever owns the connection hears of its errors; this is for the moments in between, when nobody does.
    socket.on('error', ignore);
    if (!connections.enter(socket)) {
      socket.destroy();
      return;
    }
    hold(socket);
    sniff(socket, {
      scheduler,
      timeoutMs: limits.headersTimeoutMs,
      decided: (_, protocol) => dispatch(socket, protocol, plain, secure),
    });
  }

  function dispatch(socket: Socket, protocol: Protocol, plain: Origin, secure: Origin): void {
    if (protocol === 'tls' && tls !== undefined) {
      endTls(socket, tls, (name) => (isOwnName(name) ? secure : hostOrigins.get(name)));
      return;
    }
    undecided.delete(socket);
    markOrigin(socket, plain);
    if (protocol === 'http2') h2.accept(socket);
    // TLS as well, where there is none: the parser refuses it, and the refusal is counted.
    else serve(socket);
  }

  /** the TLS that follows a CONNECT: under the name that was asked for, or not at all */
  function tunnel(socket: Socket, host: string): void {
    hold(socket);
    if (tls !== undefined) endTls(socket, tls, (name) => (name === host ? hostOrigins.get(host) : undefined));
    else socket.destroy();
  }

  function endTls(
    socket: Socket,
    { secureContext, refused }: TlsSettings,
    originOfName: (name: string) => Origin | undefined,
  ): void {
    terminateTls(socket, originOfName, {
      secureContext,
      refused,
      scheduler,
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
      secured(decrypted, origin) {
        undecided.delete(socket);
        decrypted.on('error', ignore);
        markOrigin(decrypted, origin);
        if (decrypted.alpnProtocol === 'h2') h2.accept(decrypted);
        else serve(decrypted);
      },
    });
  }

  function hold(socket: Socket): void {
    undecided.add(socket);
    socket.once('close', () => undecided.delete(socket));
  }

  return {
    serverFor(port) {
      const [plain, secure] = [baseOrigin(port, false), baseOrigin(port, true)];
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        accept(socket, plain, secure),
      );
      servers.push(server);
      return server;
    },
    async drain() {
      for (const server of servers) server.close();
      for (const socket of undecided) socket.destroy();
      h2.drain();
      // Node has no event for a connection that becomes idle.
      let calledOff = (): void => undefined;
      const sweep = (): void => {
        http1.closeIdleConnections();
        calledOff = scheduler.after(DRAIN_SWEEP_MS, sweep);
      };
      sweep();
      await connections.empty();
      calledOff();
      http1.close();
    },
    destroy() {
      for (const server of servers) server.close();
      connections.destroyAll();
      http1.close();
    },
  };
}

/** no name, or one for this machine; a client that dials an address may send it as a name, although it should not */
function isOwnName(serverName: string): boolean {
  return serverName === '' || serverName === 'localhost' || serverName === '127.0.0.1';
}

function ignore(): void {
  // Somebody else looks at it.
}
