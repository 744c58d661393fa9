// An answer as data, so that echo behaviours can rewrite any provider's answer before it is sent.
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export interface Reply {
  readonly status: number;
  readonly statusText?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** each part is one write, so one chunk on the wire */
  readonly parts: readonly Buffer[];
  /** pause between two parts in `ms`; without one the kernel may join them */
  readonly gapMs?: number;
  readonly trailers?: Readonly<Record<string, string>>;
}

export function jsonReply(body: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  const bytes = Buffer.from(JSON.stringify(body));
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers },
    parts: [bytes],
  };
}

export function eventStreamReply(events: readonly string[], headers: Record<string, string> = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers },
    parts: events.map((event) => Buffer.from(event)),
    gapMs: 2,
  };
}

/** one server-sent event without a name, as OpenAI's chat API sends them */
export function dataEvent(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** one server-sent event whose name is the `type` of its data, as Anthropic and OpenAI's responses API send them */
export function namedEvent(data: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** sends the reply; resolves when all was handed over, or as soon as the client is gone */
export async function sendReply(reply: Reply, response: ServerResponse): Promise<void> {
  const headers: Record<string, string> = { ...reply.headers };
  if (reply.trailers !== undefined) {
    // Trailers need chunked framing.
    delete headers['content-length'];
    headers['trailer'] = Object.keys(reply.trailers).join(', ');
  }
  if (reply.statusText === undefined) response.writeHead(reply.status, headers);
  else response.writeHead(reply.status, reply.statusText, headers);
  for (const [index, part] of reply.parts.entries()) {
    if (index > 0 && reply.gapMs !== undefined) await pause(reply.gapMs);
    if (response.destroyed) return;
    response.write(part);
  }
  if (reply.trailers !== undefined) response.addTrailers(reply.trailers);
  response.end();
}
