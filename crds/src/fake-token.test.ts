import { randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { checkTemplate, looksLikeFakeToken, makeFakeToken } from './fake-token.ts';
import type { Secret } from './secret.ts';

const textOf = (token: Secret): string => token.reveal((bytes) => bytes.toString());

test.each([
  ['sk-proj-{token}', /^sk-proj-seks[0-9A-Za-z]{38}$/],
  ['AIza{token:35}', /^AIzaseks[0-9A-Za-z]{31}$/],
  ['{token}', /^seks[0-9A-Za-z]{38}$/],
  ['bot:{token}-x', /^bot:seks[0-9A-Za-z]{38}-x$/],
])('%s has the shape of the template', (template, shape) => {
  expect(checkTemplate(template)).toBeUndefined();
  expect(textOf(makeFakeToken(template, randomBytes))).toMatch(shape);
});

test.each([
  ['no placeholder', 'sk-proj'],
  ['two placeholders', '{token}{token}'],
  ['too few random characters', 'x{token:31}'],
  ['too long', 'x{token:129}'],
  ['a space', 'sk {token}'],
  ['a line break, which would split a header', 'sk\r\n{token}'],
  ['a letter after the checksum', '{token}abc'],
])('a template with %s is refused', (_, template) => {
  expect(checkTemplate(template)).toEqual(expect.any(String));
  expect(() => makeFakeToken(template, randomBytes)).toThrow(RangeError);
});

test('two tokens of one template differ', () => {
  expect(textOf(makeFakeToken('{token}', randomBytes))).not.toBe(
    textOf(makeFakeToken('{token}', randomBytes)),
  );
});

describe('S4: a fake token of any pod is recognised', () => {
  test('wherever it stands in a text', () => {
    fc.assert(
      fc.property(fc.constantFrom('sk-proj-{token}', 'AIza{token:35}', '{token:64}'), (template) => {
        const token = textOf(makeFakeToken(template, randomBytes));
        expect(looksLikeFakeToken(token)).toBe(true);
        expect(looksLikeFakeToken(`Bearer ${token} `)).toBe(true);
      }),
    );
  });

  test('and other strings are not, a token with one changed character among them', () => {
    const token = textOf(makeFakeToken('sk-proj-{token}', randomBytes));
    const changed = token.slice(0, -1) + (token.endsWith('a') ? 'b' : 'a');
    expect(looksLikeFakeToken(changed)).toBe(false);
    fc.assert(fc.property(fc.string(), (text) => !looksLikeFakeToken(text)));
    expect(looksLikeFakeToken('sk-proj-' + 'a'.repeat(48))).toBe(false);
  });
});
