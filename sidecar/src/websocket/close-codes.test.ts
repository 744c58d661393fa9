// The table of close codes, without connections.
import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import fc from 'fast-check';

import { closeAlike, closeOf, codeOfViolation, maySend } from './close-codes.ts';
import { ConnectionRefusal } from './message.ts';

type Act = ['close', number | undefined, string] | ['terminate'];

function closedAs(code: number, reason = Buffer.from('r')): Act[] {
  const acts: Act[] = [];
  closeAlike(
    {
      close: (sent, why) => acts.push(['close', sent, why?.toString() ?? '']),
      terminate: () => acts.push(['terminate']),
    },
    code,
    reason,
  );
  return acts;
}

test.each([1000, 1003, 1014, 3000, 4999])('%s is passed on', (code) => {
  expect(closedAs(code)).toEqual([['close', code, 'r']]);
});

test('1005 is no code at all', () => {
  expect(closedAs(1005)).toEqual([['close', undefined, '']]);
});

test.each([0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65535])(
  '%s is never sent: the side is cut off',
  (code) => {
    expect(closedAs(code)).toEqual([['terminate']]);
    expect(maySend(code)).toBe(false);
  },
);

test('a reason is cut to 123 bytes, between characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 30, maxLength: 300 }), (reason) => {
      const [act] = closedAs(1000, Buffer.from(reason));
      const sent = act?.[0] === 'close' ? act[2] : '';
      expect(reason.startsWith(sent)).toBe(true);
      expect(Buffer.byteLength(sent)).toBeLessThanOrEqual(123);
      if (Buffer.byteLength(reason) > 123) expect(Buffer.byteLength(sent)).toBeGreaterThan(119);
    }),
  );
});

describe('errors of ours', () => {
  test.each([
    { error: new SeksError('SEKS_TOKEN_UNKNOWN'), code: 1008 },
    { error: new SeksError('SEKS_BINDING_EXPIRED'), code: 1008 },
    { error: new SeksError('SEKS_UPSTREAM_TIMEOUT'), code: 1011 },
    { error: new SeksError('SEKS_INTERNAL'), code: 1011 },
    { error: new ConnectionRefusal(new SeksError('SEKS_TOKEN_MISSING'), 4004), code: 4004 },
  ])('$error.code is $code', ({ error, code }) => {
    const close = closeOf(error);
    expect(close.code).toBe(code);
    expect(close.reason.toString()).toContain(error.code);
  });
});

test.each([
  ['WS_ERR_INVALID_UTF8', 1007],
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009],
  ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
  ['WS_ERR_INVALID_OPCODE', 1002],
  ['', 1002],
])('a violation %s is %s', (errorCode, code) => {
  expect(codeOfViolation(errorCode)).toBe(code);
});
