import { expect, test } from '@jest/globals';

import { median, percentile } from './statistics.ts';

test('percentiles are nearest-rank and do not depend on the order', () => {
  const samples = [5, 1, 4, 2, 3];
  expect(percentile(samples, 0)).toBe(1);
  expect(median(samples)).toBe(3);
  expect(percentile(samples, 0.99)).toBe(5);
  expect(samples).toEqual([5, 1, 4, 2, 3]);
});

test('no samples are an error, not a zero', () => {
  expect(() => median([])).toThrow(RangeError);
});
