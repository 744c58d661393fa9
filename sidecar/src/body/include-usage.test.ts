import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { addIncludeUsage } from './include-usage.ts';

const ADDED = '"include_usage":true';

function add(text: string, insist = false): string | undefined {
  const { bytes, added } = addIncludeUsage(Buffer.from(text), insist);
  return added ? bytes.toString() : undefined;
}

describe('addIncludeUsage', () => {
  test.each([
    ['without options', '{"stream":true}', `{"stream":true,"stream_options":{${ADDED}}}`],
    ['spaced', '{ "stream" : true , "n": 1 }', `{ "stream" : true,"stream_options":{${ADDED}} , "n": 1 }`],
    [
      'with options',
      '{"stream_options":{"x":[{}]},"stream":true}',
      `{"stream_options":{${ADDED},"x":[{}]},"stream":true}`,
    ],
    [
      'with empty options',
      '{"stream":true,"stream_options":{ \n}}',
      `{"stream":true,"stream_options":{${ADDED} \n}}`,
    ],
    [
      'with null options',
      '{"stream":true,"stream_options":null}',
      `{"stream":true,"stream_options":{${ADDED}}}`,
    ],
    [
      'with null inside',
      '{"stream":true,"stream_options":{"include_usage":null,"x":1}}',
      '{"stream":true,"stream_options":{"include_usage":true,"x":1}}',
    ],
    [
      'with text that looks like it',
      '{"a":"\\"stream\\":false","stream":true}',
      `{"a":"\\"stream\\":false","stream":true,"stream_options":{${ADDED}}}`,
    ],
  ])('adds it %s', (_, text, expected) => expect(add(text)).toBe(expected));

  test.each([
    ['no stream', '{"model":"a"}'],
    ['stream false', '{"stream":false}'],
    ['stream as text', '{"stream":"true"}'],
    ['a stream further in', '{"a":{"stream":true}}'],
    ['true already', '{"stream":true,"stream_options":{"include_usage":true}}'],
    ['false', '{"stream":true,"stream_options":{"include_usage":false}}'],
    ['options of another kind', '{"stream":true,"stream_options":[]}'],
  ])('leaves a body with %s', (_, text) => {
    const bytes = Buffer.from(text);
    expect(addIncludeUsage(bytes)).toEqual({ bytes, added: false });
  });

  test.each([
    '{"stream":true,"stream":false}',
    '{"stream":true',
    '{"stream":true,"stream_options":{"include_usage":1,"include_usage":2}}',
  ])('refuses %s', (text) =>
    expect(() => add(text)).toThrow(expect.objectContaining({ code: 'SEKS_BODY_MALFORMED' })),
  );

  describe('under a budget', () => {
    const asked = `{"stream":true,"stream_options":{${ADDED}}}`;

    test.each([
      ['{"stream":true,"stream_options":{"include_usage":false}}', asked],
      ['{"stream":true,"stream_options":{"include_usage":0}}', asked],
      ['{"stream":true,"stream_options":{"include_usage":"no"}}', asked],
      ['{"stream":true,"stream_options":{"include_usage":null}}', asked],
      ['{"stream":true,"stream_options":[]}', asked],
      ['{"stream":true,"stream_options":"x"}', asked],
      ['{"stream":true,"stream_options":null}', asked],
      ['{"\\u0073tream":true}', `{"\\u0073tream":true,"stream_options":{${ADDED}}}`],
      ['{"stream":"true"}', `{"stream":"true","stream_options":{${ADDED}}}`],
      ['{"stream":1}', `{"stream":1,"stream_options":{${ADDED}}}`],
      ['{"stream":true,"stream_options":{"x":1}}', `{"stream":true,"stream_options":{${ADDED},"x":1}}`],
    ])('%s becomes %s', (text, expected) => expect(add(text, true)).toBe(expected));

    test.each([
      '{"stream":false,"stream_options":{"include_usage":false}}',
      '{"stream":null}',
      '{"model":"a"}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
    ])('%s stays', (text) => expect(add(text, true)).toBeUndefined());
  });

  test('changes nothing else, whatever the body', () => {
    const options = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.dictionary(fc.string(), fc.jsonValue()),
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        options,
        fc.constantFrom(undefined, 2),
        (rest, options, indent) => {
          const body = {
            ...rest,
            stream: true,
            ...(options === undefined ? {} : { stream_options: options }),
          };
          const text = JSON.stringify(body, undefined, indent);
          const changed = add(text);
          expect(JSON.parse(changed ?? '')).toEqual({
            ...(JSON.parse(text) as object),
            stream_options: { ...(JSON.parse(JSON.stringify(options ?? {})) as object), include_usage: true },
          });
          // Byte-exact but for one insertion or the `null` in its place.
          let prefix = 0;
          while (prefix < text.length && changed?.[prefix] === text[prefix]) prefix += 1;
          const tail = text.slice(options === null ? text.indexOf('null', prefix) + 4 : prefix);
          expect(changed?.endsWith(tail)).toBe(true);
        },
      ),
    );
  });
});
