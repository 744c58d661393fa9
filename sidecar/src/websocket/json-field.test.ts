// JSON.parse is the judge of what the scanner says.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { findValue, JsonFieldError, readField, replaceField, replaceValue } from './json-field.ts';

const PATH = ['d', 'token'];
type Json = fc.JsonValue;

/** spells a value out with odd spaces and escapes, as JSON.stringify never would */
function spell(value: Json, choose: () => number): string {
  const space = (): string => ['', ' ', '\n', '\t \r'][choose() % 4] ?? '';
  const string = (text: string): string =>
    `"${text
      .split('')
      .map((unit) =>
        choose() % 3 === 0
          ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
          : JSON.stringify(unit).slice(1, -1),
      )
      .join('')}"`;
  const write = (part: Json): string => {
    if (typeof part === 'string') return string(part);
    if (part === null || typeof part !== 'object') return JSON.stringify(part);
    const inside = Array.isArray(part)
      ? part.map(write)
      : Object.entries(part).map(
          ([name, member]) => `${string(name)}${space()}:${space()}${write(member as Json)}`,
        );
    const list = inside.map((element) => `${space()}${element}${space()}`).join(',') || space();
    return Array.isArray(part) ? `[${list}]` : `{${list}}`;
  };
  return `${space()}${write(value)}${space()}`;
}

const choices = fc.infiniteStream(fc.nat(11)).map((stream) => () => stream.next().value ?? 0);
/** V8's JSON.parse takes `"\n"` for a key `"\\"` before it (https://github.com/nodejs/node/issues/63785) */
const name = fc.string().filter((text) => !text.includes('\\'));
const document = fc
  .record({
    around: fc.dictionary(
      name.filter((text) => text !== 'd'),
      fc.jsonValue({ maxDepth: 3 }),
      { maxKeys: 3 },
    ),
    inside: fc.dictionary(
      name.filter((text) => text !== 'token'),
      fc.jsonValue({ maxDepth: 3 }),
      { maxKeys: 3 },
    ),
    token: fc.oneof(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 2 })),
    first: fc.boolean(),
  })
  .map(({ around, inside, token, first }) => {
    const d = first ? { token, ...inside } : { ...inside, token };
    return first ? { d, ...around } : { ...around, d };
  });

describe('against JSON.parse', () => {
  test('reads the same string, or nothing where it is none', () => {
    fc.assert(
      fc.property(document, choices, (value, choose) => {
        const text = spell(value, choose);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        const { token } = value.d;
        expect(readField(text, PATH)).toBe(typeof token === 'string' ? token : undefined);
      }),
      { numRuns: 500 },
    );
  });

  test('replaces that value and leaves every other byte alone', () => {
    fc.assert(
      fc.property(document, choices, fc.string({ unit: 'grapheme' }), (value, choose, key) => {
        const text = spell(value, choose);
        const replaced = replaceField(text, PATH, key);
        if (typeof value.d.token !== 'string') {
          expect(replaced).toBe(text);
          return;
        }
        const span = findValue(text, PATH) ?? { start: 0, end: 0 };
        expect(replaced).toBe(text.slice(0, span.start) + JSON.stringify(key) + text.slice(span.end));
        const expected = JSON.parse(text) as { d: { token: string } };
        expected.d.token = key;
        expect(JSON.parse(replaced)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('takes for JSON what JSON.parse takes for JSON, and nothing else', () => {
    const marks = '{ } [ ] : , " \\ \\u00e9 \\x "a" "d" "b":1 /**/'.split(' ');
    const words = "0 01 - 1. .5 1e5 1E+ -0 true nul null NaN 'a'".split(' ');
    const spaces = [' ', '\n', '\u00a0', '\ufeff', '\u0001'];
    const pieces = fc.constantFrom(...marks, ...words, ...spaces);
    const broken = fc
      .tuple(document, choices, fc.nat(), pieces, fc.nat(2))
      .map(([value, choose, at, piece, cut]) => {
        const text = spell(value, choose);
        const place = at % (text.length + 1);
        return text.slice(0, place) + piece + text.slice(place + cut);
      });
    const soup = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(broken, soup), (text) => {
        expect(accepts(() => findValue(text, ['no such name in it']))).toBe(accepts(() => JSON.parse(text)));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what could be read in two ways', () => {
  test.each([
    ['the name itself', '{"d":{"token":"a","token":"b"}}'],
    ['an outer name', '{"d":{"token":"a"},"d":{"token":"b"}}'],
    ['an outer name whose second value is no object', '{"d":{"token":"a"},"d":1}'],
    ['the same name in another spelling', '{"d":{"token":"a","tok\\u0065n":"b"}}'],
  ])('S5: a repeated name is refused: %s', (_, text) => {
    expect(() => readField(text, PATH)).toThrow(JsonFieldError);
    expect(() => replaceField(text, PATH, 'x')).toThrow('A name occurs twice.');
  });

  test('names that repeat beside the path are nobody’s business', () => {
    const text = '{"x":1,"x":{"token":"q","token":"r"},"d":{"token":"a"}}';
    expect(readField(text, PATH)).toBe('a');
  });

  test('the same names elsewhere are not the value', () => {
    const text =
      '{"token":"a","e":{"token":"b"},"d":{"d":{"token":"c"},"x":{"token":"e"}},"l":[{"d":{"token":"f"}}]}';
    expect(readField(text, PATH)).toBeUndefined();
  });

  test('names of Object.prototype are names like any other', () => {
    expect(readField('{"__proto__":{"token":"a"},"d":{}}', PATH)).toBeUndefined();
    expect(readField('{"__proto__":{"constructor":"a"}}', ['__proto__', 'constructor'])).toBe('a');
  });
});

test('64 levels are read, more are refused', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  expect(findValue(nested(64), ['d'])).toBeUndefined();
  expect(() => findValue(nested(65), ['d'])).toThrow('It is nested too deeply.');
  expect(() => findValue('['.repeat(100_000), ['d'])).toThrow('It is nested too deeply.');
});

test('replaceValue puts any JSON where any value stood', () => {
  expect(replaceValue('{"d":{"token": {"a":[1]} }}', PATH, 'false')).toBe('{"d":{"token": false }}');
  expect(replaceValue('{"d":[]}', PATH, 'false')).toBe('{"d":[]}');
});

test('S9: the message of the error quotes nothing', () => {
  expect(() => readField('{"d":{"token":"sk-secret"', PATH)).toThrow(/^It is not JSON\.$/);
});

function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (cause) {
    if (cause instanceof JsonFieldError || cause instanceof SyntaxError) return false;
    throw cause;
  }
}
