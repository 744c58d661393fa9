import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { PodDayBudget } from './day-budget.ts';

const DAY_MS = 86_400_000;
const MIDNIGHT_MS = Date.UTC(2026, 1, 28);

describe('PodDayBudget', () => {
  test('begins anew with the UTC day, to the millisecond', () => {
    const budget = new PodDayBudget(100);
    budget.spend(100, MIDNIGHT_MS - 1);
    expect(budget.left(MIDNIGHT_MS - 1)).toBe(0);
    expect(budget.renewsInMs(MIDNIGHT_MS - 1)).toBe(1);
    expect(budget.left(MIDNIGHT_MS)).toBe(100);
    expect(budget.renewsInMs(MIDNIGHT_MS)).toBe(DAY_MS);
  });

  test('S7: a clock that is set back gives no amount a second time, and the wait it tells is true', () => {
    const budget = new PodDayBudget(100);
    budget.spend(70, MIDNIGHT_MS + 5);
    budget.spend(30, MIDNIGHT_MS - 3 * DAY_MS);
    expect(budget.left(MIDNIGHT_MS - 3 * DAY_MS)).toBe(0);
    expect(budget.left(MIDNIGHT_MS - 1)).toBe(0);
    expect(budget.renewsInMs(MIDNIGHT_MS - 1)).toBe(DAY_MS + 1);
    expect(budget.left(MIDNIGHT_MS + 6)).toBe(0);
    expect(budget.left(MIDNIGHT_MS + DAY_MS)).toBe(100);
  });

  test('what is spent beyond the limit is a debt of that day only', () => {
    const budget = new PodDayBudget(10);
    budget.spend(25, MIDNIGHT_MS);
    expect(budget.left(MIDNIGHT_MS)).toBe(-15);
    expect(budget.left(MIDNIGHT_MS + DAY_MS)).toBe(10);
  });

  test('what was spent without a limit counts when there is one', () => {
    const budget = new PodDayBudget(undefined);
    budget.spend(7, MIDNIGHT_MS);
    expect(budget.left(MIDNIGHT_MS)).toBe(Number.POSITIVE_INFINITY);
    budget.limit = 10;
    expect(budget.left(MIDNIGHT_MS)).toBe(3);
  });

  test('agrees with a list of all spendings, and renews exactly when it says', () => {
    const spending = fc.record({ amount: fc.nat(50), gapMs: fc.nat(DAY_MS * 1.5) });
    fc.assert(
      fc.property(
        fc.nat(DAY_MS * 3),
        fc.array(spending, { minLength: 1, maxLength: 50 }),
        (from, spendings) => {
          const budget = new PodDayBudget(100);
          const all: { day: number; amount: number }[] = [];
          let nowMs = from;
          for (const { amount, gapMs } of spendings) {
            nowMs += gapMs;
            const day = Math.floor(nowMs / DAY_MS);
            budget.spend(amount, nowMs);
            all.push({ day, amount });
            const today = all
              .filter((other) => other.day === day)
              .reduce((sum, other) => sum + other.amount, 0);
            expect(budget.left(nowMs)).toBe(100 - today);
          }
          const spent = 100 - budget.left(nowMs);
          const waitMs = budget.renewsInMs(nowMs);
          expect(budget.left(nowMs + waitMs - 1)).toBe(100 - spent);
          expect(budget.left(nowMs + waitMs)).toBe(100);
        },
      ),
    );
  });
});
