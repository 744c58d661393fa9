import { expect, test } from '@jest/globals';
import { isGoNewEnough } from './go-build.ts';

test.each([
  ['go1.24', true],
  ['go1.26.8', true],
  ['go2.0', true],
  ['devel go1.27-abcdef', true],
  ['go1.19.8', false],
  ['go1.9', false],
  ['', false],
])('%s is new enough: %s', (version, expected) => {
  expect(isGoNewEnough(version)).toBe(expected);
});
