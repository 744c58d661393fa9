// An agent listener on a free port whose handler tells what it got, for tests of the ways in.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { SeksError } from '@seks/crds';

import { createScheduler, type Scheduler } from '../../lease/scheduler.ts';
import { mintIdentity } from '../../tls/mint-identity.ts';
import { createServerContext } from '../../tls/server-context.ts';
import type { AgentHandler } from '../agent-handler.ts';
import { type AgentListener, type AgentListenerLimits, createAgentListener } from '../agent-server.ts';
import { originOf } from '../origin.ts';
import type { TlsRefusal } from '../tls-connection.ts';

export const HOST = 'api.openai.com';
export const ALIAS_ONLY = 'api.telegram.org';

export interface TestListenerOptions {
  handle?: (request: IncomingMessage, response: ServerResponse, continues: boolean) => void;
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  limits?: Partial<AgentListenerLimits>;
  scheduler?: Pick<Scheduler, 'after'>;
  /** false: no CONNECT */
  proxy?: boolean;
}

export interface TestListener {
  listener: AgentListener;
  port: number;
  /** PEM of the CA to trust */
  ca: string;
  tlsRefusals: TlsRefusal[];
  unparsable: string[];
  /** a connection with all that it gets collected */
  dial: () => Conversation;
  close: () => Promise<void>;
}

/** one raw connection */
export interface Conversation {
  socket: Socket;
  received: () => Buffer;
  /** resolves when what came, as latin1, matches; fails if the connection closes before */
  until: (pattern: RegExp) => Promise<string>;
  closed: Promise<void>;
}

/** what {@link Conversation.until} is to wait for, given as bytes of which a dot may be any */
export function bytes(pattern: string): RegExp {
  return new RegExp(pattern, 's');
}

/** starts one; without a handler it answers each request with its origin, head and body as JSON */
export async function startListener(options: TestListenerOptions = {}): Promise<TestListener> {
  const identity = await mintIdentity([HOST, ALIAS_ONLY], { nowMs: Date.now(), randomBytes });
  const tlsRefusals: TlsRefusal[] = [];
  const unparsable: string[] = [];
  const handler: AgentHandler = {
    handle: (request, response, continues = false) =>
      (options.handle ?? report)(request, response, continues),
    broken: (response) => void response.destroy(),
    drain: () => undefined,
    ...(options.upgrade === undefined ? {} : { upgrade: options.upgrade }),
  };
  let count = 0;
  const listener = createAgentListener({
    handler,
    requestId: () => `id-${(count += 1)}`,
    scheduler: options.scheduler ?? createScheduler(),
    unparsable: (error: SeksError) => unparsable.push(error.code),
    tls: {
      secureContext: createServerContext(identity),
      hosts: [HOST, ALIAS_ONLY],
      proxied: options.proxy === false ? [] : [HOST],
      refused: (reason) => tlsRefusals.push(reason),
    },
    limits: options.limits,
  });
  const server = listener.serverFor(0).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    listener,
    port,
    ca: identity.caPem,
    tlsRefusals,
    unparsable,
    dial: () => converse(connect(port, '127.0.0.1')),
    async close() {
      listener.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}

/** collects what a connection gets */
export function converse(socket: Socket): Conversation {
  const chunks: Buffer[] = [];
  const waiting = new Set<() => void>();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
      for (const check of waiting) check();
    });
  });
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    for (const check of waiting) check();
  });
  // A reset is one of the ways to close.
  socket.on('error', () => undefined);
  const received = (): Buffer => Buffer.concat(chunks);
  return {
    socket,
    received,
    closed,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const text = received().toString('latin1');
          if (pattern.test(text)) resolve(text);
          else if (socket.destroyed) reject(new Error(`closed before ${pattern}: ${text}`));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      }),
  };
}

function report(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  const { hosts: _, ...origin } = originOf(request.socket);
  request.setEncoding('latin1');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const { method, url, rawHeaders } = request;
    response.end(`${JSON.stringify({ origin, method, url, rawHeaders, body })}\n`);
  });
}
