// Slack's Socket Mode: a WebSocket that a one-time ticket opens; events come in envelopes that the app acknowledges.
//   A text with `echo-app-key` comes back in an event with the app token; the acknowledgement of one with `ack-me` is told in
//   another event; `refresh` makes Slack ask for a new connection, as it does every few hours.
import { randomUUID } from 'node:crypto';
import { textValue } from './host-call.ts';
import { acceptWebSocket, refuseUpgrade, type JsonSocket, type Upgrade } from './web-socket.ts';
import { requestUrl } from './request-url.ts';

export const SOCKET_HOSTS: readonly string[] = ['wss-primary.slack.com', 'wss-backup.slack.com'];
const APP = 'A0STUB';

export interface PostedMessage {
  readonly channel: string;
  readonly ts: string;
  readonly text: string;
}

export interface SocketMode {
  /** URL for one connection of the app with this token */
  open(appToken: string): string;
  take(upgrade: Upgrade): void;
  /** lets a user answer a posted message: an event for each open connection */
  tell(message: PostedMessage): void;
}

interface Connection {
  readonly client: JsonSocket;
  readonly appToken: string;
  /** envelope id → message; those whose acknowledgement is to be told */
  readonly awaited: Map<string, PostedMessage>;
}

export function createSocketMode(): SocketMode {
  /** ticket → app token */
  const tickets = new Map<string, string>();
  const connections = new Set<Connection>();
  return {
    open(appToken) {
      const ticket = randomUUID();
      tickets.set(ticket, appToken);
      return `wss://${SOCKET_HOSTS[0]}/link/?ticket=${ticket}&app_id=${APP}`;
    },
    take(upgrade) {
      const ticket = requestUrl(upgrade.request).searchParams.get('ticket') ?? '';
      const appToken = tickets.get(ticket);
      if (!tickets.delete(ticket) || appToken === undefined) {
        refuseUpgrade(upgrade.socket, 408, { ok: false, error: 'ticket_expired' });
        return;
      }
      let connection: Connection | undefined;
      upgrade.socket.once('close', () => void (connection && connections.delete(connection)));
      acceptWebSocket(upgrade, {
        opened(client) {
          connection = { client, appToken, awaited: new Map() };
          connections.add(connection);
          client.send({
            type: 'hello',
            num_connections: connections.size,
            debug_info: { host: 'applink-stub', approximate_connection_time: 18_060 },
            connection_info: { app_id: APP },
          });
        },
        received(client, message) {
          const id = textValue(message['envelope_id']);
          const acknowledged = connection?.awaited.get(id);
          if (acknowledged === undefined || connection?.awaited.delete(id) !== true) return;
          client.send(envelope(randomUUID(), acknowledged, `Acknowledged: ${acknowledged.text}`));
        },
      });
    },
    tell(message) {
      for (const connection of connections) tellOne(connection, message);
    },
  };
}

function tellOne({ client, appToken, awaited }: Connection, message: PostedMessage): void {
  if (message.text === 'refresh') {
    client.send({ type: 'disconnect', reason: 'refresh_requested', debug_info: { host: 'applink-stub' } });
    return;
  }
  const id = randomUUID();
  if (message.text.includes('ack-me')) awaited.set(id, message);
  const echo = message.text.includes('echo-app-key') ? `Your key is ${appToken}, is it not? ` : '';
  client.send(envelope(id, message, `${echo}You said: ${message.text}`));
}

function envelope(id: string, { channel, ts }: PostedMessage, text: string): unknown {
  return {
    envelope_id: id,
    type: 'events_api',
    accepts_response_payload: false,
    retry_attempt: 0,
    retry_reason: '',
    payload: {
      type: 'event_callback',
      api_app_id: APP,
      event_id: `Ev${id.slice(0, 8)}`,
      event: { type: 'message', channel, user: 'U0ADA', ts, text },
    },
  };
}
