import { describe, expect, test } from '@jest/globals';

import { createPricing } from './prices.ts';
import { RunningCost } from './running-cost.ts';

const pricing = createPricing({
  asOf: '2026-01-01',
  models: [
    { match: 'dear', input: '10', cachedInput: '1', output: '100' },
    { match: 'cheap', input: '1', output: '1' },
  ],
});
const [dear, cheap] = [pricing.find('dear'), pricing.find('cheap')];
const MICRO = 1_000_000n;

test('one report costs what its tokens cost', () => {
  expect(new RunningCost().add({ input: 10, output: 2 }, dear)).toBe(300n * MICRO);
});

test('a later report of the same model stands for the earlier one, as far as what was from a cache', () => {
  const cost = new RunningCost();
  cost.add({ input: 10 }, dear);
  expect(cost.add({ input: 10, cacheRead: 5 }, dear)).toBe(55n * MICRO);
});

test('tokens keep the price of the model that used them, in whatever order the models come', () => {
  const cost = new RunningCost();
  expect(cost.add({ input: 10 }, dear)).toBe(100n * MICRO);
  expect(cost.add({ input: 15 }, cheap)).toBe(105n * MICRO);
  expect(cost.add({ input: 20 }, cheap)).toBe(110n * MICRO);
  expect(cost.add({ input: 21 }, dear)).toBe(120n * MICRO);
});

test('what has no price adds nothing, and takes nothing away', () => {
  const cost = new RunningCost();
  expect(cost.add({ input: 10 }, undefined)).toBeUndefined();
  expect(cost.add({ input: 11 }, dear)).toBe(10n * MICRO);
  expect(cost.add({ input: 99 }, undefined)).toBe(10n * MICRO);
  expect(cost.add({ input: 5 }, cheap)).toBe(10n * MICRO);
});

describe('long prompts', () => {
  const long = createPricing({
    asOf: '2026-01-01',
    models: [
      { match: 'm', input: '1', output: '2', longPrompt: { overTokens: 100, input: '10', output: '20' } },
      { match: 'cheap', input: '1', output: '1' },
    ],
  });
  const [model, other] = [long.find('m'), long.find('cheap')];

  test('cost more from the first token on, and so does the answer', () => {
    expect(new RunningCost().add({ input: 100, output: 10 }, model)).toBe(120n * MICRO);
    expect(new RunningCost().add({ input: 101, output: 10 }, model)).toBe(1210n * MICRO);
  });

  test('are those of one response, not of a whole connection', () => {
    const cost = new RunningCost();
    expect(cost.add({ input: 60, output: 1 }, model)).toBe(62n * MICRO);
    expect(cost.add({ input: 120, output: 2 }, model)).toBe(124n * MICRO);
    expect(cost.add({ input: 270, output: 3 }, model)).toBe((124n + 1520n) * MICRO);
    expect(cost.add({ input: 280, output: 4 }, model)).toBe((124n + 1520n + 12n) * MICRO);
  });

  test('stay long while their answer is reported, and are forgotten with another model', () => {
    const cost = new RunningCost();
    expect(cost.add({ input: 200 }, model)).toBe(2000n * MICRO);
    expect(cost.add({ input: 200, output: 5 }, model)).toBe(2100n * MICRO);
    expect(cost.add({ input: 200, output: 6 }, other)).toBe(2101n * MICRO);
    expect(cost.add({ input: 200, output: 7 }, model)).toBe(2103n * MICRO);
  });
});
