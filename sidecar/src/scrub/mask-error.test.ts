import { isUtf8 } from 'node:buffer';

import { describe, expect, test } from '@jest/globals';
import { Secret } from '@seks/crds';
import fc from 'fast-check';

import { createErrorMask } from './mask-error.ts';

const KEY = 'sk-proj-abcdefghijklmnopqrstuvwxyz012345MxYA';
const OTHER = 'sk-proj-ZYXWVUTSRQPONMLKJIHGFEDCBA9876';
const GOOGLE = `AIzaSy${'A1b2C3'.repeat(5)}xyz`;

const mask = createErrorMask(['sk-', 'AIza', 'ghp_'], new Secret('provider-key', KEY));

function masked(text: string): string {
  return mask(Buffer.from(text)).clean.toString();
}

/** so many asterisks as the text has bytes */
function stars(text: string): string {
  return '*'.repeat(Buffer.byteLength(text));
}

describe('createErrorMask', () => {
  test.each([
    ['sk-proj-****MxYA'],
    ['sk-proj-************************************MxYA'],
    ['sk-...MxYA'],
    ['sk-proj-\u2026MxYA'],
    ['sk-proj-\u00e2\u0080\u00a6MxYA'],
    [String.raw`sk-proj-\u2026MxYA`],
    ['sk-xxxxMxYA'],
    ['sk-proj-XXXXXXXXXXXXXXXX'],
    ['****MxYA'],
    ['...MxYA'],
    ['\u2026MxYA'],
    [String.raw`\u2026MxYA`],
    ['xxxxxxxxxxxxMxYA'],
    [OTHER],
    [GOOGLE],
    ['ghp_0123456789012345678901234567890123456'],
  ])('S10: writes over %s, and nothing around it', (shown) => {
    for (const [before, after] of [
      ['{"error":{"message":"Incorrect API key provided: ', ' (see docs)"}}'],
      [String.raw`{"message":"line\n`, String.raw`\nline"}`],
      [String.raw`{"message":"\"`, String.raw`\""}`],
      [String.raw`{"message":"\u0022`, String.raw`\u0022"}`],
      [String.raw`{"message":"\\`, '"}'],
      ['key=', '&x=1'],
      ['(', ')'],
      ['\u201c', '\u201d'],
      ['\u2192', '\u2014'],
      ['\u00e2\u0080\u009c', '\u00e2\u0080\u009d'],
      ['\u20ac', '\u00e2'],
      ['', ''],
    ] as const) {
      expect(masked(before + shown + after)).toBe(before + stars(shown) + after);
    }
  });

  test("OpenAI's sentence, with the full stop at its end", () => {
    const text = 'Incorrect API key provided: sk-proj-****MxYA. You can find your API key at https://platform.openai.com/account/api-keys.'; // prettier-ignore
    expect(masked(text)).toBe(text.replace('sk-proj-****MxYA.', stars('sk-proj-****MxYA.')));
    expect(masked('Key ***MxYA.')).toBe('Key ********');
  });

  test("Gemini's answer with somebody's key in three of its fields", () => {
    const body = (key: string): string =>
      JSON.stringify({
        error: {
          code: 403,
          message: `Requests from key ${key} are blocked.`,
          details: [{ reason: 'CONSUMER_INVALID', metadata: { consumer: `api_key:${key}`, container: key } }],
        },
      });
    const { clean, hits } = mask(Buffer.from(body(GOOGLE)));
    expect(clean.toString()).toBe(body(stars(GOOGLE)));
    expect(hits).toBe(3);
  });

  test.each([
    'task-management-overview-of-everything',
    'risk-assessment-committee-members',
    'desk-reservations-for-the-whole-week',
    'sk-short',
    'https://platform.openai.com/account/api-keys.',
    'Wait... and try again.',
    'and so on... done',
    '*** Error ***',
    'invalid_request_error',
    'req_0123456789abcdef0123456789abcdef',
    'xxxxxxxx',
    String.raw`C:\new\xxxx`,
    'MxYA',
    'The key ends in MxYA',
    '',
  ])('leaves alone: %s', (text) => {
    const body = Buffer.from(text);
    const { clean, hits } = mask(body);
    expect(clean).toBe(body);
    expect(hits).toBe(0);
  });

  test('no false hits in ordinary prose', () => {
    const word = fc.string({
      unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwz'.split('')),
      minLength: 1,
      maxLength: 12,
    });
    const compound = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('-'));
    const known = fc.constantFrom(
      'task-force',
      'risk-free',
      'ask-me-anything-you-like',
      'brisk-walks-in-the-park',
    );
    const mark = fc.constantFrom(' ', ', ', '. ', '... ', ': ', ' *', '" ', '\n', ' \u2026 ');
    const prose = fc
      .array(fc.tuple(fc.oneof(compound, known), mark), { maxLength: 40 })
      .map((parts) => parts.flat().join(''))
      .filter((text) => !/(?<![A-Za-z0-9])sk-/.test(text));
    fc.assert(
      fc.property(prose, (text) => {
        expect(mask(Buffer.from(text)).hits).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('what was JSON is JSON afterwards, of the same length, and no long run after a prefix is left', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        OTHER,
        'sk-',
        '***',
        '\u2026',
        '...',
        'MxYA',
        '\n',
        '"',
        '\\',
        '\u0001',
        'u2026',
        'xxxx',
      ),
    );
    const text = fc.array(piece, { maxLength: 10 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.dictionary(text, text), fc.boolean(), (value, ascii) => {
        const json = JSON.stringify(value);
        const body = Buffer.from(ascii ? json.replaceAll('\u2026', String.raw`\u2026`) : json);
        const { clean } = mask(body);
        expect(clean).toHaveLength(body.length);
        expect(() => JSON.parse(clean.toString()) as unknown).not.toThrow();
        expect(clean.toString()).not.toMatch(/(?<![A-Za-z0-9\\])sk-[\w-]{13}/);
      }),
      { numRuns: 2000 },
    );
  });

  test('S10: text is UTF-8 afterwards, whatever stands beside a key', () => {
    // Characters that begin or end with the same bytes as an ellipsis.
    const near = [
      '\u2026',
      '\u2025',
      '\u2066',
      '\u201d',
      '\u2014',
      '\u2192',
      '\u20ac',
      '\u00e2',
      '\u00a6',
      '\u0080',
    ];
    const piece = fc.oneof(
      fc.constantFrom(OTHER, 'sk-', '***', 'MxYA', ...near),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (parts) => {
        const { clean } = mask(Buffer.from(parts.join('')));
        expect(isUtf8(clean)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('the buffer that was handed in stays as it was', () => {
    const body = Buffer.from(`x ${OTHER}`);
    mask(body);
    expect(body.toString()).toBe(`x ${OTHER}`);
  });

  test.each([
    'a',
    '.',
    ':',
    '*',
    '\u2026',
    '\u201d',
    'sk-',
    'task-',
    '.a',
    '\\',
    '\\u',
    'x',
    'a ',
    'AIza',
    '...MxY',
  ])('S7: 256 KiB of "%s" take time in proportion to their length', (unit) => {
    const elapsed = (bytes: number): number => {
      const body = Buffer.alloc(bytes, unit);
      body.write('!', bytes - 1);
      body.write('a', bytes - 2);
      const startMs = performance.now();
      mask(body);
      return performance.now() - startMs;
    };
    elapsed(16_384);
    const best = (bytes: number): number => Math.min(...[0, 1, 2, 3].map(() => elapsed(bytes)));
    // Sixteen times the bytes; a quadratic search would take 256 times as long.
    expect(best(262_144)).toBeLessThan(Math.max(best(16_384), 0.5) * 16 * 6);
  });
});
