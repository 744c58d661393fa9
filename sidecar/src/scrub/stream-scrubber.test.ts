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

  test.each([
    ['as it is', 'ABSKQmVk+cm9j/a0FQSUtleS1h:c=='],
    ['encodeURIComponent', 'ABSKQmVk%2Bcm9j%2Fa0FQSUtleS1h%3Ac%3D%3D'],
    ['the same in lower case', 'ABSKQmVk%2bcm9j%2fa0FQSUtleS1h%3ac%3d%3d'],
    ["Python's quote", 'ABSKQmVk%2Bcm9j/a0FQSUtleS1h%3Ac%3D%3D'],
    ['the same in lower case', 'ABSKQmVk%2bcm9j/a0FQSUtleS1h%3ac%3d%3d'],
    ["Go's url.PathEscape", 'ABSKQmVk+cm9j%2Fa0FQSUtleS1h:c=='],
    ['the same in lower case', 'ABSKQmVk+cm9j%2fa0FQSUtleS1h:c=='],
    ["PHP's json_encode", String.raw`ABSKQmVk+cm9j\/a0FQSUtleS1h:c==`],
    ['Gson', String.raw`ABSKQmVk+cm9j/a0FQSUtleS1h:c\u003d\u003d`],
    ['the same in upper case', String.raw`ABSKQmVk+cm9j/a0FQSUtleS1h:c\u003D\u003D`],
    ['.NET', String.raw`ABSKQmVk\u002Bcm9j/a0FQSUtleS1h:c==`],
    ['the same in lower case', String.raw`ABSKQmVk\u002bcm9j/a0FQSUtleS1h:c==`],
    ['everything escaped', String.raw`ABSKQmVk\u002bcm9j\u002fa0FQSUtleS1h\u003ac\u003d\u003d`],
  ])('S10: finds base64 in a key as escaped by others: %s', (_, form) => {
    const list = needlesOf(new Secret('provider-key', 'ABSKQmVk+cm9j/a0FQSUtleS1h:c=='));
    expect(scrubWhole(`a ${form} b`, list)).toBe(`a ${'*'.repeat(form.length)} b`);
  });

  test('S10: finds what encoders make of any key', () => {
    const visible = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i));
    // Go and .NET, by their documentation.
    const go = (key: string): string =>
      JSON.stringify(key).replaceAll(/[<>&]/g, (c) => String.raw`\u00${Buffer.from(c).toString('hex')}`);
    const net = (key: string): string => {
      const quoted = key.replaceAll('\\', '\\\\');
      return quoted.replaceAll(/["'&<>+`]/g, (c) => {
        return String.raw`\u00${Buffer.from(c).toString('hex').toUpperCase()}`;
      });
    };
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...visible), minLength: 8, maxLength: 40 }), (key) => {
        const list = needlesOf(new Secret('provider-key', key));
        const forms = [
          key,
          encodeURIComponent(key),
          new URLSearchParams([['', key]]).toString().slice(1),
          JSON.stringify(key).slice(1, -1),
          go(key).slice(1, -1),
          net(key),
        ];
        for (const form of forms) expect(list.forms.map(String)).toContain(form);
      }),
    );
  });

  test('an ordinary key has no form more than before it is escaped: each costs a search of every answer', () => {
    const ordinary = fc.stringMatching(/^[\w-]{8,60}$/);
    fc.assert(
      fc.property(ordinary, (key) => {
        // As it is, hexadecimal and percent-encoded throughout in both cases, three alignments of base64.
        expect(needlesOf(new Secret('provider-key', key)).forms.length).toBeLessThanOrEqual(8);
      }),
    );
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

  test('S10: each of several forms that lie close together is found, the leftmost and longest first', () => {
    const forms = ['abcab', 'bca', 'ca'];
    const list = createNeedles(forms.map((form) => Buffer.from(form)));
    const bySearchingAgain = (text: string): { text: string; hits: number } => {
      let [done, rest, hits] = ['', text, 0];
      for (let match = /abcab|bca|ca/.exec(rest); match !== null; match = /abcab|bca|ca/.exec(rest)) {
        done += rest.slice(0, match.index) + '*'.repeat(match[0].length);
        rest = rest.slice(match.index + match[0].length);
        hits += 1;
      }
      return { text: done + rest, hits };
    };
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'x'), maxLength: 60 });
    fc.assert(
      fc.property(text, (value) => {
        const { clean, hits } = scrubBytes(Buffer.from(value), list);
        expect({ text: clean.toString(), hits }).toEqual(bySearchingAgain(value));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([KEY, `${KEY} `, encodeURIComponent(KEY), `${KEY}${encodeURIComponent(KEY)}`])(
    'S7: 256 KiB of "%s" take time in proportion to its length',
    (unit) => {
      const elapsed = (bytes: number): number => {
        const body = Buffer.alloc(bytes, unit);
        const startMs = performance.now();
        scrubBytes(body, needles);
        return performance.now() - startMs;
      };
      elapsed(16_384);
      const best = (bytes: number): number => Math.min(...[0, 1, 2].map(() => elapsed(bytes)));
      // Sixteen times the bytes; a quadratic search would take 256 times as long.
      expect(best(262_144)).toBeLessThan(Math.max(best(16_384), 0.5) * 16 * 6);
    },
  );

  test('S10: any chunking gives what the whole gives, for every form of a key', () => {
    const form = fc.constantFrom(...needles.forms.map((bytes) => bytes.toString('latin1')));
    const text = fc.array(fc.oneof(form, fc.constantFrom('sk-', '%', '\\', 'x', '\n')), { maxLength: 6 });
    const cuts = fc.array(fc.nat(60), { maxLength: 30 });
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
        const { clean, hits } = scrubBytes(Buffer.from(whole), needles);
        expect(scrubChunks(chunks)).toEqual({ text: clean.toString(), hits });
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
