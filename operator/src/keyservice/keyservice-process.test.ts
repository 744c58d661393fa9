// The whole key service over real TLS on loopback. The API server is a mock; envelopes, seals, KMS and certificates are real.
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  Secret,
  errorAnswer,
  headerOf,
  leaseAnswer,
  openEnvelope,
  parseEnvelope,
  revokedEvent,
  sealKey,
} from '@seks/crds';
import type { Envelope, LeaseAnswer, LeaseRequest, SeksBinding } from '@seks/crds';

import type { KeyserviceConfig } from '../config.ts';
import type { OperatorProcess } from '../controller/controller-process.ts';
import { formatKeySet } from '../injection/index.ts';
import { createLocalKms, generateLocalKeyPair } from '../kms/index.ts';
import { CONFIG_MAPS, PODS, SECRETS, SEKS_BINDINGS } from '../kube/resources.ts';
import { startMockApiServer } from '../kube/testing/mock-api-server.ts';
import type { MockApiServer, MockObject } from '../kube/testing/mock-api-server.ts';
import { until } from '../kube/testing/until.ts';
import { createLog } from '../metrics/log.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createKeyserviceProcess } from './keyservice-process.ts';
import {
  CANARY_KEY,
  MISSING,
  NAMESPACE,
  NOT_SEALED,
  POD_NAME,
  contextOf,
  injectedPod,
  leaseFor,
  podToken,
  researchBinding,
  reviewStatus,
  sealedReport,
  signer,
} from './testing/fixture.ts';

const RELEASE = 'seks';
/** now, because OpenSSL checks certificates against the real time */
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const agentPod = () => injectedPod([researchBinding()], NOW_MS);
const CONFIG: KeyserviceConfig = {
  role: 'keyservice',
  namespace: RELEASE,
  clusterDomain: 'cluster.local',
  logLevel: 'debug',
  adminPort: 0,
  kube: { kind: 'in-cluster' },
  instance: 'test',
  listenPort: 0,
  leaseTtlSeconds: 900,
  kms: [{ kms: 'local' }],
};

// Made once: generating an RSA key takes longer than all the rest.
const sealing = await generateLocalKeyPair();

let api: MockApiServer;
let keyservice: OperatorProcess;
let abort: AbortController;
let running: Promise<void>;
let logged: string;
let nowMs: number;
let envelope: Envelope;
const metrics = () => registry.metrics();
let registry: ReturnType<typeof createMetrics>['registry'];

beforeEach(async () => {
  api = await startMockApiServer();
  api.onTokenReview = () => reviewStatus();
  nowMs = NOW_MS;
  logged = '';
  abort = new AbortController();
  const trust = { 'ca.crt': 'unused', 'injection-keys.json': formatKeySet(signer.publicKeys()) };
  api.put(CONFIG_MAPS, { metadata: { name: 'seks-trust', namespace: RELEASE }, data: trust });
  const keys = {
    [sealing.kid]: sealing.privateKeyPem.reveal((pem) => pem.toString('base64')),
    current: Buffer.from(sealing.kid).toString('base64'),
  };
  api.put(SECRETS, { metadata: { name: 'seks-kms-local', namespace: RELEASE }, data: keys });
  putBinding();
  api.put(PODS, agentPod());
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged += chunk.toString();
      done();
    },
  });
  const built = createMetrics({ version: 'test', role: 'keyservice' });
  ({ registry } = built);
  keyservice = createKeyserviceProcess({
    config: CONFIG,
    api: api.api,
    metrics: built,
    log: createLog('debug', sink),
    clock: () => nowMs,
    random: () => 0,
    apiAudiences: [],
  });
  running = keyservice.run(abort.signal);
  await keyservice.servable;
  await new Promise<void>((resolve) => keyservice.server.listen(0, '127.0.0.1', resolve));
  await until('it is ready', () => keyservice.waitingFor().length === 0);
  envelope = await seal();
});

afterEach(async () => {
  abort.abort();
  await running;
  keyservice.server.closeAllConnections();
  await new Promise((resolve) => keyservice.server.close(resolve));
  await api.close();
});

function putBinding(spec: Partial<SeksBinding['spec']> = {}): void {
  api.put(SEKS_BINDINGS, researchBinding(spec) as unknown as MockObject);
}

/** seals with the key that the key service published, as the CLI does */
async function seal(place: Partial<ReturnType<typeof contextOf>> = {}): Promise<Envelope> {
  const published = await until('the sealing key is published', () =>
    api.get(CONFIG_MAPS, 'seks-sealing-key', RELEASE),
  );
  const publicKeyPem = (published['data'] as Record<string, string>)['sealing.pem'] ?? '';
  const ctx = { ...contextOf(), ...place };
  const { dataKey, wrapped } = await createLocalKms({ publicKeyPem }).wrap(ctx, abort.signal);
  const key = new Secret('provider-key', CANARY_KEY);
  return parseEnvelope(await sealKey(key, ctx, { dataKey, edks: [wrapped] }, randomBytes));
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

interface CallOptions {
  method?: string;
  token?: Secret<'pod-token'> | string | undefined;
  body?: unknown;
  contentType?: string;
}

function caOf(): Buffer {
  const data = api.get(SECRETS, 'seks-ca', RELEASE)?.['data'] as Record<string, string>;
  const pem = Object.values(data)
    .map((value) => Buffer.from(value, 'base64').toString())
    .join('\n');
  return Buffer.from(
    pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.join('\n') ?? '',
  );
}

function send(path: string, { method = 'GET', token = podToken(), body, contentType }: CallOptions) {
  const bearer = typeof token === 'string' ? token : token?.reveal((bytes) => bytes.toString());
  const request = httpsRequest({
    host: '127.0.0.1',
    port: (keyservice.server.address() as AddressInfo).port,
    servername: 'seks-keyservice.seks.svc.cluster.local',
    ca: caOf(),
    agent: false,
    method,
    path,
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
    },
  });
  request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  return request;
}

async function call(path: string, options: CallOptions = {}): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = send(path, options);
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
  });
}

async function askLease(
  request: LeaseRequest = leaseFor([sealedReport(envelope), MISSING]),
): Promise<LeaseAnswer> {
  const answer = await call('/v1/leases', { method: 'POST', body: request });
  expect(answer.status).toBe(200);
  return leaseAnswer.parse(JSON.parse(answer.body));
}

function codeOf(answer: Answer): string {
  return errorAnswer.parse(JSON.parse(answer.body)).error.code;
}

interface Followed {
  events: string[];
  isEnded: boolean;
  status: number;
}

/** opens the event stream as a sidecar does; events appear in the list as they arrive */
function follow(id: string, token?: Secret<'pod-token'>): Followed {
  const followed: Followed = { events: [], isEnded: false, status: 0 };
  let pending = '';
  const feed = (chunk: string): void => {
    const blocks = (pending + chunk).split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, event, data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      const revoked = event === 'revoked' ? revokedEvent.parse(JSON.parse(data)) : undefined;
      followed.events.push(revoked === undefined ? (event ?? block) : `revoked ${revoked.code}`);
    }
  };
  const request = send(`/v1/leases/${id}/events`, token === undefined ? {} : { token });
  request.on('response', (response) => {
    followed.status = response.statusCode ?? 0;
    response.setEncoding('utf8');
    response.on('data', feed);
    response.on('end', () => (followed.isEnded = true));
    response.on('error', () => (followed.isEnded = true));
  });
  request.on('error', () => (followed.isEnded = true));
  return followed;
}

async function open(id: string): Promise<Followed> {
  const followed = follow(id);
  await until('the stream is open', () => followed.status !== 0);
  expect(followed.status).toBe(200);
  return followed;
}

describe('a lease', () => {
  test('S1: brings the data key with which the sidecar, and nobody else, can open its envelope', async () => {
    const lease = await askLease();
    const [granted] = lease.credentials;
    expect(lease).toMatchObject({ ttlSeconds: 900, refusals: [] });
    expect(lease.caBundle).toContain('BEGIN CERTIFICATE');
    expect(granted).toMatchObject({ credential: 'openai', agent: 'research', source: 0, tier: 'user' });
    const dataKey = new Secret('data-key', Buffer.from(granted?.dataKey ?? '', 'base64url'));
    const { scope: _scope, ...found } = contextOf();
    const key = await openEnvelope(envelope, dataKey, found as Parameters<typeof openEnvelope>[2]);
    expect(key.reveal((bytes) => bytes.toString())).toBe(CANARY_KEY);
    expect(JSON.stringify(lease)).not.toContain(CANARY_KEY);
  });

  test('is not to be stored by anybody on the way', async () => {
    const answer = await call('/v1/leases', {
      method: 'POST',
      body: leaseFor([sealedReport(envelope), MISSING]),
    });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(answer.headers).not.toHaveProperty('etag');
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  });

  test('is a 200 with refusals where credentials cannot be used', async () => {
    const wrong = await seal({ provider: 'groq' });
    const credentials = [
      { bindingUid: 'uid-of-research', credential: 'openai', sources: [sealedReport(wrong), MISSING] },
      { bindingUid: 'uid-of-research', credential: 'claude', sources: [NOT_SEALED] },
    ];
    const lease = await askLease(leaseFor([], { credentials }));
    expect(lease.credentials).toEqual([]);
    expect(lease.refusals).toMatchObject([
      { credential: 'openai', code: 'SEKS_SEAL_WRONG_PROVIDER' },
      { credential: 'claude', code: 'SEKS_SECRET_NOT_SEALED' },
    ]);
  });

  test('a wrapping that the KMS refuses becomes a refusal, and the condition of the binding', async () => {
    const other = await seal({ secret: 'builder-keys' });
    const header = { ...headerOf(envelope), edks: headerOf(other).edks };
    const lease = await askLease(leaseFor([{ state: 'sealed', header }, MISSING]));
    expect(lease.refusals).toMatchObject([{ credential: 'openai', code: 'SEKS_SEAL_UNWRAP_REFUSED' }]);
    const binding = await until('the condition is written', () => {
      const found = api.get(SEKS_BINDINGS, 'research', NAMESPACE) as unknown as SeksBinding;
      return found.status?.conditions?.[0]?.type === 'Sealed' ? found : undefined;
    });
    expect(binding.status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'SealUnwrapRefused' });
    expect(binding.status?.conditions?.[0]?.message).toContain('Secret alice-keys, key openai');
  });
});

describe('who may ask', () => {
  const body = leaseFor([MISSING, MISSING]);

  test.each<[string, CallOptions['token']]>([
    ['no token', ''],
    ['a token for another audience', podToken({ aud: ['api'] })],
    ['an expired token', podToken({ exp: 1 })],
    ['an oversized token', 'a'.repeat(15_000)],
  ])('S3: 401 for %s, without asking the API server', async (_, token) => {
    const answer = await call('/v1/leases', { method: 'POST', body, token });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'SEKS_LEASE_TOKEN_INVALID']);
    expect(answer.headers['x-seks-error']).toBe('SEKS_LEASE_TOKEN_INVALID');
    expect(api.requests).not.toContain('POST /apis/authentication.k8s.io/v1/tokenreviews');
  });

  test('S3: 401 for a token that is not bound to a pod', async () => {
    api.onTokenReview = () => reviewStatus({ extra: {} });
    expect(codeOf(await call('/v1/leases', { method: 'POST', body }))).toBe('SEKS_LEASE_TOKEN_INVALID');
  });

  test('503 while the API server does not review tokens', async () => {
    api.onTokenReview = () => {
      throw new Error('mock');
    };
    const answer = await call('/v1/leases', { method: 'POST', body });
    expect([answer.status, codeOf(answer)]).toEqual([503, 'SEKS_KEYSERVICE_NOT_READY']);
    expect(answer.headers['retry-after']).toBe('2');
  });

  test('403 for a pod that nobody knows, or that has the name but not the uid', async () => {
    for (const uid of ['pod-uid-of-nobody', 'pod-uid-of-a-namesake']) {
      api.onTokenReview = () =>
        reviewStatus({
          extra: {
            'authentication.kubernetes.io/pod-name': [uid.endsWith('nobody') ? 'nobody' : POD_NAME],
            'authentication.kubernetes.io/pod-uid': [uid],
          },
        });
      const answer = await call('/v1/leases', { method: 'POST', body, token: podToken({ jti: uid }) });
      expect([answer.status, codeOf(answer)]).toEqual([403, 'SEKS_LEASE_POD_UNKNOWN']);
    }
  });

  test('a pod that our watch does not know yet is read from the API server', async () => {
    api.faults.push(...Array.from({ length: 50 }, () => ({ on: 'watch', what: 'silent' }) as const));
    const fresh = agentPod();
    const metadata = { ...fresh.metadata, name: 'fresh', uid: 'fresh-uid' };
    api.dropWatches();
    api.put(PODS, { ...fresh, metadata });
    api.onTokenReview = () =>
      reviewStatus({
        extra: {
          'authentication.kubernetes.io/pod-name': ['fresh'],
          'authentication.kubernetes.io/pod-uid': ['fresh-uid'],
        },
      });
    const lease = await askLease();
    expect(lease.credentials).toHaveLength(1);
    expect(api.requests).toContain(`GET /api/v1/namespaces/${NAMESPACE}/pods/fresh`);
    api.faults.length = 0;
  });

  const change = (edit: (pod: ReturnType<typeof injectedPod>) => void): void => {
    const next = structuredClone(api.get(PODS, POD_NAME, NAMESPACE)) as unknown as ReturnType<
      typeof injectedPod
    >;
    edit(next);
    api.put(PODS, next);
  };

  test.each<[string, Parameters<typeof change>[0], string]>([
    [
      'is being deleted',
      (pod) => void (pod.metadata.deletionTimestamp = '2026-03-01T12:00:05Z'),
      'POD_TERMINATING',
    ],
    ['has finished', (pod) => void (pod.status = { phase: 'Failed' }), 'POD_TERMINATING'],
    ['lost its label', (pod) => void delete pod.metadata.labels?.['seks.ai/injected'], 'POD_UNKNOWN'],
    [
      'lost its seal',
      (pod) => void delete pod.metadata.annotations?.['seks.ai/injection-seal'],
      'POD_NOT_SEALED',
    ],
    [
      'runs another sidecar image',
      (pod) => {
        const [sidecar] = pod.spec.initContainers ?? [];
        if (sidecar !== undefined) sidecar['image'] = 'registry.example/evil:1';
      },
      'POD_NOT_SEALED',
    ],
    [
      'has a container that mounts our volume',
      (pod) => void pod.spec.containers[0]?.volumeMounts?.push({ name: 'seks-private', mountPath: '/x' }),
      'POD_NOT_SEALED',
    ],
  ])('S11: 403 for a pod that %s', async (_, edit, code) => {
    change(edit);
    const answer = await until('the watch has told', async () => {
      const got = await call('/v1/leases', { method: 'POST', body });
      return got.status === 200 ? undefined : got;
    });
    expect([answer.status, codeOf(answer)]).toEqual([403, `SEKS_LEASE_${code}`]);
  });

  test('429 with Retry-After for a pod that asks too often, and for no other', async () => {
    let answer = await call('/v1/leases', { method: 'POST', body });
    for (let i = 0; answer.status === 200 && i < 100; i += 1)
      answer = await call('/v1/leases', { method: 'POST', body });
    expect([answer.status, codeOf(answer)]).toEqual([429, 'SEKS_LEASE_RATE_LIMITED']);
    expect(answer.headers['retry-after']).toBe('2');
    nowMs += 2_000;
    expect((await call('/v1/leases', { method: 'POST', body })).status).toBe(200);
  });
});

describe('what is asked', () => {
  const json = 'application/json';
  test.each<[string, unknown, string]>([
    ['no body', undefined, json],
    ['no JSON', '{', json],
    ['another protocol', { ...leaseFor([MISSING, MISSING]), protocol: 2 }, json],
    ['unknown fields', { ...leaseFor([MISSING, MISSING]), decrypt: 'x' }, json],
    ['another content type', leaseFor([MISSING, MISSING]), 'text/plain'],
    [
      'ciphertext',
      leaseFor([{ state: 'sealed', header: { protected: 'a', ciphertext: 'a' } } as never, MISSING]),
      json,
    ],
    [
      'a credential of others',
      leaseFor([], { credentials: [{ bindingUid: 'x', credential: 'y', sources: [MISSING] }] }),
      json,
    ],
    ['three megabytes', JSON.stringify({ x: 'x'.repeat(3_000_000) }), json],
  ])('S8: 400 for %s', async (_, body, contentType) => {
    const answer = await call('/v1/leases', { method: 'POST', body, contentType });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'SEKS_LEASE_REQUEST_INVALID']);
  });

  test.each([
    ['GET', '/v1/leases'],
    ['POST', '/v1/leases/x/events'],
    ['POST', '/v1/decrypt'],
    ['GET', '/'],
    ['GET', '/metrics'],
  ])('S8: there is no %s %s', async (method, path) => {
    expect((await call(path, { method })).status).toBe(404);
  });
});

describe('the event stream', () => {
  test('S12: tells a suspension while it happens, and its end', async () => {
    const stream = await open((await askLease()).id);
    putBinding({ suspend: true });
    await until('it is told', () => stream.events.length === 1);
    putBinding({ suspend: false });
    await until('the end is told', () => stream.events.length === 2);
    expect(stream.events).toEqual(['revoked SEKS_BINDING_SUSPENDED', 'changed']);
  });

  test('S12: tells what happened before it was opened', async () => {
    const { id } = await askLease();
    putBinding({ suspend: true });
    await until('the watch has told', async () => (await askLease()).refusals.length === 1);
    const stream = await open(id);
    await until('it is told', () => stream.events.length >= 1);
    expect(stream.events[0]).toBe('revoked SEKS_BINDING_SUSPENDED');
  });

  test('S12: tells the deletion of binding and pod, and ends with the pod', async () => {
    const stream = await open((await askLease()).id);
    api.remove(SEKS_BINDINGS, 'research', NAMESPACE);
    await until('it is told', () => stream.events.length === 1);
    api.remove(PODS, POD_NAME, NAMESPACE);
    await until('the stream has ended', () => stream.isEnded);
    expect(stream.events).toEqual(['revoked SEKS_BINDING_DELETED', 'revoked SEKS_LEASE_POD_TERMINATING']);
  });

  test('S16: needs the lease id of the same pod', async () => {
    const { id } = await askLease();
    api.onTokenReview = () => reviewStatus({ extra: otherPod });
    const second = agentPod();
    const metadata = { ...second.metadata, name: 'other', uid: 'other-uid' };
    api.put(PODS, { ...second, metadata });
    const stream = follow(id, podToken({ jti: 'other' }));
    await until('it is answered', () => stream.status !== 0);
    expect(stream.status).toBe(403);
    expect(codeOf(await call('/v1/leases/forged/events'))).toBe('SEKS_LEASE_ID_INVALID');
  });

  const otherPod = {
    'authentication.kubernetes.io/pod-name': ['other'],
    'authentication.kubernetes.io/pod-uid': ['other-uid'],
  };

  test('S3: needs the token too, the lease id alone is nothing', async () => {
    const { id } = await askLease();
    const answer = await call(`/v1/leases/${id}/events`, { token: '' });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'SEKS_LEASE_TOKEN_INVALID']);
  });

  test('closes when the process ends', async () => {
    const stream = await open((await askLease()).id);
    abort.abort();
    await until('the stream has ended', () => stream.isEnded);
    expect(stream.events).toEqual([]);
  });
});

describe('what is left behind', () => {
  test('S9: logs and metrics tell names and codes, and none of the secrets', async () => {
    const lease = await askLease();
    await askLease(leaseFor([MISSING, MISSING]));
    await call('/v1/leases', { method: 'POST', token: '', body: {} });
    const token = podToken().reveal((bytes) => bytes.toString());
    const text = logged + (await metrics());
    for (const secret of [
      CANARY_KEY,
      token,
      lease.id,
      lease.credentials[0]?.dataKey ?? 'none',
      envelope.ciphertext,
    ]) {
      expect(text).not.toContain(secret);
    }
    const lines = logged
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
    api.remove(CONFIG_MAPS, 'seks-trust', RELEASE);
    await until('it noticed', () => keyservice.waitingFor().length > 0);
    expect(keyservice.waitingFor()).toEqual(['the injection keys of the controller']);
    const answer = await call('/v1/leases', { method: 'POST', body: leaseFor([MISSING, MISSING]) });
    expect([answer.status, codeOf(answer)]).toEqual([503, 'SEKS_KEYSERVICE_NOT_READY']);
  });

  test('a sealing key that somebody removed is published again', async () => {
    api.remove(CONFIG_MAPS, 'seks-sealing-key', RELEASE);
    await until('it is back', () => api.get(CONFIG_MAPS, 'seks-sealing-key', RELEASE));
    expect(keyservice.waitingFor()).toEqual([]);
  });
});
