import { describe, expect, test } from '@jest/globals';
import type { ErrorCode } from '@seks/crds';
import fc from 'fast-check';

import { readItems, readTopLevel, scanTopLevel } from './top-level.ts';

const WANTED = new Set(['model', 'stream']);

function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (cause) {
    return (cause as { code: ErrorCode }).code;
  }
}

function valuesOf(text: string): Record<string, unknown> {
  const bytes = Buffer.from(text);
  const spans = [...readTopLevel(bytes, WANTED)];
  return Object.fromEntries(
    spans.map(([name, { start, end }]) => [name, JSON.parse(bytes.toString('utf8', start, end))]),
  );
}

/** JSON with white space, escaped keys and nesting of keys that look wanted */
const key = fc.oneof(fc.string(), fc.constantFrom('model', 'stream', 'Other', '}', '"', '\\'));
/** for what is compared with JSON.parse, in which V8 takes `"\n"` for a key `"\\"` before it (nodejs/node#63785) */
const keyWithoutBackslash = key.filter((text) => !text.includes('\\'));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(true, false, null, '{"model":1}', '\ud800'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(keyWithoutBackslash, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** characters of keys and values written as escapes at random, which means the same */
function escapeSome(text: string, every: number): string {
  let letters = 0;
  return text.replaceAll(/\\.|[a-z]/g, (match) => {
    if (match.length > 1 || ++letters % every !== 0) return match;
    return `\\u${match.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

describe('readTopLevel', () => {
  test('finds what was written', () => {
    fc.assert(
      fc.property(fc.dictionary(key, json), fc.constantFrom(undefined, 1, '\t'), (object, indent) => {
        const text = JSON.stringify(object, undefined, indent);
        const wanted = Object.entries(object).filter(([name]) => WANTED.has(name));
        const expected: unknown = JSON.parse(JSON.stringify(Object.fromEntries(wanted)));
        expect(valuesOf(` ${text}\r\n`)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test('finds escaped keys', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.stringMatching(/^[a-z]*$/), (every, model) => {
        const strings = ['model', model, 'stream', 'x'].map((text) => `"${escapeSome(text, every)}"`);
        expect(valuesOf(`{${strings[0]}:${strings[1]},${strings[2]}:${strings[3]}}`)).toEqual({
          model,
          stream: 'x',
        });
      }),
    );
    expect(valuesOf('{"mod\\u0065l":"a"}')).toEqual({ model: 'a' });
  });

  test('S7: finds an escaped key where V8 would take it for one that an agent made it remember', () => {
    const disguised = '{"first":1,"\\u006dodel":"a"}';
    JSON.parse('{"first":1,"\\\\u006":2}');
    expect(valuesOf(disguised)).toEqual({ model: 'a' });
  });

  test('takes and refuses what JSON.parse takes and refuses', () => {
    const syntax = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      ' ',
      '\n',
      '"model"',
      'true',
      'null',
    );
    const trouble = fc.constantFrom(
      '\\',
      '\\u00e9',
      '\\ud8',
      'nul',
      '\u0000',
      '\u00a0',
      '\ufeff',
      'é',
      "'",
      '/',
      'x',
    );
    const number = fc.constantFrom('1', '-', '0', '.', 'e', 'E+', '01', '1.5e-3');
    const part = fc.oneof(syntax, trouble, number);
    const anything = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
    // Near misses of real JSON are of more use than noise.
    const damaged = fc
      .tuple(fc.dictionary(key, json), fc.nat(), fc.nat(3), part)
      .map(([object, position, removed, inserted]) => {
        const text = JSON.stringify(object);
        const at = position % (text.length + 1);
        return text.slice(0, at) + inserted + text.slice(at + removed);
      });
    let valid = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          anything.map((text) => `{"a":${text}}`),
          damaged,
        ),
        (input) => {
          // What is no UTF-16 would be no UTF-8 either.
          const text = Buffer.from(input).toString('utf8');
          let parsed: unknown;
          try {
            parsed = JSON.parse(text);
          } catch {
            expect(codeOf(() => scanTopLevel(Buffer.from(text), WANTED))).toBe('SEKS_BODY_MALFORMED');
            return;
          }
          valid += 1;
          const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
          expect(codeOf(() => scanTopLevel(Buffer.from(text), WANTED))).toBe(
            isObject ? undefined : 'SEKS_BODY_MALFORMED',
          );
        },
      ),
      { numRuns: 5000 },
    );
    expect(valid).toBeGreaterThan(100);
  });

  test('counts repeated keys, however they are written', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('"model"', '"\\u006dodel"', '"x"', '"stream"')), (keys) => {
        const bytes = Buffer.from(`{${keys.map((name, i) => `${name}:{"model":${i}}`).join(',')}}`);
        const spans = scanTopLevel(bytes, WANTED);
        const models = keys.filter((name) => name.endsWith('odel"'));
        const streams = keys.filter((name) => name === '"stream"');
        expect(spans.get('model')?.count ?? 0).toBe(models.length);
        expect(spans.get('stream')?.count ?? 0).toBe(streams.length);
        const repeats = models.length > 1 || streams.length > 1;
        expect(codeOf(() => readTopLevel(bytes, WANTED))).toBe(repeats ? 'SEKS_BODY_MALFORMED' : undefined);
      }),
    );
  });

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['an array', Buffer.from('[{"model":"a"}]')],
    ['a text', Buffer.from('"model"')],
    ['two objects', Buffer.from('{"model":"a"}{"model":"b"}')],
    ['a byte order mark', Buffer.from('\ufeff{"model":"a"}')],
    ['UTF-16', Buffer.from('{"model":"a"}', 'utf16le')],
    ['UTF-16 with a mark', Buffer.from('\ufeff{"model":"a"}', 'utf16le')],
    ['UTF-32', Buffer.from(Array.from(Buffer.from('{"a":1}'), (byte) => [0, 0, 0, byte]).flat())],
    ['Latin-1', Buffer.from('{"model":"é"}', 'latin1')],
    ['an overlong encoding', Buffer.from([0x7b, 0x22, 0xc1, 0xad, 0x22, 0x3a, 0x31, 0x7d])],
    ['a comment', Buffer.from('{/* */"model":"a"}')],
    ['a key in another case', Buffer.from('{"Model":"a"}')],
    ['a key with the long s', Buffer.from('{"ſtream":true}')],
    ['a key with an escaped capital', Buffer.from('{"\\u004dodel":"a","model":"b"}')],
    ['no end', Buffer.from('{"model":"a"')],
  ])('refuses %s', (_, bytes) =>
    expect(codeOf(() => readTopLevel(bytes, WANTED))).toBe('SEKS_BODY_MALFORMED'),
  );

  test('is as deep as the text', () => {
    const depth = 200_000;
    expect(valuesOf(`{"a":${'['.repeat(depth)}${']'.repeat(depth)},"model":1}`)).toEqual({ model: 1 });
    expect(codeOf(() => valuesOf(`{"a":${'[{"a":'.repeat(depth)}`))).toBe('SEKS_BODY_MALFORMED');
  });
});

describe('readItems', () => {
  const itemsOf = (text: string): unknown[] => {
    const bytes = Buffer.from(`{"model":${text}}`);
    const list = readTopLevel(bytes, WANTED).get('model');
    if (list === undefined) throw new RangeError('not found');
    return [...readItems(bytes, list, WANTED)].map(({ start, end, members }) => ({
      item: JSON.parse(bytes.toString('utf8', start, end)) as unknown,
      stream: members.get('stream')?.count ?? 0,
    }));
  };

  test('gives the elements of a list, and their own wanted members', () => {
    const item = fc.oneof(fc.record({ stream: fc.jsonValue(), x: fc.jsonValue() }), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(item), fc.constantFrom(undefined, 2), (list, indent) => {
        const known = JSON.parse(JSON.stringify(list)) as unknown[];
        expect(itemsOf(JSON.stringify(list, undefined, indent))).toEqual(
          known.map((one) => ({
            item: one,
            stream: typeof one === 'object' && one !== null && Object.hasOwn(one, 'stream') ? 1 : 0,
          })),
        );
      }),
    );
    expect(itemsOf('[{"stream":1,"stream":2},{"x":{"stream":1}}]')).toMatchObject([
      { stream: 2 },
      { stream: 0 },
    ]);
  });

  test('S12: what no request has that many of is refused, and not looked at for a second', () => {
    expect(itemsOf(`[${'1,'.repeat(1_023)}1]`)).toHaveLength(1_024);
    expect(codeOf(() => itemsOf(`[${'1,'.repeat(1_024)}1]`))).toBe('SEKS_BODY_MALFORMED');
    const members = (count: number): string => `{${'"modex":1,'.repeat(count)}"x":1}`;
    expect(codeOf(() => readTopLevel(Buffer.from(members(16_384)), WANTED))).toBeUndefined();
    expect(codeOf(() => readTopLevel(Buffer.from(members(16_385)), WANTED))).toBe('SEKS_BODY_MALFORMED');
  });
});
