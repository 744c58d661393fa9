import { describe, expect, test } from '@jest/globals';
import { type LeasedCredential, SeksError } from '@seks/crds';

import type { GrantedCredential } from '../lease/granted-credential.ts';
import { compileModelRules } from '../policy/models.ts';
import { testGrant } from '../testing/test-grant.ts';
import { createPricing } from '../usage/prices.ts';
import type { UsageFormat } from '../usage/token-counts.ts';
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

function of(format: UsageFormat, credential: GrantedCredential): GrantedCredential {
  const { provider } = credential;
  return { ...credential, provider: { ...provider, spec: { ...provider.spec, usage: { format } } } };
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

  test.each([
    ['the message', '{"model":"good-1"}'],
    ['its session', '{"session":{"model":"good-1"}}'],
    ['its response', '{"response":{"model":"good-1"}}'],
    ['both alike', '{"model":"good-1","response":{"model":"good-1"}}'],
    [
      'a session that only transcribes',
      '{"session":{"audio":{"input":{"transcription":{"model":"good-1"}}}}}',
    ],
  ])('takes the name from %s', (_, text) => {
    expect(send(strict(), text)).toBe('passes with good-1');
  });

  test.each([
    ['metadata', '{"session":{"metadata":{"model":"good-1"}}}'],
    ['a list', '{"session":[{"model":"good-1"}]}'],
    ['a key with a full stop', '{"session.input_audio_transcription":{"model":"good-1"}}'],
    ['two that differ', '{"session":{"model":"good-1"},"response":{"model":"good-2"}}'],
  ])('does not take %s for the name', (_, text) => {
    expect(send(strict(), text)).toBe('SEKS_MODEL_MISSING');
  });

  test('what transcribes does not stand for what answers', () => {
    const guard = strict('good-1');
    const text = '{"session":{"audio":{"input":{"transcription":{"model":"good-2"}}}}}';
    expect(send(guard, text)).toBe('passes with good-1');
    expect(send(guard, text.replace('good-2', 'bad-1'))).toBe('SEKS_MODEL_DENIED');
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
    [
      'JSON with a byte that is no UTF-8',
      Buffer.from(`{"\xff":1,${BAD.slice(1)}`, 'latin1'),
      'SEKS_BODY_MALFORMED',
    ],
    ['sound', Buffer.from([0x7b, 0x22, 0xff, 0x5c, 0x22, 0x75, 0x22, 0x3b]), 'passes with good-1'],
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

test('of several that a handshake names the dearest counts', () => {
  const prices = createPricing({
    asOf: '2026-01-01',
    models: [
      { match: 'good-cheap', input: '1' },
      { match: 'good-dear', input: '9' },
    ],
  });
  const credential = { ...under({ models: ['good-*'] }), pricing: prices };
  expect(createModelGuard(credential, ['good-cheap', 'good-dear', 'good-cheap']).model).toBe('good-dear');
});

test('a new lease judges the handshake again, and keeps the name', () => {
  const strict = under({ models: ['good-*'] });
  expect(createModelGuard(strict, ['good-1'], 'good-2').model).toBe('good-2');
  expect(() => createModelGuard(strict, ['bad-1'], 'good-2')).toThrow('does not allow this model');
  expect(() => createModelGuard(strict, ['good-1'], 'bad-1')).toThrow('does not allow this model');
});

describe('a guard of Gemini Live', () => {
  const live = (...known: string[]): ModelGuard =>
    createModelGuard(of('Gemini', under({ limits: { usdPerDay: '1' } })), known);
  const setup = (model: string): string => `{"setup":{"model":"models/${model}"}}`;

  test('takes the name from the setup, and not from what tools answer', () => {
    const guard = live();
    expect(send(guard, setup('good-1'))).toBe('passes with models/good-1');
    const result = '{"toolResponse":{"functionResponses":[{"response":{"model":"%s"}}]}}';
    expect(send(guard, result.replace('%s', 'good-2'))).toBe('passes with models/good-1');
    expect(send(guard, result.replace('%s', 'iPhone 17'))).toBe('passes with models/good-1');
    expect(send(guard, result.replace('"model"', '"Model":1,"model":2,"model"'))).toBe(
      'passes with models/good-1',
    );
    expect(send(guard, setup('good-2'))).toBe('passes with models/good-1');
  });

  test('takes it from nowhere else', () => {
    expect(send(live(), '{"clientContent":{"model":"good-1"}}')).toBe('SEKS_MODEL_MISSING');
    expect(send(live('good-2'), '{"clientContent":{}}')).toBe('SEKS_MODEL_MISSING');
    expect(send(live('good-2'), setup('good-1'))).toBe('passes with models/good-1');
  });

  test('refuses another one, however the setup is spelled', () => {
    expect(send(live(), setup('bad-1'))).toBe('SEKS_MODEL_UNPRICED');
    expect(send(live(), setup('bad-1').replace('setup', 'Setup'))).toBe('SEKS_MODEL_UNPRICED');
    expect(send(live(), setup('bad-1').replace('setup', '\\u0073etup'))).toBe('SEKS_MODEL_UNPRICED');
  });
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
