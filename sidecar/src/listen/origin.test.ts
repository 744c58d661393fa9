// Origins, and the values of Host that fit them.
import { expect, test } from '@jest/globals';
import { PassThrough } from 'node:stream';

import { baseOrigin, hostOrigin, markOrigin, originOf } from './origin.ts';

test('S6: a connection to the sidecar itself fits its own addresses only', () => {
  expect([...baseOrigin(15080, false).hosts]).toEqual(['127.0.0.1:15080', 'localhost:15080']);
  expect([...baseOrigin(443, true).hosts].sort()).toEqual([
    '127.0.0.1',
    '127.0.0.1:443',
    'localhost',
    'localhost:443',
  ]);
});

test('S6: a connection to an intercepted host fits that host only', () => {
  expect([...hostOrigin('api.openai.com').hosts]).toEqual(['api.openai.com', 'api.openai.com:443']);
});

test('S7: a connection whose origin nobody has decided has none', () => {
  const socket = new PassThrough();
  expect(() => originOf(socket)).toThrow(expect.objectContaining({ code: 'SEKS_INTERNAL' }));
  const origin = baseOrigin(1, false);
  markOrigin(socket, origin);
  expect(originOf(socket)).toBe(origin);
});
