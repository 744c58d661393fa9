// The list of sub-protocols by the letter of RFC 6455 §4.1.
import { expect, test } from '@jest/globals';

import { parseProtocols } from './offered-protocols.ts';

test('the list is read over several header lines', () => {
  expect(parseProtocols([])).toEqual([]);
  expect(parseProtocols(['realtime,a , b'])).toEqual(['realtime', 'a', 'b']);
  expect(parseProtocols(['a, b', 'c'])).toEqual(['a', 'b', 'c']);
});

test.each([
  ['an empty list', ''],
  ['an empty element', 'a,,b'],
  ['a repeated one', 'a, b, a'],
  ['no token', 'a b'],
  ['too many', Array.from({ length: 33 }, (_, i) => `p${i}`).join(',')],
])('%s is refused', (_, value) => {
  expect(() => parseProtocols([value])).toThrow(expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }));
});
