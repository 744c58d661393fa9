import { expect, test } from '@jest/globals';

import { isOlder } from './installers.ts';

test('versions are compared as numbers', () => {
  expect(isOlder('1.9', '1.95')).toBe(true);
  expect(isOlder('1.95', '1.95')).toBe(false);
  expect(isOlder('2.0', '1.95')).toBe(false);
  expect(isOlder('1.100', '1.95')).toBe(false);
});
