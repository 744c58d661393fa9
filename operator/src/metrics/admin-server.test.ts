import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fetch } from 'undici';

import { createAdminServer } from './admin-server.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';

let server: Server;
let metrics: Metrics;
let waiting: string[];

beforeEach(async () => {
  metrics = createMetrics({ version: '1.2.3', role: 'controller' });
  waiting = [];
  server = createAdminServer({ registry: metrics.registry, waitingFor: () => waiting });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function get(path: string, method = 'GET'): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { method });
  return [answer.status, await answer.text()];
}

test('is ready when nothing is waited for, and alive anyway', async () => {
  expect(await get('/readyz')).toEqual([200, 'ok\n']);
  waiting = ['the list of pods', 'KMS'];
  expect(await get('/readyz')).toEqual([503, 'waiting for the list of pods, KMS\n']);
  expect(await get('/healthz')).toEqual([200, 'ok\n']);
});

test('serves metrics with what was observed', async () => {
  metrics.admission({ outcome: 'denied', code: 'SEKS_INJECT_NO_BINDING', seconds: 0.003 });
  metrics.unwrap('cached');
  metrics.kmsLatency('local', 0.004);
  metrics.leaseRefusal('SEKS_SECRET_MISSING');
  metrics.leaseStreams(3);
  metrics.queue('bindings').depth(2);
  metrics.queue('bindings').done('ok', 12);
  metrics.certificateExpiry('webhook', 1_000);
  metrics.watchAges({ pods: { silentForMs: () => 1_500 } });
  metrics.reflector('pods').restarted('gone');
  metrics.reflector('pods').relisted();
  metrics.reflector('pods').alive();
  const [status, text] = await get('/metrics');
  expect(status).toBe(200);
  for (const line of [
    'seks_build_info{version="1.2.3",role="controller"} 1',
    'seks_admission_requests_total{outcome="denied",code="SEKS_INJECT_NO_BINDING"} 1',
    'seks_admission_duration_seconds_bucket{le="0.005",outcome="denied"} 1',
    'seks_unwraps_total{result="cached"} 1',
    'seks_kms_duration_seconds_count{kms="local"} 1',
    'seks_lease_refusals_total{code="SEKS_SECRET_MISSING"} 1',
    'seks_lease_streams 3',
    'seks_queue_depth{queue="bindings"} 2',
    'seks_reconcile_duration_seconds_count{queue="bindings",outcome="ok"} 1',
    'seks_certificate_expiry_timestamp_seconds{certificate="webhook"} 1',
    'seks_watch_age_seconds{resource="pods"} 1.5',
    'seks_watch_restarts_total{resource="pods",reason="gone"} 1',
    'seks_watch_relists_total{resource="pods"} 1',
    'seks_watch_messages_total{resource="pods"} 1',
  ]) {
    expect(text).toContain(line);
  }
});

test('two processes in one do not share metrics', async () => {
  createMetrics({ version: '1', role: 'keyservice' }).unwrap('ok');
  expect((await get('/metrics'))[1]).not.toContain('seks_unwraps_total{');
});

test('has nothing else', async () => {
  expect((await get('/'))[0]).toBe(404);
  expect((await get('/metrics', 'POST'))[0]).toBe(405);
  expect(await get('/healthz?x=1', 'HEAD')).toEqual([200, '']);
});
