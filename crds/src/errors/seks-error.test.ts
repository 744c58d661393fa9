import { expect, test } from '@jest/globals';

import { SeksError, toSeksError } from './seks-error.ts';

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
