// The plain HTTP server for Prometheus and the kubelet: /metrics, /healthz and /readyz, nothing else.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import type { Registry } from 'prom-client';

export interface AdminDeps {
  registry: Registry;
  /** what the process still waits for; ready when that is empty */
  waitingFor: () => readonly string[];
}

/** a server that does not listen yet */
export function createAdminServer({ registry, waitingFor }: AdminDeps): Server {
  const server = createServer((request, response) => {
    void serve(request, response);
  });
  server.requestTimeout = 10_000;
  return server;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await answer(request.method ?? '', request.url ?? '');
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async function answer(
    method: string,
    url: string,
  ): Promise<{ status: number; type: string; body: string }> {
    const plain = 'text/plain; charset=utf-8';
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, type: plain, body: 'method not allowed\n' };
    const [path] = url.split('?');
    // Alive means that this answers at all: an API server that is away must not get us restarted.
    if (path === '/healthz') return { status: 200, type: plain, body: 'ok\n' };
    if (path === '/readyz') {
      const missing = waitingFor();
      if (missing.length === 0) return { status: 200, type: plain, body: 'ok\n' };
      return { status: 503, type: plain, body: `waiting for ${missing.join(', ')}\n` };
    }
    if (path === '/metrics') {
      try {
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      } catch {
        return { status: 500, type: plain, body: 'metrics could not be collected\n' };
      }
    }
    return { status: 404, type: plain, body: 'not found\n' };
  }
}
