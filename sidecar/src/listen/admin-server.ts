// Metrics and health, for Prometheus and the kubelet: nothing else is here, and nothing here takes input.
import { createServer, type Server, type ServerResponse } from 'node:http';

import type { Registry } from 'prom-client';

export interface AdminServerDeps {
  registry: Registry;
  /** whether the agent's port is open */
  ready: () => boolean;
}

const LIMIT_MS = 10_000;
/** probes and Prometheus need a few */
const MAX_CONNECTIONS = 64;

/** the admin server, not listening yet */
export function createAdminServer({ registry, ready }: AdminServerDeps): Server {
  const server = createServer(
    { maxHeaderSize: 8_192, headersTimeout: LIMIT_MS, requestTimeout: LIMIT_MS, keepAliveTimeout: LIMIT_MS },
    (request, response) => {
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      if (!isRead) return answer(response, 405, 'method not allowed\n');
      switch (request.url) {
        case '/metrics':
          return void sendMetrics(registry, response);
        case '/healthz':
          return answer(response, 200, 'ok\n');
        case '/readyz':
          return ready() ? answer(response, 200, 'ok\n') : answer(response, 503, 'no lease yet\n');
        default:
          return answer(response, 404, 'not found\n');
      }
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function sendMetrics(registry: Registry, response: ServerResponse): Promise<void> {
  try {
    answer(response, 200, await registry.metrics(), registry.contentType);
  } catch {
    answer(response, 500, 'internal error\n');
  }
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
