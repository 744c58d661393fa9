import { describe, expect, test } from '@jest/globals';
import type { SeksBindingSpec } from '@seks/crds';

import { agentPod, binding } from './fixtures.ts';
import { selects } from './selects.ts';

type Selector = SeksBindingSpec['podSelector'];

const POD = agentPod({}, { labels: { app: 'research', tier: 'batch' } });

describe('selects', () => {
  test.each<[boolean, string, Selector]>([
    [true, 'all of matchLabels', { matchLabels: { app: 'research', tier: 'batch' } }],
    [false, 'one of matchLabels missing', { matchLabels: { app: 'research', zone: 'a' } }],
    [false, 'another value', { matchLabels: { app: 'other' } }],
    [true, 'In', { matchExpressions: [{ key: 'app', operator: 'In', values: ['x', 'research'] }] }],
    [false, 'In without the value', { matchExpressions: [{ key: 'app', operator: 'In', values: ['x'] }] }],
    [false, 'In on an absent label', { matchExpressions: [{ key: 'zone', operator: 'In', values: ['x'] }] }],
    [true, 'NotIn', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['x'] }] }],
    [true, 'NotIn, absent label', { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['x'] }] }],
    [
      false,
      'NotIn with the value',
      { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['research'] }] },
    ],
    [true, 'Exists', { matchExpressions: [{ key: 'app', operator: 'Exists' }] }],
    [false, 'Exists on an absent label', { matchExpressions: [{ key: 'zone', operator: 'Exists' }] }],
    [true, 'DoesNotExist', { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }],
    [false, 'DoesNotExist on a label', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }],
    [
      false,
      'labels match but an expression does not',
      { matchLabels: { app: 'research' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
    ],
    [false, 'an empty selector', {}],
    [false, 'empty lists', { matchLabels: {}, matchExpressions: [] }],
    [false, 'an inherited name', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }],
  ])('%s: %s', (expected, _, podSelector) => {
    expect(selects(binding('research', { podSelector }), POD)).toBe(expected);
  });

  test('an operator of a later version selects nothing', () => {
    const matchExpressions = [{ key: 'app', operator: 'Matches', values: ['.*'] }];
    const podSelector = { matchExpressions } as unknown as Selector;
    expect(selects(binding('research', { podSelector }), POD)).toBe(false);
  });

  test('a pod without labels is not selected by labels', () => {
    const pod = agentPod();
    delete pod.metadata?.labels;
    expect(selects(binding(), pod)).toBe(false);
  });

  test('serviceAccountName must match when the binding names one', () => {
    expect(selects(binding('research', { serviceAccountName: 'research' }), POD)).toBe(true);
    expect(selects(binding('research', { serviceAccountName: 'other' }), POD)).toBe(false);
  });

  test('a pod without serviceAccountName runs as default', () => {
    const pod = agentPod();
    delete pod.spec.serviceAccountName;
    expect(selects(binding('research', { serviceAccountName: 'default' }), pod)).toBe(true);
    expect(selects(binding('research', { serviceAccountName: 'research' }), pod)).toBe(false);
  });
});
