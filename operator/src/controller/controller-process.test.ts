// The whole controller process on loopback against a mock of the API server; certificates, seals and webhook are real.
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { SeksBinding, SeksCondition } from '@seks/crds';
import { pino } from 'pino';

import type { ControllerConfig } from '../config.ts';
import { NAMESPACE, SETTINGS, agentPod, binding as makeBinding, created } from '../injection/fixtures.ts';
import { parseKeySet } from '../injection/index.ts';
import { applyPatch } from '../injection/json-patch.ts';
import type { RawPod } from '../injection/raw-pod.ts';
import {
  CONFIG_MAPS,
  EVENTS,
  MUTATING_WEBHOOKS,
  PODS,
  SECRETS,
  SEKS_BINDINGS,
  SEKS_PROVIDERS,
} from '../kube/resources.ts';
import { startMockApiServer } from '../kube/testing/mock-api-server.ts';
import type { MockApiServer, MockObject } from '../kube/testing/mock-api-server.ts';
import { until } from '../kube/testing/until.ts';
import { createMetrics } from '../metrics/metrics.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createControllerProcess } from './controller-process.ts';
import type { OperatorProcess } from './controller-process.ts';

const CONFIG: ControllerConfig = {
  role: 'controller',
  namespace: 'seks',
  clusterDomain: 'cluster.local',
  logLevel: 'info',
  adminPort: 0,
  kube: { kind: 'in-cluster' },
  instance: 'seks-operator-1',
  webhookPort: 0,
  sidecar: SETTINGS.sidecar,
};

let api: MockApiServer;
let controller: OperatorProcess;
let metrics: Metrics;
let abort: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  api = await startMockApiServer();
  const hook = { name: 'inject.seks.ai', clientConfig: { service: { name: 'seks-webhook' } } };
  const other = { name: 'other.example', clientConfig: { caBundle: 'b3RoZXI=' } };
  api.put(MUTATING_WEBHOOKS, { metadata: { name: 'seks-webhook' }, webhooks: [hook, other] });
  abort = new AbortController();
  metrics = createMetrics({ version: 'test', role: 'controller' });
  controller = createControllerProcess({
    config: CONFIG,
    api: api.api,
    metrics,
    log: pino({ level: 'silent' }),
    clock: Date.now,
    random: () => 0,
    apiAudiences: [],
  });
  running = controller.run(abort.signal);
  await controller.servable;
  await until('it is ready', () => controller.waitingFor().length === 0);
});

afterEach(async () => {
  abort.abort();
  await running;
  controller.server.closeAllConnections();
  await new Promise((resolve) => controller.server.close(resolve));
  await api.close();
});

function put(binding: SeksBinding): void {
  api.put(SEKS_BINDINGS, binding as unknown as MockObject);
}

function stored(name = 'research'): SeksBinding {
  return api.get(SEKS_BINDINGS, name, NAMESPACE) as unknown as SeksBinding;
}

function condition(type: string, name = 'research'): SeksCondition | undefined {
  return stored(name).status?.conditions?.find((one) => one.type === type);
}

async function reason(expected: string): Promise<SeksCondition> {
  return await until(`Ready says ${expected}`, () => {
    const ready = condition('Ready');
    return ready?.reason === expected ? ready : undefined;
  });
}

const caBundle = (): string | undefined => {
  const found = api.get(MUTATING_WEBHOOKS, 'seks-webhook') as unknown as {
    webhooks: { clientConfig?: { caBundle?: string } }[];
  };
  return found.webhooks[0]?.clientConfig?.caBundle;
};
const trust = (): Record<string, string> | undefined =>
  api.get(CONFIG_MAPS, 'seks-trust', 'seks')?.['data'] as Record<string, string> | undefined;
const statusWrites = (): number =>
  api.requests.filter((line) => line.startsWith('PATCH') && line.endsWith('/status')).length;

describe('trust', () => {
  test('S1: is published without any private key', () => {
    expect(trust()?.['ca.crt']).toContain('BEGIN CERTIFICATE');
    expect(parseKeySet(trust()?.['injection-keys.json'] ?? '')).toHaveLength(1);
    expect(JSON.stringify(trust())).not.toMatch(/PRIVATE|"d":/);
  });

  test('reaches the webhook configuration, and no other entry of it', async () => {
    await until('it is there', () => caBundle() !== undefined);
    expect(Buffer.from(caBundle() ?? '', 'base64').toString()).toBe(trust()?.['ca.crt']);
    const { webhooks } = api.get(MUTATING_WEBHOOKS, 'seks-webhook') as unknown as { webhooks: object[] };
    expect(webhooks).toMatchObject([
      { clientConfig: { service: {} } },
      { clientConfig: { caBundle: 'b3RoZXI=' } },
    ]);
  });

  test('S7: is put right again when somebody changes or removes it', async () => {
    await until('it is there', () => caBundle() !== undefined);
    const [ca, bundle] = [trust()?.['ca.crt'], caBundle()];
    const forged = { ...trust(), 'ca.crt': 'forged' };
    api.put(CONFIG_MAPS, { metadata: { name: 'seks-trust', namespace: 'seks' }, data: forged });
    await until('the CA is right again', () => trust()?.['ca.crt'] === ca);
    api.remove(CONFIG_MAPS, 'seks-trust', 'seks');
    await until('the ConfigMap is back', () => trust()?.['ca.crt'] === ca);
    const hook = { name: 'inject.seks.ai', clientConfig: { caBundle: 'Zm9yZ2Vk' } };
    api.put(MUTATING_WEBHOOKS, { metadata: { name: 'seks-webhook' }, webhooks: [hook] });
    await until('the webhook is right again', () => caBundle() === bundle);
  });

  test('never makes a webhook configuration, and fills one in that comes later', async () => {
    api.remove(MUTATING_WEBHOOKS, 'seks-webhook');
    api.put(CONFIG_MAPS, { metadata: { name: 'seks-trust', namespace: 'seks' }, data: {} });
    await until('the publisher has worked since', () => trust()?.['ca.crt'] !== undefined);
    expect(api.get(MUTATING_WEBHOOKS, 'seks-webhook')).toBeUndefined();
    api.put(MUTATING_WEBHOOKS, {
      metadata: { name: 'seks-webhook' },
      webhooks: [{ name: 'inject.seks.ai' }],
    });
    await until('it is filled in', () => caBundle() !== undefined);
  });
});

describe('bindings', () => {
  test('get a status once, and no second write for the same', async () => {
    put(makeBinding());
    await reason('Ready');
    expect(stored().status).toMatchObject({
      observedGeneration: 1,
      pods: { matched: 0, injected: 0, outdated: 0 },
    });
    put(makeBinding('second'));
    await until('the second has its status', () => condition('Ready', 'second'));
    expect(statusWrites()).toBe(2);
  });

  test('follow their spec', async () => {
    put(makeBinding());
    await reason('Ready');
    put(makeBinding('research', { suspend: true }));
    expect(await reason('BindingSuspended')).toMatchObject({ status: 'False', observedGeneration: 2 });
    put(makeBinding());
    await reason('Ready');
  });

  test('S12: expire by the clock', async () => {
    put(makeBinding('research', { expiresAt: new Date(Date.now() + 400).toISOString() }));
    await reason('Ready');
    await reason('BindingExpired');
  });

  test('follow their provider', async () => {
    const credentials = makeBinding().spec.credentials.map((one) => ({ ...one, provider: 'llm' }));
    put(makeBinding('research', { credentials }));
    await reason('ProviderUnknown');
    api.put(SEKS_PROVIDERS, {
      metadata: { name: 'llm' },
      spec: {
        upstreams: [{ host: 'llm.example.com' }],
        auth: [{ header: { name: 'x-key' } }],
        env: { key: ['KEY'] },
        fakeToken: 'x-{token}',
      },
    });
    await reason('Ready');
    api.remove(SEKS_PROVIDERS, 'llm');
    await reason('ProviderUnknown');
  });

  test('take over what the key service says, and leave it alone', async () => {
    put(makeBinding());
    await reason('Ready');
    const sealed = {
      type: 'Sealed',
      status: 'False' as const,
      reason: 'SecretMissing',
      message: 'Create it.',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    put({
      ...stored(),
      status: { ...stored().status, conditions: [...(stored().status?.conditions ?? []), sealed] },
    });
    expect(await reason('SecretMissing')).toMatchObject({ status: 'False', message: 'Create it.' });
    expect(condition('Sealed')).toEqual(sealed);
  });
});

describe('events', () => {
  const events = () =>
    api
      .list(EVENTS)
      .map((event) => [event['type'], event['reason'], (event['regarding'] as { name: string }).name]);

  test('warn once for each new problem that somebody can mend, and not of what was done on purpose', async () => {
    put(makeBinding('research', { suspend: true }));
    await reason('BindingSuspended');
    put(makeBinding('research', { expiresAt: '2020-01-01T00:00:00Z' }));
    await reason('BindingExpired');
    put(makeBinding('research', { expiresAt: '2020-01-01T00:00:00Z', agent: 'x' }));
    await until('that was seen', () => stored().status?.observedGeneration === 3);
    put(makeBinding());
    await reason('Ready');
    expect(events()).toEqual([['Warning', 'BindingExpired', 'research']]);
    expect(api.list(EVENTS)[0]).toMatchObject({
      metadata: { generateName: 'research-', namespace: NAMESPACE },
      action: 'Reconcile',
      reportingController: 'seks.ai/controller',
      reportingInstance: 'seks-operator-1',
      regarding: { kind: 'SeksBinding', apiVersion: 'seks.ai/v1alpha1', namespace: NAMESPACE },
    });
    expect(api.list(EVENTS)[0]?.['eventTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test('that cannot be written do not keep the status from being true', async () => {
    api.onWrite = (_method, { collection }) => (collection.endsWith('/events') ? 422 : undefined);
    put(makeBinding('research', { expiresAt: '2020-01-01T00:00:00Z' }));
    await reason('BindingExpired');
    expect(events()).toEqual([]);
  });

  test('are not repeated by the next process', async () => {
    const expired = makeBinding('research', { expiresAt: '2020-01-01T00:00:00Z' });
    const ready = {
      type: 'Ready',
      status: 'False' as const,
      reason: 'BindingExpired',
      message: 'old',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    put({ ...expired, status: { conditions: [ready] } });
    await until('the message is new', () => condition('Ready')?.message !== 'old');
    expect(events()).toEqual([]);
  });
});

describe('pods', () => {
  /** what the API server would store after asking our webhook */
  async function admit(name: string): Promise<RawPod> {
    const pod = agentPod();
    if (!controller.server.listening) {
      await new Promise<void>((resolve) => controller.server.listen(0, '127.0.0.1', resolve));
    }
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'review-1',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        operation: 'CREATE',
        namespace: NAMESPACE,
        object: pod,
      },
    };
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: (controller.server.address() as AddressInfo).port,
        servername: 'seks-webhook.seks.svc',
        ca: trust()?.['ca.crt'],
        method: 'POST',
        path: '/mutate',
        agent: false,
        headers: { 'content-type': 'application/json' },
      });
      request.on('error', reject);
      request.on('response', (response) => resolve(text(response)));
      request.end(JSON.stringify(review));
    });
    const { response } = JSON.parse(answer) as { response: { allowed: boolean; patch: string } };
    expect(response.allowed).toBe(true);
    const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as Parameters<
      typeof applyPatch
    >[1];
    const stored = created(applyPatch(pod, patch), Date.now());
    stored.metadata = { ...stored.metadata, name, uid: `uid-of-${name}` };
    return stored;
  }

  test('are injected by the webhook under our CA, counted, and outdated when the binding changes', async () => {
    put(makeBinding());
    await reason('Ready');
    api.put(PODS, (await admit('one')) as unknown as MockObject);
    const bare = {
      metadata: { name: 'bare', namespace: NAMESPACE, labels: { app: 'research' } },
      spec: { containers: [] },
    };
    api.put(PODS, bare);
    await until('both are counted', () => stored().status?.pods?.matched === 2);
    expect(stored().status?.pods).toEqual({ matched: 2, injected: 1, outdated: 0 });
    expect(condition('PodsCurrent')?.reason).toBe('PodsNotInjected');

    put({ ...stored(), spec: { ...stored().spec, agent: 'renamed' } });
    await until('the pod is outdated', () => stored().status?.pods?.outdated === 1);
    expect(condition('PodsCurrent')).toMatchObject({ status: 'False', reason: 'PodsOutdated' });

    api.remove(PODS, 'one', NAMESPACE);
    api.remove(PODS, 'bare', NAMESPACE);
    await until('nothing is left', () => stored().status?.pods?.matched === 0);
    const exposed = await metrics.registry.metrics();
    expect(exposed).toMatch(/seks_admission_requests_total\{outcome="injected",code=""\} 1/);
    expect(exposed).toMatch(/seks_certificate_expiry_timestamp_seconds\{certificate="webhook"\} \d/);
    expect(exposed).toMatch(/seks_watch_age_seconds\{resource="pods"\} 0/);
  });

  test('S1: private keys stand in Secrets only', () => {
    const names = api.list(SECRETS).map(({ metadata }) => metadata.name);
    expect(names.toSorted((a, b) => a.localeCompare(b))).toEqual(['seks-ca', 'seks-injection-signer']);
  });
});
