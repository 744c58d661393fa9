import { expect, test } from '@jest/globals';

import { ERRORS, ERROR_CODES, SeksError, reasonOf, toSeksError } from './errors.ts';

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

test('the message that an SDK shows holds code, detail and hint', () => {
  const { error, type } = new SeksError(
    'SEKS_SECRET_MISSING',
    'Secret agents/keys has no key openai.',
  ).toBody();
  expect(type).toBe('error');
  expect(error.message).toContain('SEKS_SECRET_MISSING');
  expect(error.message).toContain('Secret agents/keys has no key openai.');
  expect(error.message).toContain(error.hint);
});

test('an unknown error becomes SEKS_INTERNAL without its message', () => {
  const cause = new Error('something with a secret');
  const error = toSeksError(cause);
  expect(error.code).toBe('SEKS_INTERNAL');
  expect(JSON.stringify(error.toBody())).not.toContain('secret');
  expect(error.cause).toBe(cause);
  expect(toSeksError(error)).toBe(error);
});
