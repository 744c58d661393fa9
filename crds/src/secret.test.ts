import { inspect, format } from 'node:util';

import { describe, expect, test } from '@jest/globals';

import { Secret, secretEquals } from './secret.ts';

const CANARY = 'sk-canary-0123456789';

describe('S9: a secret never prints its value', () => {
  const secret = new Secret('provider-key', CANARY);
  const base64 = Buffer.from(CANARY).toString('base64');

  test.each<[string, () => string]>([
    ['String()', () => String(secret)],
    ['concatenation', () => 'key: ' + secret.toString()],
    ['JSON', () => JSON.stringify({ secret })],
    ['inspect', () => inspect(secret, { showHidden: true, depth: 9 })],
    [
      'inspect without custom inspection',
      () => inspect(secret, { customInspect: false, showHidden: true, depth: 9 }),
    ],
    ['%s, %o, %j and %O', () => format('%s %o %j %O', secret, secret, secret, secret)],
    ['an error with it as cause', () => inspect(new Error('failed', { cause: secret }))],
    [
      'a copy of its members',
      () => JSON.stringify(Object.assign({}, secret)) + inspect(Object.assign({}, secret)),
    ],
    ['its keys', () => Object.entries(secret).flat().join()],
    ['a structured clone', () => inspect(structuredClone(secret), { showHidden: true })],
  ])('%s', (_, print) => {
    const text = print();
    expect(text).not.toContain(CANARY);
    expect(text).not.toContain(base64);
    expect(text).not.toContain(Buffer.from(CANARY).toString('hex'));
  });
});

test('reveal hands out the value and erase overwrites it', () => {
  const secret = new Secret('provider-key', CANARY);
  expect(secret.reveal((bytes) => bytes.toString())).toBe(CANARY);
  secret.erase();
  expect(secret.reveal((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
});

test('the secret has its own copy of the bytes', () => {
  const source = Buffer.from(CANARY);
  const secret = new Secret('provider-key', source);
  source.fill(0);
  expect(secret.reveal((bytes) => bytes.toString())).toBe(CANARY);
});

test('secretEquals compares values, not objects or prefixes', () => {
  const secret = new Secret('fake-token', 'abc');
  expect(secretEquals(secret, new Secret('fake-token', 'abc'))).toBe(true);
  expect(secretEquals(secret, new Secret('fake-token', 'abd'))).toBe(false);
  expect(secretEquals(secret, new Secret('fake-token', 'ab'))).toBe(false);
});
