import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { baseOrigin } from '../listen/origin.ts';
import { compileUpstreams } from '../route/upstreams.ts';
import { compileJsonRewrites, type JsonRewriter } from './json-fields.ts';
import type { ReturnAddress } from './return-address.ts';

const upstreams = compileUpstreams({ upstreams: [{ host: 'api.github.example' }] });
const back: ReturnAddress = {
  origin: baseOrigin(15080, false),
  host: '127.0.0.1:15080',
  provider: 'github',
  upstreams,
  current: upstreams.primary,
  intercepted: new Set(),
  issue: () => 'ticket',
};
const THEIRS = 'https://api.github.example';
const OURS = 'http://127.0.0.1:15080/github';
const FIELDS = ['url', 'upload_url', 'a.b*'];

function rewriterOf(rules: Parameters<typeof compileJsonRewrites>[0]): JsonRewriter {
  const found = compileJsonRewrites(rules).find('/x');
  if (found === undefined) throw new RangeError('no rule for /x');
  return found;
}

const urls = rewriterOf({ urls: [{ paths: ['/x'], fields: FIELDS }] });
const redact = rewriterOf({ redact: [{ paths: ['/x'], fields: ['token'] }] });

describe('URLs in JSON', () => {
  test.each([
    [`{"url":"${THEIRS}/x"}`, `{"url":"${OURS}/x"}`],
    [`{ "url" \n:\t "${THEIRS}" }`, `{ "url" \n:\t "${OURS}" }`],
    [`[{"d":{"upload_url":"${THEIRS}/x{?name,label}"}}]`, `[{"d":{"upload_url":"${OURS}/x{?name,label}"}}]`],
    [String.raw`{"url":"https:\/\/api.github.example\/x"}`, `{"url":"${OURS}/x"}`],
    [String.raw`{"url":"https://api.github.example/\"q\""}`, `{"url":"${OURS}/${String.raw`\"q\"`}"}`],
    [`{"a.b*":"${THEIRS}","a_b":"${THEIRS}"}`, `{"a.b*":"${OURS}","a_b":"${THEIRS}"}`],
    [`{"url":"api.github.example"}`, `{"url":"${OURS}"}`],
    [`{"url":"${THEIRS}/cut off`, `{"url":"${OURS}/cut off`],
    [String.raw`{"k":"\\","url":"https://api.github.example"}`, String.raw`{"k":"\\","url":"${OURS}"}`],
    [`{"url":"${THEIRS}/1","url":"${THEIRS}/2"}`, `{"url":"${OURS}/1","url":"${OURS}/2"}`],
  ])('%s becomes %s', (text, expected) => {
    expect(urls(text, back)).toBe(expected);
  });

  test.each([
    '{"url":"https://evil.example/x"}',
    `{"other":"${THEIRS}"}`,
    `{"URL":"${THEIRS}"}`,
    `{"my_url":"${THEIRS}","url_":"${THEIRS}"}`,
    `{"url":["${THEIRS}"],"x":"url"}`,
    `{"x":"${THEIRS}","url":null}`,
    String.raw`{"k":"{\"url\":\"https://api.github.example\"}"}`,
    String.raw`{"k\"url":"https://api.github.example"}`,
    String.raw`{"k":"\\\"url\":","v":"https://api.github.example"}`,
    `["url","${THEIRS}"]`,
    '{"url":"https://api.github.example/\\x"}',
    '{"url":"https://api.github.example/\n"}',
    `{"url":"${THEIRS}/${'x'.repeat(9_000)}"}`,
    '',
  ])('what is no such member stays: %s', (text) => {
    expect(urls(text, back)).toBe(text);
  });

  test('a member inside of the string of another is text', () => {
    const inner = JSON.stringify({ url: THEIRS });
    const text = JSON.stringify({ url: inner, k: inner });
    expect(urls(text, back)).toBe(text);
  });

  test('paths without a rule pass as they are', () => {
    const rewrites = compileJsonRewrites({ urls: [{ paths: ['/v*/x'], fields: ['url'] }] });
    expect(rewrites.find('/v1/x')).toBeDefined();
    expect(rewrites.find('/v1/y')).toBeUndefined();
    expect(compileJsonRewrites({}).find('/v1/x')).toBeUndefined();
  });

  test('a rewriter keeps nothing from one text for the next', () => {
    const text = `{"url":"${THEIRS}"}`;
    expect([urls(text, back), urls(text, back)]).toEqual([`{"url":"${OURS}"}`, `{"url":"${OURS}"}`]);
  });
});

describe('other credentials in JSON', () => {
  test.each([
    ['{"token":"abc"}', '{"token":"***"}'],
    [String.raw`{"token":"a\"b\\"}`, '{"token":"******"}'],
    // No JSON, but somebody may read it.
    ['{"token":"a\tb"}', '{"token":"***"}'],
    ['{"token":"abc', '{"token":"***'],
    ['{"token":""}', '{"token":""}'],
    ['{"token":1}', '{"token":1}'],
  ])('%s becomes %s', (text, expected) => {
    expect(redact(text, back)).toBe(expected);
  });

  test('S10: however long they are', () => {
    const text = JSON.stringify({ token: 'x'.repeat(2_000_000), k: 1 });
    expect(redact(text, back)).toBe(JSON.stringify({ token: '*'.repeat(2_000_000), k: 1 }));
  });
});

describe('any JSON', () => {
  const string = fc.oneof(
    fc.string(),
    fc.constantFrom(...FIELDS, 'token', '"', '\\', '\\"', `"url":"${THEIRS}"`, `url":"${THEIRS}/x`),
    fc.constantFrom(THEIRS, `${THEIRS}/x?y#z`, `${THEIRS}/"`, 'https://evil.example'),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      string,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(string, tie('value'), { maxKeys: 4 }),
    ),
  }));
  const indent = fc.constantFrom('', ' ', '\n\t');

  test('only the strings of the members that were named change, and every byte outside of them stays', () => {
    fc.assert(
      fc.property(value, indent, (json, space) => {
        const text = JSON.stringify(json, undefined, space);
        expect(urls(text, back)).toBe(JSON.stringify(expected(json), undefined, space));
      }),
      { numRuns: 2000 },
    );
  });

  test('S10: no string of a member to be redacted is left, and no length changes', () => {
    fc.assert(
      fc.property(value, indent, (json, space) => {
        const text = JSON.stringify(json, undefined, space);
        const changed = redact(text, back);
        expect(changed).toHaveLength(text.length);
        JSON.parse(changed, (name, member: unknown) => {
          if (name === 'token' && typeof member === 'string') expect(member).toMatch(/^\**$/);
          return member;
        });
      }),
      { numRuns: 1000 },
    );
  });
});

/** the same by a parser */
function expected(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(expected);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([name, member]) => {
      const isUrl = FIELDS.includes(name) && typeof member === 'string' && member.startsWith(THEIRS);
      return [name, isUrl ? OURS + member.slice(THEIRS.length) : expected(member)];
    }),
  );
}
