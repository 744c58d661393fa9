import { expect, test } from '@jest/globals';

import { canonicalJson } from './canonical-json.ts';

test('sorts members at every depth and keeps the order of lists', () => {
  const value = { b: [{ d: 1, c: 'x' }, 2], a: { z: null, y: true }, u: undefined };
  expect(canonicalJson(value)).toBe('{"a":{"y":true,"z":null},"b":[{"c":"x","d":1},2]}');
});

test('gives one text for objects that were built in different orders', () => {
  expect(canonicalJson({ x: 1, y: { a: 1, b: 2 } })).toBe(canonicalJson({ y: { b: 2, a: 1 }, x: 1 }));
});
