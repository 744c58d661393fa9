import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import type { SeksBinding, SeksCondition } from '@seks/crds';

import { NOW_MS, binding as makeBinding, builtIn } from '../injection/fixtures.ts';
import type { Pod } from '../kube/objects.ts';
import { desiredStatus, expiryMs, formatTime, statusEquals } from './desired-status.ts';
import type { OwnedStatus, StatusInputs } from './desired-status.ts';

type State = ReturnType<StatusInputs['injectionState']>;

function pod(name: string, labels = { app: 'research' }, change: Partial<Pod> = {}): Pod {
  return {
    metadata: { name, labels },
    spec: { containers: [] },
    status: { phase: 'Running' },
    ...change,
  } as Pod;
}

function status(binding: SeksBinding, change: Partial<StatusInputs> = {}): OwnedStatus {
  return desiredStatus({
    binding,
    pods: [],
    provider: builtIn,
    injectionState: () => 'none',
    nowMs: NOW_MS,
    ...change,
  });
}

function withConditions(...conditions: SeksCondition[]): SeksBinding {
  return { ...makeBinding(), status: { conditions } };
}

function condition(
  type: string,
  value: SeksCondition['status'],
  change: Partial<SeksCondition> = {},
): SeksCondition {
  return {
    type,
    status: value,
    reason: 'X',
    message: 'm',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    ...change,
  };
}

describe('Ready', () => {
  const ready = (binding: SeksBinding, change: Partial<StatusInputs> = {}) =>
    status(binding, change).conditions[0];
  const unknown = (name: string): never => {
    throw new SeksError('SEKS_PROVIDER_UNKNOWN', `Provider: ${name}.`);
  };
  const sealed = condition('Sealed', 'False', { reason: 'SecretMissing', message: 'Create the Secret.' });

  test('is True when nothing is wrong, also before the first lease', () => {
    expect(ready(makeBinding())).toMatchObject({ status: 'True', reason: 'Ready', observedGeneration: 1 });
    expect(ready(withConditions(condition('Sealed', 'Unknown')))).toMatchObject({ status: 'True' });
  });

  test.each<[string, SeksBinding, Partial<StatusInputs>, string]>([
    ['suspended', makeBinding('b', { suspend: true }), {}, 'BindingSuspended'],
    ['expired', makeBinding('b', { expiresAt: '2026-03-01T12:00:00Z' }), {}, 'BindingExpired'],
    ['with an unknown provider', makeBinding(), { provider: unknown }, 'ProviderUnknown'],
    ['with a key that is not there', withConditions(sealed), {}, 'SecretMissing'],
  ])('is False when %s', (_, binding, change, reason) => {
    expect(ready(binding, change)).toMatchObject({ status: 'False', reason });
  });

  test('gives the first problem of several', () => {
    const all = {
      ...withConditions(sealed),
      spec: { ...makeBinding().spec, suspend: true, expiresAt: '2020-01-01T00:00:00Z' },
    };
    expect(ready(all, { provider: unknown }).reason).toBe('BindingSuspended');
    expect(ready({ ...all, spec: { ...all.spec, suspend: false } }, { provider: unknown }).reason).toBe(
      'BindingExpired',
    );
    expect(ready(withConditions(sealed), { provider: unknown }).reason).toBe('ProviderUnknown');
  });

  test('says what to do, and where', () => {
    expect(ready(makeBinding(), { provider: unknown }).message).toBe(
      'Credential openai: The provider is neither built in nor a SeksProvider. Provider: openai. ' +
        'Correct spec.credentials[].provider, or apply a SeksProvider of that name.',
    );
    expect(ready(withConditions(sealed)).message).toBe('Create the Secret.');
  });

  test('an error that is not ours is not hidden in a condition', () => {
    const broken = (): never => {
      throw new TypeError('boom');
    };
    expect(() => ready(makeBinding(), { provider: broken })).toThrow(TypeError);
  });
});

describe('pods', () => {
  const states: Record<string, State> = { a: 'current', b: 'outdated', c: 'none' };
  const injectionState = (one: Pod): State => states[one.metadata.name] ?? 'none';

  test('are counted when they are live and selected', () => {
    const pods = [
      pod('a'),
      pod('b'),
      pod('c'),
      pod('d', { app: 'other' }),
      pod('e', undefined, { status: { phase: 'Succeeded' } }),
      pod('f', undefined, { metadata: { name: 'f', labels: { app: 'research' }, deletionTimestamp: 'now' } }),
    ];
    expect(status(makeBinding(), { pods, injectionState }).pods).toEqual({
      matched: 3,
      injected: 2,
      outdated: 1,
    });
  });

  test.each<[string[], string, string]>([
    [[], 'True', 'Current'],
    [['a'], 'True', 'Current'],
    [['a', 'b', 'c'], 'False', 'PodsOutdated'],
    [['a', 'c'], 'False', 'PodsNotInjected'],
  ])('PodsCurrent of %j is %s', (names, value, reason) => {
    const { conditions } = status(makeBinding(), { pods: names.map((name) => pod(name)), injectionState });
    expect(conditions[1]).toMatchObject({ type: 'PodsCurrent', status: value, reason });
  });
});

describe('transition times', () => {
  test('stay while the status stays, whatever the reason', () => {
    const before = condition('Ready', 'False', { reason: 'ProviderUnknown' });
    const suspended = { ...withConditions(before), spec: { ...makeBinding().spec, suspend: true } };
    expect(status(suspended).conditions[0].lastTransitionTime).toBe('2026-01-01T00:00:00Z');
  });

  test('are now when it changes or is new', () => {
    expect(status(withConditions(condition('Ready', 'False'))).conditions[0].lastTransitionTime).toBe(
      '2026-03-01T12:00:00Z',
    );
    expect(status(makeBinding()).conditions[1].lastTransitionTime).toBe(formatTime(NOW_MS));
  });
});

describe('equality', () => {
  const desired = status(makeBinding());
  const stored = { ...desired, conditions: [...desired.conditions, condition('Sealed', 'True')] };

  test('looks at our own part only', () => {
    expect(statusEquals(stored, desired)).toBe(true);
    expect(statusEquals(undefined, desired)).toBe(false);
  });

  test.each<[string, Partial<OwnedStatus> | { conditions: SeksCondition[] }]>([
    ['generation', { observedGeneration: 2 }],
    ['pods', { pods: { matched: 1, injected: 0, outdated: 0 } }],
    ['condition', { conditions: [condition('Ready', 'False'), desired.conditions[1]] }],
    ['missing condition', { conditions: [desired.conditions[0]] }],
    ['message', { conditions: [{ ...desired.conditions[0], message: 'x' }, desired.conditions[1]] }],
  ])('sees another %s', (_, change) => {
    expect(statusEquals({ ...stored, ...change }, desired)).toBe(false);
  });
});

test('S7: an expiry that cannot be read is in the past', () => {
  expect(expiryMs(makeBinding('b', { expiresAt: 'tomorrow' }))).toBe(0);
  expect(expiryMs(makeBinding())).toBeUndefined();
  expect(expiryMs(makeBinding('b', { expiresAt: '2026-03-01T12:00:00.5Z' }))).toBe(NOW_MS + 500);
});
