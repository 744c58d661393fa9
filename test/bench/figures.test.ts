import { expect, test } from '@jest/globals';

import { type Column, cellValue, mediansOf, type Row } from './figures.ts';

test('rounds become medians, also of figures that some rounds lack', () => {
  expect(mediansOf([{ a: 3, b: 1 }, { a: 1 }, { a: 2, b: 5 }])).toEqual({ a: 2, b: 1 });
  expect(mediansOf([])).toEqual({});
});

test('an added figure is the distance to the first row, which has none itself', () => {
  const direct: Row = { name: 'direct', figures: { p50Us: 100 } };
  const other: Row = { name: 'other', figures: { p50Us: 130 } };
  const added: Column = { key: 'p50Us', title: 'added', added: true };
  expect(cellValue(added, other, direct)).toBe(30);
  expect(cellValue(added, direct, direct)).toBeUndefined();
  expect(cellValue(added, other, undefined)).toBeUndefined();
  expect(cellValue({ key: 'p50Us', title: 'p50' }, other, direct)).toBe(130);
  expect(cellValue({ key: 'cpu', title: 'CPU' }, other, direct)).toBeUndefined();
});
