import { expect, test } from '@jest/globals';

import { createIdentifyBudgets } from './identify-budgets.ts';

const INTERVAL_MS = 5_000;
const DAY_MS = 86_400_000;
const clocks = { nowMs: () => 0, wallClock: () => DAY_MS };

test('a credential has one budget, whoever asks, and each its own', () => {
  const budgets = createIdentifyBudgets(clocks);
  expect(budgets.of('b/one').take(0)).toBe('granted');
  expect(budgets.of('b/one').take(1)).toBe('too-soon');
  expect(budgets.of('b/two').take(1)).toBe('granted');
});

test('200 logins in a day, far below the 1,000 after which Discord resets the token', () => {
  const budget = createIdentifyBudgets(clocks).of('b/one');
  for (let i = 0; i < 200; i += 1) expect(budget.take(i * INTERVAL_MS)).toBe('granted');
  expect(budget.take(200 * INTERVAL_MS)).toBe('exhausted');
  expect(budget.take(DAY_MS - 1)).toBe('exhausted');
  expect(budget.take(DAY_MS)).toBe('granted');
});

test('S7: a new process, whose clock begins anew, knows the logins of the one before', () => {
  let changes = 0;
  let nowMs = 5_000_000;
  let wallMs = Date.UTC(2026, 0, 1);
  const wallClock = () => wallMs;
  const before = createIdentifyBudgets({ nowMs: () => nowMs, wallClock, changed: () => (changes += 1) });
  for (let i = 0; i < 200; i += 1) {
    expect(before.of('b/one').take(nowMs)).toBe('granted');
    nowMs += INTERVAL_MS;
    wallMs += INTERVAL_MS;
  }
  expect(before.of('b/one').take(nowMs)).toBe('exhausted');
  expect(changes).toBe(200);
  const logins = new Map(before.logins());
  expect(logins.get('b/one')?.[0]).toBe(Date.UTC(2026, 0, 1));
  nowMs = 0;
  const after = createIdentifyBudgets({ nowMs: () => nowMs, wallClock, earlier: (key) => logins.get(key) });
  expect(after.of('b/one').take(0)).toBe('exhausted');
  expect(after.of('b/two').take(0)).toBe('granted');
  // The first of them was 1,000 s ago.
  expect(after.of('b/one').take(DAY_MS - 200 * INTERVAL_MS - 1)).toBe('exhausted');
  expect(after.of('b/one').take(DAY_MS - 200 * INTERVAL_MS)).toBe('granted');
});

test('S7: with a clock that was set back meanwhile they count as of now', () => {
  const earlier = () => Array.from({ length: 200 }, (_, i) => 10 * DAY_MS + i * INTERVAL_MS);
  const budget = createIdentifyBudgets({ ...clocks, earlier }).of('b/one');
  expect(budget.take(0)).toBe('exhausted');
  expect(budget.take(DAY_MS - 1)).toBe('exhausted');
  expect(budget.take(DAY_MS)).toBe('granted');
});
