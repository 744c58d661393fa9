import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import type { Provider, SeksBinding, SeksCondition } from '@seks/crds';

import { NOW_MS, binding as makeBinding, builtIn, credential } from '../injection/fixtures.ts';
import type { PodCounts } from './count-pods.ts';
import { desiredStatus, expiryMs, formatTime, statusEquals } from './desired-status.ts';
import type { OwnedStatus, StatusInputs } from './desired-status.ts';

function status(binding: SeksBinding, change: Partial<StatusInputs> = {}): OwnedStatus {
  return desiredStatus({
    binding,
    pods: { matched: 0, injected: 0, outdated: 0 },
    provider: builtIn,
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
  const bare = (name: string): Provider => {
    const { usage: _, prices: __, modelFrom: ___, ...spec } = builtIn(name).spec;
    return { name, spec };
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
    [
      'with wrong parameters',
      makeBinding('b', { credentials: [credential({ parameters: { region: 'eu' } })] }),
      {},
      'ParameterInvalid',
    ],
    [
      'with models that the provider gives no means to check',
      makeBinding('b', { credentials: [credential({ models: ['gpt-*'] })] }),
      { provider: bare },
      'LimitUnenforceable',
    ],
    [
      'with a budget for a provider without prices',
      makeBinding('b', { credentials: [credential({ limits: { usdPerDay: '5' } })] }),
      { provider: bare },
      'LimitUnenforceable',
    ],
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

describe('PodsCurrent', () => {
  test.each<[PodCounts, string, string, string]>([
    [{ matched: 0, injected: 0, outdated: 0 }, 'True', 'Current', '0 pods'],
    [{ matched: 1, injected: 1, outdated: 0 }, 'True', 'Current', '1 pods'],
    [{ matched: 3, injected: 2, outdated: 1 }, 'False', 'PodsOutdated', '1 of 2'],
    [{ matched: 3, injected: 1, outdated: 0 }, 'False', 'PodsNotInjected', '2 of 3'],
  ])('of %j is %s', (pods, value, reason, message) => {
    const { conditions } = status(makeBinding(), { pods });
    expect(conditions[1]).toMatchObject({ type: 'PodsCurrent', status: value, reason });
    expect(conditions[1].message).toContain(message);
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
