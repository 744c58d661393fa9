import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { createSidecarMetrics } from '../metrics/sidecar-metrics.ts';
import { createAdminServer } from './admin-server.ts';

let server: Server;
let base: string;
let isReady = false;
const metrics = createSidecarMetrics('1.2.3');

beforeAll(async () => {
  server = createAdminServer({ registry: metrics.registry, ready: () => isReady });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('createAdminServer', () => {
  test('is healthy from the start, and ready with the first lease', async () => {
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    isReady = true;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
  });

  test('shows metrics', async () => {
    metrics.leaseExpires(1_700_000_000_000);
    const answer = await fetch(`${base}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await answer.text();
    expect(text).toContain('seks_build_info{version="1.2.3"} 1\n');
    expect(text).toContain('seks_lease_expiry_timestamp_seconds 1700000000\n');
  });

  test.each(['/', '/metrics/', '/metrics?x=1', '/debug/pprof', '/openai/v1/models'])(
    'S8: has nothing at %s',
    async (path) => {
      expect((await fetch(base + path)).status).toBe(404);
    },
  );

  test.each(['POST', 'PUT', 'DELETE'])('S8: takes no %s', async (method) => {
    expect((await fetch(`${base}/metrics`, { method })).status).toBe(405);
  });

  test('has no body for HEAD', async () => {
    const answer = await fetch(`${base}/healthz`, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });
});
