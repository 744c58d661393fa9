import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { isModelName, matchesModelGlob } from './model-name.ts';

describe('matchesModelGlob', () => {
  test('agrees with a regular expression', () => {
    const char = fc.constantFrom('a', 'b', '/', '.');
    const glob = fc.array(fc.oneof(char, fc.constant('*')), { maxLength: 8 }).map((parts) => parts.join(''));
    const model = fc.array(char, { maxLength: 10 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(glob, model, (glob, model) => {
        const pattern = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
        expect(matchesModelGlob(glob, model)).toBe(pattern.test(model));
      }),
      { numRuns: 2000 },
    );
  });

  test('case matters', () => expect(matchesModelGlob('gpt*', 'GPT-5')).toBe(false));
});

test.each([
  ['gpt-5.4-mini', true],
  ['ft:gpt-4o:org::id', true],
  ['@cf/meta/llama', true],
  ['', false],
  ['a b', false],
  ['a\n', false],
  ['é', false],
  ['m'.repeat(129), false],
])('isModelName(%j) is %p', (text, expected) => expect(isModelName(text)).toBe(expected));
