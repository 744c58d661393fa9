import { randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { testEntry } from '../testing/sealed-source.ts';
import { createIssuedUrls } from './issued-urls.ts';

const entries = Array.from({ length: 40 }, (_, i) => testEntry(`credential-${i}`));
const HOST = 'cdn.example';
const PATH = '/a b/c';
const issued = createIssuedUrls({ entries }, randomBytes(32));

function entryAt(index: number) {
  const entry = entries[index];
  if (entry === undefined) throw new RangeError('no such entry');
  return entry;
}

function refused(ticket: string, host = HOST, path = PATH, by = issued): void {
  expect(() => by.open(ticket, host, path)).toThrow(expect.objectContaining({ code: 'SEKS_URL_NOT_ISSUED' }));
}

describe('createIssuedUrls', () => {
  test('a ticket tells whose it is, and fits into one segment of a path', () => {
    for (const entry of entries) {
      const ticket = issued.issue(entry, HOST, PATH);
      expect(ticket).toMatch(/^[0-9A-Za-z_-]{1,64}$/);
      expect(issued.open(ticket, HOST, PATH)).toBe(entry);
    }
  });

  test.each([
    ['another path', HOST, '/a b/d'],
    ['a longer path', HOST, `${PATH}/d`],
    ['a shorter path', HOST, '/a b'],
    ['another case', HOST, '/A b/c'],
    ['another host', 'cdn2.example', PATH],
    ['a border moved', `${HOST}/a b`, '/c'],
  ])('S6: it holds for one URL, not for %s', (_, host, path) => {
    refused(issued.issue(entryAt(0), HOST, PATH), host, path);
  });

  test('S16: it cannot be made over to another credential', () => {
    const ticket = issued.issue(entryAt(1), HOST, PATH);
    for (const index of ['0', '2', '01', '001', 'z', '14', 'zzzz'])
      refused(ticket.replace(/^1-/, `${index}-`));
  });

  test('it ends with the process', () => {
    const next = createIssuedUrls({ entries }, randomBytes(32));
    refused(issued.issue(entryAt(0), HOST, PATH), HOST, PATH, next);
  });

  test('a credential that is not in the table gets none that opens', () => {
    refused(issued.issue(testEntry('stranger'), HOST, PATH));
  });

  test('S7: what is forged is refused, whatever it looks like', () => {
    const ticket = issued.issue(entryAt(0), HOST, PATH);
    const char = fc.constantFrom(...'ABCXYZabcxyz0189_-'.split(''));
    const mac = fc.string({ unit: char, minLength: 32, maxLength: 32 });
    const forged = fc.oneof(
      fc.string(),
      mac.map((text) => `0-${text}`),
      fc.nat(ticket.length).map((length) => ticket.slice(0, length)),
      fc.nat(ticket.length - 1).map((at) => flip(ticket, at)),
    );
    fc.assert(
      fc.property(forged, (text) => {
        if (text !== ticket) refused(text);
      }),
      { numRuns: 500 },
    );
  });
});

function flip(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}
