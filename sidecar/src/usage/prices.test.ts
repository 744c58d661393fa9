import { describe, expect, test } from '@jest/globals';
import type { ModelPrice } from '@seks/crds';
import fc from 'fast-check';

import { formatUsd, parseUsd } from './dollars.ts';
import { costPicodollars, createPricing } from './prices.ts';
import type { TokenCounts } from './token-counts.ts';

const PRICE: ModelPrice = {
  match: 'gpt-*',
  input: '1.25',
  cachedInput: '0.125',
  cacheWrite: '1.5625',
  cacheWriteHour: '2.5',
  output: '10',
  inputAudio: '32',
  outputAudio: '64',
};

function cost(counts: TokenCounts, price: ModelPrice = PRICE): string | undefined {
  const compiled = createPricing({ asOf: '2026-11-01', models: [price] }).find(price.match);
  const picodollars = compiled && costPicodollars(counts, compiled);
  return picodollars === undefined ? undefined : formatUsd(picodollars);
}

describe('costPicodollars', () => {
  test.each<[string, TokenCounts, string]>([
    ['nothing', {}, '0'],
    ['input and output', { input: 1_000_000, output: 1_000_000 }, '11.25'],
    ['one token', { input: 1 }, '0.00000125'],
    ['what came from the cache', { input: 1_000_000, cacheRead: 400_000 }, '0.8'],
    ['what went to the cache', { input: 100, cacheRead: 20, cacheWrite: 80 }, '0.0001275'],
    ['what the cache keeps for an hour', { input: 100, cacheWrite: 80, cacheWriteHour: 30 }, '0.000178125'],
    ['sound', { input: 100, inputAudio: 60, output: 10, outputAudio: 10 }, '0.00261'],
    ['reasoning, which is output', { output: 10, reasoning: 9 }, '0.0001'],
    ['parts that overlap', { input: 100, cacheRead: 80, inputAudio: 60 }, '0.00065'],
    ['a part without the whole', { cacheRead: 8 }, '0.000001'],
  ])('%s', (_, counts, expected) => expect(cost(counts)).toBe(expected));

  test('parts without a price cost what the whole costs', () => {
    const price = { match: '*', input: '2', output: '3' };
    expect(
      cost({ input: 9, cacheRead: 3, cacheWrite: 3, inputAudio: 3, output: 9, outputAudio: 4 }, price),
    ).toBe('0.000045');
  });

  test('what the cache keeps for an hour costs what the cache does, if that is all there is', () => {
    const counts = { input: 10, cacheWrite: 8, cacheWriteHour: 5 };
    expect(cost(counts, { match: '*', input: '2', cacheWrite: '3' })).toBe('0.000028');
    expect(cost(counts, { match: '*', input: '2' })).toBe('0.00002');
  });

  test('tokens without a price have no cost', () => {
    expect(cost({ input: 1, output: 1 }, { match: '*', input: '2' })).toBeUndefined();
    expect(cost({ input: 1, output: 0 }, { match: '*', input: '2' })).toBe('0.000002');
  });

  test('is exact: what many requests cost is what their tokens cost together', () => {
    const tokens = fc.integer({ min: 0, max: 1e9 });
    fc.assert(
      fc.property(fc.array(fc.tuple(tokens, tokens), { maxLength: 50 }), (requests) => {
        const compiled = createPricing({ asOf: '2026-11-01', models: [PRICE] }).find('gpt-*');
        if (compiled === undefined) throw new Error('no price');
        const costs = requests.map(([input, output]) => costPicodollars({ input, output }, compiled) ?? -1n);
        const input = requests.reduce((sum, [count]) => sum + count, 0);
        const output = requests.reduce((sum, [, count]) => sum + count, 0);
        expect(costs.reduce((sum, amount) => sum + amount, 0n)).toBe(
          costPicodollars({ input, output }, compiled),
        );
      }),
    );
  });
});

describe('createPricing', () => {
  const pricing = createPricing({
    asOf: '2026-11-01',
    models: [
      { match: 'gpt-5-mini*', input: '1' },
      { match: 'gpt-5*', input: '2' },
    ],
  });

  test('the first match wins, also when asked again', () => {
    for (let i = 0; i < 2; i += 1) {
      expect(pricing.find('gpt-5-mini-2026')?.input).toBe(1_000_000n);
      expect(pricing.find('gpt-5')?.input).toBe(2_000_000n);
      expect(pricing.find('gpt-4')).toBeUndefined();
    }
  });

  test('stays right however many names are asked for', () => {
    for (let i = 0; i < 1000; i += 1) expect(pricing.find(`other-${i}`)).toBeUndefined();
    expect(pricing.find('gpt-5')?.input).toBe(2_000_000n);
  });

  test.each(['', '-1', '1e3', '1.1234567', '.5', 'free', '1234567890'])('refuses the price %j', (input) => {
    expect(() => createPricing({ asOf: '2026-11-01', models: [{ match: '*', input }] })).toThrow(
      /The price input of \*/,
    );
  });
});

describe('dollars', () => {
  test('are read and written without loss', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (picodollars) => {
        expect(parseUsd(formatUsd(picodollars))).toBe(picodollars);
      }),
    );
    expect(formatUsd(20_500_000_000_000n)).toBe('20.5');
  });
});
