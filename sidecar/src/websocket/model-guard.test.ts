import { describe, expect, test } from '@jest/globals';
import { type LeasedCredential, SeksError } from '@seks/crds';

import type { GrantedCredential } from '../lease/granted-credential.ts';
import { compileModelRules } from '../policy/models.ts';
import { testGrant } from '../testing/test-grant.ts';
import { createPricing } from '../usage/prices.ts';
import { createModelGuard, type ModelGuard } from './model-guard.ts';

const pricing = createPricing({ asOf: '2026-01-01', models: [{ match: 'good-*', input: '1' }] });

function under(policy: Pick<LeasedCredential['policy'], 'models' | 'limits'>): GrantedCredential {
  return { ...testGrant(), pricing, models: compileModelRules(undefined, policy) };
}

function send(guard: ModelGuard, data: string | Buffer, binary = Buffer.isBuffer(data)): string {
  try {
    guard.check({ data: Buffer.from(data), binary });
    return `passes with ${guard.model}`;
  } catch (cause) {
    if (cause instanceof SeksError) return cause.code;
    throw cause;
  }
}

const GOOD = '{"model":"good-1"}';
const BAD = '{"model":"bad-1"}';

describe('a guard with a list of models', () => {
  const strict = (...known: string[]): ModelGuard => createModelGuard(under({ models: ['good-*'] }), known);

  test.each(['good-1', 'models/good-1'])('knows %s from the handshake', (model) => {
    expect(send(strict(model), '{"x":1}')).toBe(`passes with ${model}`);
  });

  test('refuses a handshake that names another one', () => {
    expect(() => strict('good-1', 'bad-1')).toThrow(expect.objectContaining({ code: 'SEKS_MODEL_DENIED' }));
  });

  test('wants one before anything else', () => {
    expect(send(strict(), '{"x":1}')).toBe('SEKS_MODEL_MISSING');
    expect(send(strict(), Buffer.from([0, 1, 2]))).toBe('SEKS_MODEL_MISSING');
  });

  test('looks at every message', () => {
    const guard = strict();
    expect(send(guard, GOOD)).toBe('passes with good-1');
    expect(send(guard, '{"x":1}')).toBe('passes with good-1');
    expect(send(guard, BAD)).toBe('SEKS_MODEL_DENIED');
  });

  test('refuses text that cannot be looked at', () => {
    expect(send(strict('good-1'), 'model=bad-1')).toBe('SEKS_BODY_MALFORMED');
  });

  test.each([
    ['JSON', Buffer.from(BAD), 'SEKS_MODEL_DENIED'],
    ['JSON behind spaces', Buffer.from(` \n${BAD}`), 'SEKS_MODEL_DENIED'],
    ['JSON behind a byte order mark', Buffer.from(`\ufeff${BAD}`), 'SEKS_BODY_MALFORMED'],
    ['JSON in UTF-16', Buffer.from(BAD, 'utf16le'), 'SEKS_BODY_MALFORMED'],
    ['sound', Buffer.from([0x7b, 0xff, 0x22, 0x5c, 0x75]), 'passes with good-1'],
    ['silence', Buffer.alloc(320), 'passes with good-1'],
  ])('in binary frames: %s', (_, data, result) => {
    expect(send(strict('good-1'), data)).toBe(result);
  });
});

test('with a limit in dollars, a model needs a price', () => {
  const guard = createModelGuard(under({ limits: { usdPerDay: '1' } }), []);
  expect(send(guard, BAD)).toBe('SEKS_MODEL_UNPRICED');
  expect(send(guard, GOOD)).toBe('passes with good-1');
});

describe('a guard without rules', () => {
  const free = (): ModelGuard => createModelGuard(under({}), []);

  test('learns the model of the first message, and lets everything pass', () => {
    const guard = free();
    expect(send(guard, '{"session":{"model":"bad-1"}}')).toBe('passes with bad-1');
    expect(send(guard, GOOD)).toBe('passes with bad-1');
  });

  test.each(['no JSON', '{"model":1}', '{"model":"a","model":"b"}'])('lets %s pass', (text) => {
    expect(send(free(), text)).toBe('passes with undefined');
  });
});
