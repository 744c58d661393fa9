// The budget as a whole: whatever an agent tries, no window holds more logins than allowed.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { createIdentifyBudget } from './identify-budget.ts';

test('no window holds more logins than allowed, and no two are too close', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }),
      (perDay, stepsMs) => {
        const windowMs = 1_000;
        const budget = createIdentifyBudget({ perDay, windowMs, minIntervalMs: 50 });
        const granted: number[] = [];
        let nowMs = 0;
        for (const stepMs of stepsMs) {
          nowMs += stepMs;
          const recent = granted.filter((atMs) => nowMs - atMs < windowMs).length;
          const lastMs = granted.at(-1) ?? Number.NEGATIVE_INFINITY;
          const decision = budget.take(nowMs);
          if (recent >= perDay) expect(decision).toBe('exhausted');
          else expect(decision).toBe(nowMs - lastMs < 50 ? 'too-soon' : 'granted');
          if (decision === 'granted') granted.push(nowMs);
        }
      },
    ),
  );
});

test('Discord’s numbers: 200 a day, one in about 5 s', () => {
  const budget = createIdentifyBudget({ perDay: 200, windowMs: 86_400_000 });
  expect([budget.take(0), budget.take(4_000), budget.take(5_000)]).toEqual([
    'granted',
    'too-soon',
    'granted',
  ]);
  for (let i = 2; i < 200; i += 1) expect(budget.take(i * 5_000)).toBe('granted');
  expect(budget.take(1_000_000)).toBe('exhausted');
  expect(budget.take(86_399_999)).toBe('exhausted');
  expect(budget.take(86_400_000)).toBe('granted');
  expect(budget.take(86_404_800)).toBe('exhausted');
  expect(budget.take(86_405_000)).toBe('granted');
});

test('a budget of nothing grants nothing', () => {
  expect(createIdentifyBudget({ perDay: 0, windowMs: 1 }).take(10)).toBe('exhausted');
});
