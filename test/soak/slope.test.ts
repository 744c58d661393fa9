import { expect, test } from '@jest/globals';

import { slopeOf } from './slope.ts';

test('is that of a line', () => {
  expect(slopeOf([0, 1, 2, 3].map((x) => ({ x, y: 5 + 2 * x })))).toBeCloseTo(2);
});

test('is that of the line closest to all samples', () => {
  expect(slopeOf([1, -1, -1, 1].map((noise, x) => ({ x, y: 7 + noise })))).toBeCloseTo(0);
});

test('is none without two different places', () => {
  expect([
    slopeOf([]),
    slopeOf([{ x: 1, y: 2 }]),
    slopeOf([
      { x: 1, y: 2 },
      { x: 1, y: 9 },
    ]),
  ]).toEqual([0, 0, 0]);
});
