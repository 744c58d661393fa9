import { expect, test } from '@jest/globals';

import { ERRORS, ERROR_CODES, reasonOf } from './catalogue.ts';

test.each(ERROR_CODES)('%s is complete', (code) => {
  const { status, summary, hint } = ERRORS[code];
  expect(code).toMatch(/^SEKS_[A-Z]+(_[A-Z]+)*$/);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(600);
  expect(summary).toMatch(/^[A-Z].*\.$/);
  expect(hint).toMatch(/^[A-Z].*\.$/);
});

test('condition reasons are CamelCase and as distinct as the codes', () => {
  const reasons = ERROR_CODES.map(reasonOf);
  expect(new Set(reasons).size).toBe(ERROR_CODES.length);
  for (const reason of reasons) expect(reason).toMatch(/^([A-Z][a-z]+)+$/);
  expect(reasonOf('SEKS_BINDING_SUSPENDED')).toBe('BindingSuspended');
});
