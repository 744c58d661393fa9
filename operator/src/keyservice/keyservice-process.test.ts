// What the whole key service gives to the sidecar of an injected pod, and what it leaves behind. Its refusals are shown in
// keyservice-refusals.test.ts, its event stream in keyservice-streams.test.ts.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Secret, headerOf, openEnvelope } from '@seks/crds';
import type { SeksBinding } from '@seks/crds';

import { CONFIG_MAPS, SEKS_BINDINGS } from '../kube/resources.ts';
import { until } from '../kube/testing/until.ts';
import {
  CANARY_KEY,
  MISSING,
  NAMESPACE,
  NOT_SEALED,
  POD_NAME,
  contextOf,
  leaseFor,
  podToken,
  sealedReport,
} from './testing/fixture.ts';
import { askLease, call, codeOf } from './testing/lease-client.ts';
import { RELEASE, startKeyservice } from './testing/running-keyservice.ts';
import type { RunningKeyservice } from './testing/running-keyservice.ts';

let service: RunningKeyservice;

beforeEach(async () => {
  service = await startKeyservice();
});

afterEach(async () => {
  await service.close();
});

describe('a lease', () => {
  test('S1: brings the data key with which the sidecar, and nobody else, can open its envelope', async () => {
    const lease = await askLease(service);
    const [granted] = lease.credentials;
    expect(lease).toMatchObject({ ttlSeconds: 900, refusals: [] });
    expect(lease.caBundle).toContain('BEGIN CERTIFICATE');
    expect(granted).toMatchObject({ credential: 'openai', agent: 'research', source: 0, tier: 'user' });
    const dataKey = new Secret('data-key', Buffer.from(granted?.dataKey ?? '', 'base64url'));
    const { scope: _scope, ...found } = contextOf();
    const key = await openEnvelope(service.envelope, dataKey, found as Parameters<typeof openEnvelope>[2]);
    expect(key.reveal((bytes) => bytes.toString())).toBe(CANARY_KEY);
    expect(JSON.stringify(lease)).not.toContain(CANARY_KEY);
  });

  test('is not to be stored by anybody on the way', async () => {
    const answer = await call(service, '/v1/leases', {
      method: 'POST',
      body: leaseFor([sealedReport(service.envelope), MISSING]),
    });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(answer.headers).not.toHaveProperty('etag');
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  });

  test('is a 200 with refusals where credentials cannot be used', async () => {
    const wrong = await service.seal({ provider: 'groq' });
    const credentials = [
      { bindingUid: 'uid-of-research', credential: 'openai', sources: [sealedReport(wrong), MISSING] },
      { bindingUid: 'uid-of-research', credential: 'claude', sources: [NOT_SEALED] },
    ];
    const lease = await askLease(service, leaseFor([], { credentials }));
    expect(lease.credentials).toEqual([]);
    expect(lease.refusals).toMatchObject([
      { credential: 'openai', code: 'SEKS_SEAL_WRONG_PROVIDER' },
      { credential: 'claude', code: 'SEKS_SECRET_NOT_SEALED' },
    ]);
  });

  test('a wrapping that the KMS refuses becomes a refusal, and the condition of the binding', async () => {
    const other = await service.seal({ secret: 'builder-keys' });
    const header = { ...headerOf(service.envelope), edks: headerOf(other).edks };
    const lease = await askLease(service, leaseFor([{ state: 'sealed', header }, MISSING]));
    expect(lease.refusals).toMatchObject([{ credential: 'openai', code: 'SEKS_SEAL_UNWRAP_REFUSED' }]);
    const binding = await until('the condition is written', () => {
      const found = service.api.get(SEKS_BINDINGS, 'research', NAMESPACE) as unknown as SeksBinding;
      return found.status?.conditions?.[0]?.type === 'Sealed' ? found : undefined;
    });
    expect(binding.status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'SealUnwrapRefused' });
    expect(binding.status?.conditions?.[0]?.message).toContain('Secret alice-keys, key openai');
  });
});

describe('what is left behind', () => {
  test('S9: logs and metrics tell names and codes, and none of the secrets', async () => {
    const lease = await askLease(service);
    await askLease(service, leaseFor([MISSING, MISSING]));
    await call(service, '/v1/leases', { method: 'POST', token: '', body: {} });
    const token = podToken().reveal((bytes) => bytes.toString());
    const text = service.logged() + (await service.metrics());
    for (const secret of [
      CANARY_KEY,
      token,
      lease.id,
      lease.credentials[0]?.dataKey ?? 'none',
      service.envelope.ciphertext,
    ]) {
      expect(text).not.toContain(secret);
    }
    const lines = service
      .logged()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const audit = {
      namespace: NAMESPACE,
      pod: POD_NAME,
      binding: 'research',
      credential: 'openai',
      provider: 'openai',
    };
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'unwrap', ...audit, tier: 'user', code: '' }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'lease_granted', ...audit, tier: 'user', code: '' }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'lease_refused', ...audit, code: 'SEKS_SECRET_MISSING' }),
    );
    expect(text).toContain('seks_lease_requests_total{code="SEKS_LEASE_TOKEN_INVALID"} 1');
    expect(text).toContain('seks_lease_refusals_total{code="SEKS_SECRET_MISSING"} 1');
    expect(text).toContain('seks_unwraps_total{result="ok"} 1');
  });

  test('S7: without injection keys it is not ready and gives nothing', async () => {
    service.api.remove(CONFIG_MAPS, 'seks-trust', RELEASE);
    await until('it noticed', () => service.waitingFor().length > 0);
    expect(service.waitingFor()).toEqual(['the injection keys of the controller']);
    const answer = await call(service, '/v1/leases', { method: 'POST', body: leaseFor([MISSING, MISSING]) });
    expect([answer.status, codeOf(answer)]).toEqual([503, 'SEKS_KEYSERVICE_NOT_READY']);
  });

  test('a sealing key that somebody removed is published again', async () => {
    service.api.remove(CONFIG_MAPS, 'seks-sealing-key', RELEASE);
    await until('it is back', () => service.api.get(CONFIG_MAPS, 'seks-sealing-key', RELEASE));
    expect(service.waitingFor()).toEqual([]);
  });
});
