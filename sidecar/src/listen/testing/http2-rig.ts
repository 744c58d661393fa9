// Test help: a listener, and clients that speak HTTP/2 with prior knowledge to it.
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';

import { startListener, type TestListener, type TestListenerOptions } from './test-listener.ts';

export interface Http2Rig {
  sidecar: TestListener;
  /** connects a client */
  session(): ClientHttp2Session;
  close(): Promise<void>;
}

export interface Http2Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
  trailers: Record<string, unknown>;
}

/** starts the listener */
export async function startHttp2Rig(options?: TestListenerOptions): Promise<Http2Rig> {
  const sidecar = await startListener(options);
  const sessions: ClientHttp2Session[] = [];
  return {
    sidecar,
    session() {
      const client = connect(`http://127.0.0.1:${sidecar.port}`, { maxSessionMemory: 1_000 });
      client.on('error', () => undefined);
      sessions.push(client);
      return client;
    },
    async close() {
      for (const client of sessions) client.destroy();
      await sidecar.close();
    },
  };
}

/** the whole answer to a request that was opened */
export async function answerTo(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let trailers = {};
  stream.on('trailers', (fields) => (trailers = fields));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  let body = '';
  stream.setEncoding('latin1');
  for await (const chunk of stream) body += chunk;
  return { status: Number(headers[':status']), headers, body, trailers: { ...trailers } };
}

/** sends a whole request */
export function send(
  client: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerTo(stream);
}

/** the code that a stream was closed with */
export async function resetCode(stream: ClientHttp2Stream): Promise<number> {
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.on('error', () => undefined);
  stream.resume();
  await closed;
  return stream.rstCode ?? -1;
}
