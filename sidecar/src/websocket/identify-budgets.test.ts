import { expect, test } from '@jest/globals';

import { createIdentifyBudgets } from './identify-budgets.ts';

const INTERVAL_MS = 5_000;
const DAY_MS = 86_400_000;

test('a credential has one budget, whoever asks, and each its own', () => {
  const budgets = createIdentifyBudgets();
  expect(budgets.of('b/one').take(0)).toBe('granted');
  expect(budgets.of('b/one').take(1)).toBe('too-soon');
  expect(budgets.of('b/two').take(1)).toBe('granted');
});

test('200 logins in a day, far below the 1,000 after which Discord resets the token', () => {
  const budget = createIdentifyBudgets().of('b/one');
  for (let i = 0; i < 200; i += 1) expect(budget.take(i * INTERVAL_MS)).toBe('granted');
  expect(budget.take(200 * INTERVAL_MS)).toBe('exhausted');
  expect(budget.take(DAY_MS - 1)).toBe('exhausted');
  expect(budget.take(DAY_MS)).toBe('granted');
});
