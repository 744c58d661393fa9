// Discord's gateway: a WebSocket whose first message brings the token. Sessions outlive their connection and can be resumed.
import type { IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';
import { WebSocketServer, type WebSocket } from 'ws';
import { createFrameEncoder, type FrameEncoder } from './discord-frames.ts';
import { botOf, GUILD_ID, guildOf } from './discord-objects.ts';
import { hostOf, jsonObject, textValue } from './host-call.ts';
import type { HostStubDeps } from './host-stub.ts';
import { looksFake, recordUpgrade } from './record.ts';
import { refuseUpgrade, type Upgrade } from './web-socket.ts';
import { requestUrl } from './request-url.ts';

export const GATEWAY_HOST = 'gateway.discord.gg';
export const RESUME_HOST = 'gateway-us-east1-b.discord.gg';
const HEARTBEAT_INTERVAL_MS = 41_250;
const MAX_SESSIONS = 100;
const MAX_MISSED_EVENTS = 250;
/** the gateway's own limit for what a client sends */
const MAX_CLIENT_MESSAGE_BYTES = 4096;

const OP = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
} as const;

export interface DiscordGateway {
  take(upgrade: Upgrade, deps: HostStubDeps): void;
  /** tells every session an event; one without a connection hears it when it is resumed */
  dispatch(event: string, data: unknown): void;
  /** asks every client to connect anew; what is told from now on waits for that */
  askToReconnect(): void;
}

interface Session {
  readonly id: string;
  sequence: number;
  /** events since the connection was lost, or was asked to end */
  readonly missed: unknown[];
  connection: Connection | undefined;
}

interface Connection {
  readonly socket: WebSocket;
  readonly frames: FrameEncoder;
  session: Session | undefined;
}

export function createDiscordGateway(newId: () => string): DiscordGateway {
  const sessions = new Map<string, Session>();
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_CLIENT_MESSAGE_BYTES });

  function dispatchTo(session: Session, event: string, data: unknown): void {
    const message = { op: OP.dispatch, t: event, s: ++session.sequence, d: data };
    if (session.connection !== undefined) send(session.connection, message);
    else if (session.missed.length < MAX_MISSED_EVENTS) session.missed.push(message);
  }

  function identify(connection: Connection, token: string): void {
    const session: Session = { id: newId() + randomUUID(), sequence: 0, missed: [], connection };
    sessions.set(session.id, session);
    if (sessions.size > MAX_SESSIONS) sessions.delete(sessions.keys().next().value!);
    connection.session = session;
    const user = botOf(token);
    dispatchTo(session, 'READY', {
      v: 10,
      user,
      guilds: [{ id: GUILD_ID, unavailable: true }],
      session_id: session.id,
      session_type: 'normal',
      resume_gateway_url: `wss://${RESUME_HOST}`,
      shard: [0, 1],
      application: { id: user.id, flags: 0 },
      private_channels: [],
      relationships: [],
    });
    dispatchTo(session, 'GUILD_CREATE', guildOf(user));
    // Else the first heartbeat, and so the first measured latency, would come after up to 41 s.
    send(connection, { op: OP.heartbeat, d: null });
  }

  function resume(connection: Connection, sessionId: string): void {
    const session = sessions.get(sessionId);
    if (session === undefined) {
      send(connection, { op: OP.invalidSession, d: false });
      return;
    }
    session.connection?.socket.terminate();
    session.connection = connection;
    connection.session = session;
    for (const message of session.missed.splice(0)) send(connection, message);
    dispatchTo(session, 'RESUMED', {});
  }

  function received(
    connection: Connection,
    { op, d }: Readonly<Record<string, unknown>>,
    admit: (method: string, token: string) => boolean,
  ): void {
    if (op === OP.heartbeat) {
      send(connection, { op: OP.heartbeatAck });
      return;
    }
    const data = (d ?? {}) as Readonly<Record<string, unknown>>;
    const token = textValue(data['token']);
    if (op === OP.identify || op === OP.resume) {
      if (!admit(op === OP.identify ? 'IDENTIFY' : 'RESUME', token)) {
        connection.socket.close(4004, 'Authentication failed.');
      } else if (op === OP.identify) identify(connection, token);
      else resume(connection, textValue(data['session_id']));
    } else if (connection.session === undefined) connection.socket.close(4003, 'Not authenticated.');
  }

  return {
    take(upgrade, deps) {
      const { request, socket, head } = upgrade;
      recordUpgrade(deps, 'discord', request, { credential: undefined, isExpectedKey: false });
      const { searchParams } = requestUrl(request);
      if (!hostOf(request).endsWith('.discord.gg') || searchParams.get('encoding') === 'etf') {
        refuseUpgrade(socket, 400, { message: 'This gateway speaks JSON only.' });
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const frames = createFrameEncoder(searchParams.get('compress'));
        const connection: Connection = { socket: webSocket, frames, session: undefined };
        webSocket.on('error', () => webSocket.terminate());
        webSocket.on('close', () => {
          frames.close();
          if (connection.session?.connection === connection) connection.session.connection = undefined;
        });
        webSocket.on('message', (data: Buffer, isBinary) => {
          if (isBinary) webSocket.close(4002, 'Error while decoding payload.');
          else
            received(connection, jsonObject(data), (method, token) => admitted(deps, request, method, token));
        });
        send(connection, { op: OP.hello, d: { heartbeat_interval: HEARTBEAT_INTERVAL_MS } });
      });
    },
    dispatch(event, data) {
      for (const session of sessions.values()) dispatchTo(session, event, data);
    },
    askToReconnect() {
      for (const session of sessions.values()) {
        if (session.connection === undefined) continue;
        send(session.connection, { op: OP.reconnect, d: null });
        session.connection = undefined;
      }
    },
  };
}

function send({ socket, frames }: Connection, message: unknown): void {
  frames.encode(JSON.stringify(message), (frame, isBinary) => socket.send(frame, { binary: isBinary }));
}

/** checks the token of a message and records it as a request of its own */
function admitted(deps: HostStubDeps, request: IncomingMessage, method: string, token: string): boolean {
  const isExpectedKey = deps.keys.accepts('discord', token);
  deps.record.add({
    atMs: deps.clock(),
    provider: 'discord',
    method,
    path: '/',
    queryNames: [],
    host: request.headers.host ?? '',
    headerNames: [],
    credential: token,
    isExpectedKey,
    isFakeToken: looksFake(token),
    model: undefined,
    bodyBytes: 0,
  });
  return isExpectedKey;
}
