import { createServer, request as httpsRequest } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { createCertificateAuthority, keepServingCertificate } from '../certs/index.ts';
import { memoryStore } from '../certs/memory-store.ts';
import {
  NAMESPACE,
  NOW_MS,
  SETTINGS,
  agentPod,
  binding,
  builtIn,
  countingBytes,
  created,
  testSigner,
} from '../injection/fixtures.ts';
import { applyPatch, verifyInjection } from '../injection/index.ts';
import type { JsonPatch } from '../injection/index.ts';
import type { AdmissionReviewAnswer } from './admission-review.ts';
import type { WebhookDeps } from './admit.ts';
import { createWebhookApp } from './app.ts';

const signer = testSigner();
const stop = new AbortController();
const defaults: WebhookDeps = {
  bindingsIn: (namespace) => (namespace === NAMESPACE ? [binding()] : []),
  provider: builtIn,
  ready: () => true,
  settings: () => SETTINGS,
  signer,
  clock: () => NOW_MS,
  randomBytes: countingBytes(),
  log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  observe: () => undefined,
};
/** what the running application sees; each test may replace parts */
const deps: WebhookDeps = { ...defaults };
let server: Server;
let ca: string;

beforeAll(async () => {
  const silent = { info: () => undefined, error: () => undefined };
  const authority = createCertificateAuthority({ store: memoryStore(), clock: Date.now, log: silent });
  await authority.start(stop.signal);
  ca = authority.bundle();
  server = createServer({}, createWebhookApp(deps));
  const dnsNames = ['seks-webhook.seks.svc'];
  await keepServingCertificate({
    server,
    authority,
    dnsNames,
    clock: Date.now,
    log: silent,
    signal: stop.signal,
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});

const log = {
  info: jest.fn<WebhookDeps['log']['info']>(),
  warn: jest.fn<WebhookDeps['log']['warn']>(),
  error: jest.fn<WebhookDeps['log']['error']>(),
};
const observe = jest.fn<WebhookDeps['observe']>();

beforeEach(() => {
  jest.resetAllMocks();
  Object.assign(deps, defaults, { log, observe });
});

afterAll(async () => {
  stop.abort();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

interface Reply {
  status: number;
  body: AdmissionReviewAnswer;
}

function send(text: string, options: { path?: string; method?: string; type?: string } = {}): Promise<Reply> {
  const { path = '/mutate', method = 'POST', type = 'application/json' } = options;
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        servername: 'seks-webhook.seks.svc',
        port,
        path,
        method,
        ca,
        agent: false,
        headers: { 'content-type': type, 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as AdmissionReviewAnswer;
          resolve({ status: response.statusCode ?? 0, body });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

async function review(request: Record<string, unknown> = {}): Promise<AdmissionReviewAnswer['response']> {
  const { status, body } = await send(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'u1',
        resource: { group: '', version: 'v1', resource: 'pods' },
        operation: 'CREATE',
        namespace: NAMESPACE,
        object: agentPod(),
        ...request,
      },
    }),
  );
  expect(status).toBe(200);
  expect(body).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
  expect(body.response.uid).toBe('u1');
  return body.response;
}

describe('POST /mutate', () => {
  test('injects a selected pod with a patch that verifies', async () => {
    const response = await review();
    expect(response).toMatchObject({ allowed: true, patchType: 'JSONPatch' });
    const patch = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString('utf8')) as JsonPatch;
    const pod = created(applyPatch(agentPod(), patch));
    expect(
      verifyInjection({ pod, namespace: NAMESPACE, keys: signer.publicKeys(), apiAudiences: [] }).ok,
    ).toBe(true);
    expect(observe).toHaveBeenCalledWith({ outcome: 'injected', code: '', seconds: 0 });
    expect(log.info).toHaveBeenCalledWith(
      { event: 'pod_injected', namespace: NAMESPACE, pod: 'research-6b8-', dryRun: false },
      'pod injected',
    );
  });

  test('shows warnings', async () => {
    deps.bindingsIn = () => [binding('research', { suspend: true })];
    expect((await review()).warnings).toEqual([expect.stringContaining('suspended')]);
  });

  test('lets a pod pass that no binding selects, and says nothing about it', async () => {
    expect(await review({ namespace: 'elsewhere' })).toEqual({ uid: 'u1', allowed: true });
    expect(observe).toHaveBeenCalledWith({ outcome: 'untouched', code: '', seconds: 0 });
    expect(log.info).not.toHaveBeenCalled();
  });

  test('denies with code, detail and hint', async () => {
    const response = await review({ object: agentPod({ hostPID: true }) });
    expect(response).toMatchObject({
      allowed: false,
      status: { status: 'Failure', code: 403, reason: 'Forbidden' },
    });
    expect(response.status?.message).toMatch(/SEKS_INJECT_ISOLATION.*spec\.hostPID.*Remove/);
    expect(observe).toHaveBeenCalledWith({
      outcome: 'denied',
      code: 'SEKS_INJECT_ISOLATION',
      seconds: 0,
    });
    expect(log.warn).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['UPDATE', { operation: 'UPDATE' }],
    ['DELETE', { operation: 'DELETE', object: null }],
    ['a subresource', { subResource: 'ephemeralcontainers' }],
    ['another resource', { resource: { group: 'apps', version: 'v1', resource: 'deployments' } }],
    ['pods of another group', { resource: { group: 'metrics.k8s.io', version: 'v1', resource: 'pods' } }],
  ])('does not touch %s', async (_, request) => {
    expect(await review(request)).toEqual({ uid: 'u1', allowed: true });
    expect(observe).not.toHaveBeenCalled();
  });

  test('a dry run gets the same answer and leaves no trace in the metrics', async () => {
    expect((await review({ dryRun: true })).patch).toBeDefined();
    expect((await review({ dryRun: true, object: agentPod({ hostPID: true }) })).allowed).toBe(false);
    expect(observe).not.toHaveBeenCalled();
  });

  test('S7: denies while the caches are not filled', async () => {
    deps.ready = () => false;
    deps.bindingsIn = () => [];
    const response = await review();
    expect(response).toMatchObject({ allowed: false, status: { code: 503, reason: 'ServiceUnavailable' } });
    expect(response.status?.message).toContain('SEKS_INJECT_NOT_READY');
  });

  test.each<[string, Partial<WebhookDeps>]>([
    ['bindings', { bindingsIn: () => fail() }],
    ['provider', { provider: () => fail() }],
    ['settings', { settings: () => fail() }],
    ['readiness', { ready: () => fail() }],
    ['randomness', { randomBytes: () => fail() }],
    ['signer', { signer: { ...signer, sign: () => fail() } }],
    ['metrics', { observe: () => fail() }],
    ['clock', { clock: () => fail() }],
  ])('S7: an error of %s is a denial with SEKS_INTERNAL and a log line', async (_, broken) => {
    Object.assign(deps, broken);
    const response = await review();
    expect(response).toMatchObject({ allowed: false, status: { code: 500 } });
    expect(response.status?.message).toContain('SEKS_INTERNAL');
    expect(response.status?.message).not.toContain('boom');
    expect(log.error).toHaveBeenCalledWith(
      expect.objectContaining({ event: 'admission_failed' }),
      'admission failed',
    );
  });

  test('S7: keeps the code of an error that has one', async () => {
    deps.settings = () => {
      throw new SeksError('SEKS_INJECT_NOT_READY', 'The CA was not read yet.');
    };
    expect((await review()).status?.message).toContain('SEKS_INJECT_NOT_READY');
  });

  test.each([
    ['no namespace', { namespace: undefined }],
    ['no pod', { object: null }],
    ['a malformed pod', { object: { spec: { containers: 'x' } } }],
  ])('S7: denies a request with %s', async (_, request) => {
    const response = await review(request);
    expect(response.allowed).toBe(false);
    expect(response.status?.message).toContain('SEKS_INTERNAL');
  });

  test('S9: a denial logs no value of a variable and no token', async () => {
    const env = [
      { name: 'OPENAI_API_KEY', value: 'sk-canary', valueFrom: { secretKeyRef: { name: 'canary-ref' } } },
    ];
    const pod = agentPod();
    Object.assign(pod.spec.containers[0] ?? {}, { env });
    expect((await review({ object: pod })).status?.message).toContain('SEKS_INJECT_ENV_VALUE_FROM');
    await review();
    const calls = [log.info, log.warn, log.error].flatMap((method) => method.mock.calls);
    expect(calls).toHaveLength(2);
    expect(JSON.stringify(calls)).not.toMatch(/canary|sk-proj/);
  });
});

describe('what is no AdmissionReview', () => {
  test.each([
    ['no JSON', '{"kind":', 'application/json', 400],
    ['another kind', '{"kind":"Pod"}', 'application/json', 400],
    ['another content type', '{}', 'text/plain', 400],
    ['3 MiB and a byte', 'x'.repeat(3 * 1024 * 1024 + 1), 'application/json', 413],
  ])('S7: %s is an HTTP error, on which the API server refuses the pod', async (_, text, type, status) => {
    expect((await send(text, { type })).status).toBe(status);
  });

  test('a review of nearly 3 MiB is read', async () => {
    const object = agentPod({}, { labels: {}, annotations: { big: 'x'.repeat(3 * 1024 * 1024 - 4096) } });
    expect((await review({ object })).allowed).toBe(true);
  });

  test.each([
    ['GET', '/mutate'],
    ['POST', '/'],
    ['POST', '/metrics'],
  ])('%s %s is 404', async (method, path) => {
    expect((await send(method === 'GET' ? '' : '{}', { method, path })).status).toBe(404);
  });
});

function fail(): never {
  throw new TypeError('boom');
}
