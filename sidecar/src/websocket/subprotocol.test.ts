// The key inside a sub-protocol list.
import { expect, test } from '@jest/globals';

import { protocolForAgent } from './subprotocol.ts';

const PREFIX = 'openai-insecure-api-key.';

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
