import { describe, expect, test } from '@jest/globals';
import { Secret } from '@seks/crds';
import fc from 'fast-check';

import { createNeedles, type Needles, needlesOf } from './needles.ts';
import { scrubFields } from './scrub-fields.ts';
import { scrubBytes, StreamScrubber } from './stream-scrubber.ts';

const KEY = 'sk-proj-AbC123/+xyzABCxyz_-09';
const needles = needlesOf(new Secret('provider-key', KEY));

function scrubWhole(text: string, list: Needles = needles): string {
  return scrubBytes(Buffer.from(text, 'latin1'), list).clean.toString('latin1');
}

function scrubChunks(chunks: readonly Buffer[], list: Needles = needles) {
  const scrubber = new StreamScrubber(list);
  const out = [...chunks.map((chunk) => Buffer.from(scrubber.push(chunk))), scrubber.end()];
  return { text: Buffer.concat(out).toString('latin1'), hits: scrubber.hits };
}

describe('needlesOf', () => {
  test('S10: finds the usual encodings', () => {
    const plain = Buffer.from(KEY);
    const forms = [
      KEY,
      encodeURIComponent(KEY),
      KEY.replaceAll('/', '\\/'),
      plain.toString('hex'),
      plain.toString('hex').toUpperCase(),
    ];
    for (const form of forms) expect(scrubWhole(`a ${form} b`)).toBe(`a ${'*'.repeat(form.length)} b`);
  });

  test.each([0, 1, 2, 3, 4, 5])('S10: finds base64 after %d other bytes', (offset) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${'u'.repeat(offset)}${KEY}:tail`).toString(encoding);
      const scrubbed = Buffer.from(scrubWhole(text).replaceAll('*', 'A'), encoding).toString('latin1');
      // No four characters of the key in a row are left.
      for (let i = 0; i + 4 <= KEY.length; i += 1) expect(scrubbed).not.toContain(KEY.slice(i, i + 4));
    }
  });

  test.each(['', 'short', 'with space in it', 'line\nbreak-in-key', 'schlüssel-schlüssel'])(
    'S7: refuses "%s", which no provider takes for a key',
    (text) => {
      expect(() => needlesOf(new Secret('provider-key', text))).toThrow(
        expect.objectContaining({ code: 'SEKS_SEAL_MALFORMED' }),
      );
    },
  );
});

describe('StreamScrubber', () => {
  test('S10: finds the key split at every byte', () => {
    const text = `data: {"error":"bad key ${KEY}"}\n\n`;
    for (let cut = 0; cut <= text.length; cut += 1) {
      const chunks = [text.slice(0, cut), text.slice(cut)].map((part) => Buffer.from(part));
      expect(scrubChunks(chunks)).toEqual({ text: text.replace(KEY, '*'.repeat(KEY.length)), hits: 1 });
    }
  });

  test('S10: any chunking gives what the whole gives', () => {
    const small = createNeedles([Buffer.from('abcabd')]);
    const text = fc.array(fc.constantFrom('abcabd', 'abcab', 'abc', 'a', 'b', 'd', 'x', '\n'), {
      maxLength: 30,
    });
    const cuts = fc.array(fc.nat(7), { maxLength: 60 });
    fc.assert(
      fc.property(text, cuts, (parts, sizes) => {
        const whole = parts.join('');
        const chunks: Buffer[] = [];
        let rest = whole;
        for (const size of sizes) {
          chunks.push(Buffer.from(rest.slice(0, size)));
          rest = rest.slice(size);
        }
        chunks.push(Buffer.from(rest));
        expect(scrubChunks(chunks, small).text).toBe(scrubWhole(whole, small));
        expect(scrubChunks(chunks, small).text).not.toContain('abcabd');
      }),
      { numRuns: 1000 },
    );
  });

  test('S10: holds nothing back that cannot be the beginning of the key', () => {
    const scrubber = new StreamScrubber(needles);
    for (const event of [
      'data: {"a":1}\n\n',
      'event: ping\r\n\r\n',
      'data: [DONE]\n\n',
      'x'.repeat(100_000),
    ]) {
      expect(scrubber.push(Buffer.from(event)).toString()).toBe(event);
    }
    expect(scrubber.push(Buffer.from('tail s')).toString()).toBe('tail ');
    expect(scrubber.push(Buffer.from('k-')).toString()).toBe('');
    expect(scrubber.push(Buffer.from('nothing')).toString()).toBe('sk-nothing');
  });

  test('hands the same buffer on when there is nothing to do', () => {
    const chunk = Buffer.from('{"ok":true}');
    expect(new StreamScrubber(needles).push(chunk)).toBe(chunk);
  });

  test('does not write into the buffer it was given', () => {
    const chunk = Buffer.from(`x ${KEY} y`);
    new StreamScrubber(needles).push(chunk);
    expect(chunk.toString()).toBe(`x ${KEY} y`);
  });
});

describe('scrubFields', () => {
  test('S10: scrubs each field in its place', () => {
    const { fields, hits } = scrubFields(['Bad key ' + KEY, 'x-echo', KEY, 'x-other', 'ü'], needles);
    expect(fields).toEqual([
      'Bad key ' + '*'.repeat(KEY.length),
      'x-echo',
      '*'.repeat(KEY.length),
      'x-other',
      'ü',
    ]);
    expect(hits).toBe(2);
  });

  test('finds nothing across two fields', () => {
    const fields = [KEY.slice(0, 10), KEY.slice(10)];
    expect(scrubFields(fields, needles)).toEqual({ fields, hits: 0 });
  });
});
