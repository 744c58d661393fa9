import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { SeksError } from '../errors/seks-error.ts';
import { MAX_ENVELOPE_BYTES, parseEnvelope } from './parse.ts';

test('S7: whatever the text, it is refused with one of our codes', () => {
  const start = fc.constantFrom('', '{"protected":"', '{"protected":"AAAA","unprotected":{"edks":[');
  const rest = fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(start, rest, (start, rest) => {
      expect(() => parseEnvelope(start + rest)).toThrow(SeksError);
    }),
  );
});

test('an overlong text is refused before it is parsed', () => {
  const text = `{"protected":"${'A'.repeat(MAX_ENVELOPE_BYTES)}"}`;
  expect(() => parseEnvelope(text)).toThrow('The envelope is too long.');
});

test('a member named __proto__ does not pass as absent', () => {
  expect(() => parseEnvelope('{"protected":"AAAA","__proto__":{"iv":"AAAA"}}')).toThrow(SeksError);
});
