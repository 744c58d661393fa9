import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { looksLikeJson } from './json-like.ts';

const JSON_TEXT = '{"type":"x","model":"dear"}';

describe('looksLikeJson', () => {
  test.each<[string, Buffer]>([
    ['plain', Buffer.from(JSON_TEXT)],
    ['behind many spaces', Buffer.from(' \n\t'.repeat(1_000) + JSON_TEXT)],
    ['behind a byte order mark and a space', Buffer.from(`\ufeff ${JSON_TEXT}`)],
    ['in UTF-16', Buffer.from(JSON_TEXT, 'utf16le')],
    ['in UTF-16 with a byte order mark', Buffer.from(`\ufeff${JSON_TEXT}`, 'utf16le')],
    ['in UTF-16 of the other kind', Buffer.from(`\ufeff${JSON_TEXT}`, 'utf16le').swap16()],
    ['with a byte that is no UTF-8', Buffer.from('{"\xff":1,"model":"dear"}', 'latin1')],
    ['with a quotation mark in its first key', Buffer.from('{"a\\":1\\"":1,"model":"dear"}')],
    ['the same in UTF-16', Buffer.from('{"a\\"b":1,"model":"dear"}', 'utf16le')],
    ['with space everywhere', Buffer.from(' { "type" : 1}')],
    ['with something behind', Buffer.from(`${JSON_TEXT} \0\0 garbage`)],
    ['in a list', Buffer.from(`[ [${JSON_TEXT}]]`)],
  ])('JSON %s', (_, data) => {
    expect(looksLikeJson(data)).toBe(true);
  });

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['silence', Buffer.alloc(640)],
    ['an empty object', Buffer.from('{}')],
    ['sound that begins like it', Buffer.from([0x7b, 0x22, 0x10, 0x22, 0x3b])],
    ['a key without an end', Buffer.from('{"model')],
    ['RIFF', Buffer.from('RIFF$\0\0\0WAVE')],
  ])('not %s', (_, data) => {
    expect(looksLikeJson(data)).toBe(false);
  });

  test('any object with a member, whatever its key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        const text = JSON.stringify({ [key]: 1 });
        const wide = Buffer.from(text, 'utf16le');
        expect([Buffer.from(text), wide, Buffer.from(wide).swap16()].map(looksLikeJson)).toEqual([
          true,
          true,
          true,
        ]);
      }),
      { numRuns: 2_000 },
    );
  });
});
