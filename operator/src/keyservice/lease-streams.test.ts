import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { SeksBinding, SeksProvider } from '@seks/crds';
import { pino } from 'pino';

import { createProviderCache } from '../kube/provider-cache.ts';
import { createStore } from '../kube/store.ts';
import type { WritableStore } from '../kube/store.ts';
import type { Pod } from '../kube/objects.ts';
import { createLeaseStreams } from './lease-streams.ts';
import type { LeaseStreams, StreamRequest } from './lease-streams.ts';
import { NOW_MS, configOf, injectedPod, researchBinding } from './testing/fixture.ts';

const secondBinding = (): SeksBinding => {
  const binding = researchBinding({
    credentials: [{ ...researchBinding().spec.credentials[0], name: 'groq', provider: 'groq' } as never],
  });
  return { ...binding, metadata: { ...binding.metadata, name: 'second', uid: 'uid-of-second' } };
};

let bindings: WritableStore<SeksBinding>;
let pods: WritableStore<Pod>;
let providers: WritableStore<SeksProvider>;
let streams: LeaseStreams;
let abort: AbortController;
let running: Promise<void>;
let isSealed: boolean;
let version: number;
const pod = injectedPod([researchBinding(), secondBinding()]);
const config = configOf(pod);

beforeEach(() => {
  jest.useFakeTimers({ now: NOW_MS });
  bindings = createStore();
  pods = createStore();
  providers = createStore();
  abort = new AbortController();
  isSealed = true;
  version = 1;
  const cache = createProviderCache(providers);
  streams = createLeaseStreams({
    bindings,
    pods,
    providers,
    view: () => ({
      bindingByUid: (uid) => bindings.getByUid(uid),
      providerFingerprint: cache.fingerprint,
      nowMs: Date.now(),
    }),
    verify: () => (isSealed ? config : undefined),
    clock: () => Date.now(),
    random: () => 0.5,
    log: pino({ level: 'silent' }),
  });
  put(researchBinding());
  put(secondBinding());
  putPod(pod);
  running = streams.run(abort.signal);
});

afterEach(async () => {
  abort.abort();
  await running;
  jest.useRealTimers();
});

function put(binding: SeksBinding, generation = 1): void {
  version += 1;
  const metadata = { ...binding.metadata, generation, resourceVersion: String(version) };
  bindings.upsert({ ...binding, metadata });
}

function putPod(next: Pod): void {
  version += 1;
  pods.upsert({ ...next, metadata: { ...next.metadata, resourceVersion: String(version) } });
}

interface Heard {
  text: string[];
  isEnded: boolean;
  reads: boolean;
}

function open(change: Partial<StreamRequest> = {}): Heard & { close(): void } {
  const heard: Heard = { text: [], isEnded: false, reads: true };
  const output = {
    write(text: string): boolean {
      heard.text.push(text);
      return heard.reads;
    },
    end: () => void (heard.isEnded = true),
  };
  const close = streams.open({
    pod,
    config,
    isCurrent: true,
    expiresMs: NOW_MS + 900_000,
    output,
    ...change,
  });
  return Object.assign(heard, { close });
}

function events({ text }: Heard): string[] {
  return text
    .filter((line) => line.startsWith('event:'))
    .map((line) => {
      const [event = '', data = ''] = line.split('\n');
      const { bindingUid, code } = JSON.parse(data.slice('data: '.length)) as {
        bindingUid?: string;
        code?: string;
      };
      const name = event.slice('event: '.length);
      return bindingUid === undefined ? name : `${name} ${bindingUid.replace('uid-of-', '')} ${code ?? ''}`;
    });
}

describe('S12: revoked at once', () => {
  test.each<[string, () => void, string]>([
    [
      'suspension',
      () => put(researchBinding({ suspend: true }), 2),
      'revoked research SEKS_BINDING_SUSPENDED',
    ],
    ['deletion', () => bindings.remove(researchBinding()), 'revoked research SEKS_BINDING_DELETED'],
    [
      'a selector that lets go of the pod',
      () => put(researchBinding({ podSelector: { matchLabels: { app: 'x' } } }), 2),
      'revoked research SEKS_BINDING_NOT_SELECTING',
    ],
    [
      'an expiry in the past',
      () => put(researchBinding({ expiresAt: '2026-03-01T00:00:00Z' }), 2),
      'revoked research SEKS_BINDING_EXPIRED',
    ],
  ])('%s, for that binding only', (_, change, expected) => {
    const heard = open();
    change();
    expect(events(heard)).toEqual([expected]);
    expect(heard.isEnded).toBe(false);
  });

  test('expiry, by the clock', () => {
    put(researchBinding({ expiresAt: new Date(NOW_MS + 60_000).toISOString() }));
    const heard = open();
    jest.advanceTimersByTime(59_999);
    expect(events(heard)).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(events(heard)).toEqual(['revoked research SEKS_BINDING_EXPIRED']);
  });

  test('expiry that is moved while the stream is open', () => {
    put(researchBinding({ expiresAt: new Date(NOW_MS + 60_000).toISOString() }));
    const heard = open();
    put(researchBinding({ expiresAt: new Date(NOW_MS + 120_000).toISOString() }), 2);
    jest.advanceTimersByTime(119_999);
    expect(events(heard)).toEqual(['changed']);
    jest.advanceTimersByTime(1);
    expect(events(heard)).toEqual(['changed', 'revoked research SEKS_BINDING_EXPIRED']);
  });

  test('a label change that takes the pod out of the selectors', () => {
    const heard = open();
    putPod({ ...pod, metadata: { ...pod.metadata, labels: {} } });
    expect(events(heard)).toEqual([
      'revoked research SEKS_BINDING_NOT_SELECTING',
      'revoked second SEKS_BINDING_NOT_SELECTING',
    ]);
  });

  test('all streams of a binding, and no other stream', () => {
    const own = configOf(injectedPod([secondBinding()]));
    const heard = [open(), open(), open({ config: own })];
    put(researchBinding({ suspend: true }), 2);
    expect(heard.map((one) => events(one).length)).toEqual([1, 1, 0]);
  });

  test('once for each reason', () => {
    const heard = open();
    put(researchBinding({ suspend: true }), 2);
    put(researchBinding({ suspend: true, agent: 'x' }), 3);
    bindings.remove(researchBinding());
    expect(events(heard)).toEqual([
      'revoked research SEKS_BINDING_SUSPENDED',
      'revoked research SEKS_BINDING_DELETED',
    ]);
  });
});

describe('S12: the end of the pod', () => {
  const everything = (code: string): string[] => [`revoked research ${code}`, `revoked second ${code}`];
  test.each<[string, () => void]>([
    ['deletion', () => pods.remove(pod)],
    [
      'termination',
      () => putPod({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-03-01T12:00:00Z' } }),
    ],
    ['completion', () => putPod({ ...pod, status: { phase: 'Succeeded' } })],
    ['failure', () => putPod({ ...pod, status: { phase: 'Failed' } })],
  ])('%s revokes everything and ends the stream', (_, change) => {
    const heard = open();
    change();
    expect(events(heard)).toEqual(everything('SEKS_LEASE_POD_TERMINATING'));
    expect(heard.isEnded).toBe(true);
    expect(streams.count()).toBe(0);
  });

  test('S11: a pod that is no longer as it was injected loses everything', () => {
    const heard = open();
    isSealed = false;
    putPod({ ...pod, status: { phase: 'Running' } });
    expect(events(heard)).toEqual(everything('SEKS_LEASE_POD_NOT_SEALED'));
    expect(heard.isEnded).toBe(true);
  });
});

describe('changed', () => {
  test.each<[string, () => void]>([
    ['an edit of the spec', () => put(researchBinding({ agent: 'x' }), 2)],
    ['a SeksProvider that replaces a built-in one', () => providers.upsert(customProvider('openai'))],
  ])('%s', (_, change) => {
    const heard = open();
    change();
    expect(events(heard)).toEqual(['changed']);
  });

  test('the end of a suspension', () => {
    put(researchBinding({ suspend: true }), 2);
    const heard = open();
    put(researchBinding(), 3);
    expect(events(heard)).toEqual(['revoked research SEKS_BINDING_SUSPENDED', 'changed']);
  });

  test('a binding that our watch did not know yet', () => {
    bindings.remove(researchBinding());
    const heard = open();
    put(researchBinding());
    expect(events(heard)).toEqual(['revoked research SEKS_BINDING_DELETED', 'changed']);
  });

  test('not for a status, a pod that just changes, or a provider of others', () => {
    const heard = open();
    put({ ...researchBinding(), status: { observedGeneration: 1 } });
    putPod({ ...pod, status: { phase: 'Running' } });
    providers.upsert(customProvider('anthropic-eu'));
    expect(events(heard)).toEqual([]);
  });

  test('a new CA reaches everybody, spread over time', () => {
    const heard = open();
    const closed = open();
    streams.changedEverywhere();
    closed.close();
    jest.advanceTimersByTime(14_999);
    expect(events(heard)).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(events(heard)).toEqual(['changed']);
    expect(events(closed)).toEqual([]);
  });
});

describe('S12: nothing is lost between lease and stream', () => {
  test('a revocation in between is told at the start', () => {
    put(researchBinding({ suspend: true }), 2);
    expect(events(open())).toEqual(['revoked research SEKS_BINDING_SUSPENDED']);
  });

  test('any other change in between is told at the start', () => {
    expect(events(open({ isCurrent: false }))).toEqual(['changed']);
    expect(events(open())).toEqual([]);
  });
});

describe('streams', () => {
  test('beat every five seconds', () => {
    const heard = open();
    jest.advanceTimersByTime(15_000);
    expect(heard.text).toEqual([':\n\n', ':\n\n', ':\n\n']);
  });

  test('end with their lease', () => {
    const heard = open({ expiresMs: NOW_MS + 1000 });
    jest.advanceTimersByTime(999);
    expect(heard.isEnded).toBe(false);
    jest.advanceTimersByTime(1);
    expect(heard.isEnded).toBe(true);
  });

  test('whose peer does not read are ended', () => {
    const heard = open();
    heard.reads = false;
    jest.advanceTimersByTime(5_000);
    expect(heard.isEnded).toBe(true);
    expect(streams.count()).toBe(0);
  });

  test('that were closed hear nothing', () => {
    const heard = open();
    heard.close();
    put(researchBinding({ suspend: true }), 2);
    jest.advanceTimersByTime(60_000);
    expect(heard.text).toEqual([]);
    expect(jest.getTimerCount()).toBe(1);
  });

  test('all end at the end, also those that come too late', async () => {
    const heard = open();
    abort.abort();
    await running;
    expect(heard.isEnded).toBe(true);
    expect(open().isEnded).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});

function customProvider(name: string): SeksProvider {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name, uid: `uid-of-${name}`, resourceVersion: '1' },
    spec: {
      upstreams: [{ host: 'llm.example.com' }],
      auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
      env: { key: ['KEY'] },
      fakeToken: 'x-{token}',
    },
  };
}
