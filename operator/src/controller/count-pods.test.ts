import { expect, test } from '@jest/globals';

import { binding } from '../injection/fixtures.ts';
import type { Pod } from '../kube/objects.ts';
import { countPods } from './count-pods.ts';
import type { InjectionState } from './injection-state.ts';

function pod(name: string, change: Partial<Pod['metadata']> = {}, phase = 'Running'): Pod {
  return {
    metadata: { name, labels: { app: 'research' }, ...change },
    spec: { containers: [] },
    status: { phase },
  };
}

const states: Record<string, InjectionState> = { a: 'current', b: 'outdated', c: 'none' };
const stateOf = (one: Pod): InjectionState => states[one.metadata.name] ?? 'current';

test('counts pods that are live and selected', async () => {
  const pods = [
    pod('a'),
    pod('b'),
    pod('c'),
    pod('d', { labels: { app: 'other' } }),
    pod('e', {}, 'Succeeded'),
    pod('f', {}, 'Failed'),
    pod('g', { deletionTimestamp: '2026-03-01T12:00:00Z' }),
  ];
  const counts = await countPods({ binding: binding(), pods, stateOf, pause: async () => undefined });
  expect(counts).toEqual({ matched: 3, injected: 2, outdated: 1 });
});

test('lets others work every fifty pods', async () => {
  const checked: string[] = [];
  const atPause: number[] = [];
  const counts = await countPods({
    binding: binding(),
    pods: Array.from({ length: 120 }, (_, i) => pod(`p${i}`)),
    stateOf: (one) => {
      checked.push(one.metadata.name);
      return 'current';
    },
    pause: async () => void atPause.push(checked.length),
  });
  expect(counts.matched).toBe(120);
  expect(atPause).toEqual([50, 100]);
});
