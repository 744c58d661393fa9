// The key inside a sub-protocol list.
import { expect, test } from '@jest/globals';

import { parseProtocols, protocolForAgent } from './subprotocol.ts';

const PREFIX = 'openai-insecure-api-key.';

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

test.each([
  ['the provider’s choice', 'openai-organization.o', 'openai-organization.o'],
  ['S10: never the one with the key', `${PREFIX}sk-proj-REAL_key`, 'realtime'],
  ['S10: never the one with the token', `${PREFIX}fake`, 'realtime'],
  ['nothing if the provider chose nothing', '', false],
])('the agent is told %s', (_, chosen, told) => {
  expect(protocolForAgent([`${PREFIX}fake`, 'realtime', 'openai-organization.o'], PREFIX, chosen)).toBe(told);
});

test('with nothing but the key on offer, the agent is told none', () => {
  expect(protocolForAgent([`${PREFIX}fake`], PREFIX, `${PREFIX}sk-proj-REAL_key`)).toBe(false);
});
