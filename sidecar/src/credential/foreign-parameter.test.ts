import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { hasCredentialParameter } from './foreign-parameter.ts';

const NONE: ReadonlySet<string> = new Set();
const PLACEMENTS: ReadonlySet<string> = new Set(['appid']);

describe('hasCredentialParameter', () => {
  test.each([
    '?key=x',
    '?a=b&KEY=x',
    '?access_token=x',
    '?api_key=x',
    '?api-key=x',
    '?apikey=x',
    '?token=x',
    '?Authorization=x',
    '?a=b;key=x',
    '?%6bey=x',
    '?%4B%45%59=x',
    '?%24key=x',
    '?$key=x',
    '?key',
    '?x-goog-api-key=x',
    '?key[]=x',
    '?key%5B0%5D=x',
    '?X-Amz-Security-Token=x',
    '?X-Amz-Signature=x',
    '?jwt=x',
  ])('S5: finds one in %s', (query) => {
    expect(hasCredentialParameter(query, NONE)).toBe(true);
  });

  test.each([
    '',
    '?',
    '?alt=sse',
    '?beta=true',
    '?pageToken=x',
    '?q=key=x',
    '?monkey=1',
    '?keys=1',
    '?limit=20&after=key',
    '?appid=x',
  ])('finds none in %s', (query) => {
    expect(hasCredentialParameter(query, NONE)).toBe(false);
  });

  test.each(['?appid=x', '?APPID=x', '?app_id=x', '?%61ppid=x', '?appid[]=x', '?a=b;appid=x'])(
    'S5: takes the parameter of a provider of this pod for one: %s',
    (query) => {
      expect(hasCredentialParameter(query, PLACEMENTS)).toBe(true);
    },
  );

  test('S5: a name that cannot be decoded counts as one', () => {
    expect(hasCredentialParameter('?%ff=x', NONE)).toBe(true);
  });

  test('S5: the known parameter may stand once, in whatever spelling the second comes', () => {
    const letter = fc.constantFrom('plain', 'upper', 'encoded', 'encodedUpper');
    const spelling = fc
      .tuple(
        fc.array(letter, { minLength: 6, maxLength: 6 }),
        fc.constantFrom('', '[]', '[0]', '%5B%5D', '_'),
      )
      .map(([how, tail]) => Array.from('apikey', (char, i) => spell(char, how[i])).join('') + tail);
    expect(hasCredentialParameter('?apiKey=&x=1', NONE, 'apiKey')).toBe(false);
    fc.assert(
      fc.property(spelling, fc.constantFrom('&', ';'), fc.boolean(), (name, separator, first) => {
        const pairs = first ? [`${name}=evil`, 'apiKey='] : ['apiKey=', `${name}=evil`];
        expect(hasCredentialParameter(`?${pairs.join(separator)}`, NONE, 'apiKey')).toBe(true);
      }),
    );
  });
});

function spell(char: string, how: string | undefined): string {
  const hex = (text: string): string => `%${text.charCodeAt(0).toString(16)}`;
  if (how === 'upper') return char.toUpperCase();
  if (how === 'encoded') return hex(char);
  return how === 'encodedUpper' ? hex(char.toUpperCase()) : char;
}
