// DER as the standard writes it; whole certificates are read by clients.test.ts.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import {
  bitString,
  type Der,
  integer,
  isTrue,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  taggedBytes,
  time,
  utf8String,
} from './der.ts';

function hex(value: Der): string {
  return value.toString('hex');
}

describe('integers are unsigned, and as short as they can be', () => {
  test.each([
    ['00', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0000ff', '020200ff'],
    ['0100', '02020100'],
    ['', '020100'],
  ])('%s', (bytes, encoded) => {
    expect(hex(integer(Buffer.from(bytes, 'hex')))).toBe(encoded);
  });

  test('any number is read again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
        const content = integer(bytes).subarray(2);
        const read = BigInt(`0x${content.toString('hex')}`);
        expect(read).toBe(BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
        expect(content[0]).toBeLessThan(0x80);
        const isPadded = content[0] === 0 && content.length > 1;
        expect(isPadded ? content[1] : 0x80).toBeGreaterThanOrEqual(0x80);
      }),
    );
  });
});

test.each([
  ['2.5.29.19', '0603551d13'],
  ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
  ['1.3.6.1.5.5.7.3.1', '06082b06010505070301'],
  ['2.5.4.3', '0603550403'],
])('the object identifier %s', (dotted, encoded) => {
  expect(hex(objectIdentifier(dotted))).toBe(encoded);
});

test.each([
  [[0], '03020780'],
  [[5, 6], '03020106'],
  [[0, 7], '03020081'],
])('named bits %j end with the last one that is set', (bits, encoded) => {
  expect(hex(namedBits(...bits))).toBe(encoded);
});

test.each([
  [Date.UTC(2026, 10, 23, 1, 2, 3), 'UTCTime', '261123010203Z'],
  [Date.UTC(1950, 0, 1), 'UTCTime', '500101000000Z'],
  [Date.UTC(2049, 11, 31, 23, 59, 59, 999), 'UTCTime', '491231235959Z'],
  [Date.UTC(2050, 0, 1), 'GeneralizedTime', '20500101000000Z'],
  [Date.UTC(1949, 11, 31), 'GeneralizedTime', '19491231000000Z'],
])('the moment %d is a %s', (ms, type, text) => {
  const encoded = time(ms);
  expect(encoded[0]).toBe(type === 'UTCTime' ? 0x17 : 0x18);
  expect(encoded.subarray(2).toString()).toBe(text);
});

test('the other types', () => {
  expect(hex(isTrue())).toBe('0101ff');
  expect(hex(bitString(Buffer.of(1, 2)))).toBe('0303000102');
  expect(hex(octetString(Buffer.of(1, 2)))).toBe('04020102');
  expect(hex(utf8String('é'))).toBe('0c02c3a9');
  expect(hex(sequence(isTrue(), isTrue()))).toBe('30060101ff0101ff');
  expect(hex(sequence())).toBe('3000');
  expect(hex(setOf(isTrue()))).toBe('31030101ff');
  expect(hex(tagged(3, isTrue()))).toBe('a3030101ff');
  expect(hex(taggedBytes(2, Buffer.from('a')))).toBe('820161');
  expect(() => tagged(31)).toThrow(RangeError);
});

test.each([
  [127, '047f'],
  [128, '048180'],
  [255, '0481ff'],
  [256, '04820100'],
  [70_000, '0483011170'],
])('a length of %d', (size, head) => {
  const encoded = octetString(Buffer.alloc(size));
  expect(hex(encoded.subarray(0, head.length / 2))).toBe(head);
  expect(encoded).toHaveLength(head.length / 2 + size);
});
