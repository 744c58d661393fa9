import { describe, expect, test } from '@jest/globals';
import type { SeksError } from '@seks/crds';
import fc from 'fast-check';

import { readModels } from './model.ts';

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'multipart/form-data; boundary=XbX';

/** the models, or the code of the refusal */
function outcome(body: string | Buffer, type: string | undefined, encoding?: string, others = false): string {
  try {
    return readModels(Buffer.from(body), type, encoding, others).join();
  } catch (cause) {
    return (cause as SeksError).code;
  }
}

/** a form of raw parts, each head and body */
function form(...parts: readonly string[]): string {
  return `${parts.map((part) => `--XbX\r\n${part}\r\n`).join('')}--XbX--\r\n`;
}

const field = (name: string, value: string): string =>
  `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
const file =
  'content-disposition: form-data; name="file"; filename="a;b.wav"\r\nContent-Type: audio/wav\r\n\r\n\0RIFF\r\n\r\n--Xb';

describe('readModels', () => {
  test.each<[string, string | Buffer, string | undefined, string]>([
    ['JSON', '{"model":"gpt-5","messages":[{"model":"other"}]}', JSON_TYPE, 'gpt-5'],
    ['JSON with a charset', '{"model":"gpt-5"}', 'Application/JSON; Charset="UTF-8"', 'gpt-5'],
    ['JSON with an empty parameter', '{"model":"gpt-5"}', 'application/json; ', 'gpt-5'],
    [
      'JSON with a parameter without a value',
      '{"model":"a"}',
      'application/json; charset',
      'SEKS_BODY_MALFORMED',
    ],
    ['an escaped name', '{"model":"gpt\\u002d5"}', 'application/vnd.x+json', 'gpt-5'],
    ['no model', '{"messages":[]}', JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['two models', '{"model":"a","model":"b"}', JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['two models, one escaped', '{"model":"a","\\u006dodel":"b"}', JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['a number', '{"model":5}', JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['null', '{"model":null}', JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['an empty name', '{"model":""}', JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['a name that is too long', `{"model":"${'m'.repeat(513)}"}`, JSON_TYPE, 'SEKS_MODEL_MISSING'],
    ['another case beside it', '{"model":"a","MODEL":"b"}', JSON_TYPE, 'SEKS_BODY_MALFORMED'],
    ['no JSON', 'model=a', JSON_TYPE, 'SEKS_BODY_MALFORMED'],
    ['another charset', '{"model":"a"}', 'application/json; charset=utf-16', 'SEKS_BODY_MALFORMED'],
    [
      'two charsets',
      '{"model":"a"}',
      'application/json; charset=utf-8; charset=utf-16',
      'SEKS_BODY_MALFORMED',
    ],
    ['two types', '{"model":"a"}', 'application/json, text/plain', 'SEKS_BODY_MALFORMED'],
    ['no type', '{"model":"a"}', undefined, 'SEKS_BODY_MALFORMED'],
    ['another type', 'model=a', 'application/x-www-form-urlencoded', 'SEKS_MODEL_MISSING'],

    ['a form', form(file, field('model', 'whisper-1'), field('language', 'en')), FORM_TYPE, 'whisper-1'],
    ['a form without the last line end', form(field('model', 'a')).slice(0, -2), FORM_TYPE, 'a'],
    ['a quoted boundary', form(field('model', 'a')), 'multipart/form-data; boundary="XbX"', 'a'],
    [
      'a file name of the newer kind',
      form(field('x"; filename*=UTF-8\'\'%41; filename="b', ''), field('model', 'a')),
      FORM_TYPE,
      'a',
    ],
    ['a form without a model', form(file), FORM_TYPE, 'SEKS_MODEL_MISSING'],
    ['a form with two', form(field('model', 'a'), field('model', 'b')), FORM_TYPE, 'SEKS_MODEL_MISSING'],
    ['an empty field', form(field('model', '')), FORM_TYPE, 'SEKS_MODEL_MISSING'],
    [
      'a field in another case',
      form(field('model', 'a'), field('Model', 'b')),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    ['a model as a file', form(field('model"; filename="m', 'a')), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    ['a name twice', form(field('x"; name="model', 'a')), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    [
      'two dispositions',
      form(`Content-Disposition: form-data; name="x"\r\n${field('model', 'a')}`),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    ['a hidden quote', form(field('x"; filename="a\\"; name="model', 'a')), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    [
      'a quote hidden from us',
      form('Content-Disposition: form-data; filename="a\\"; name="x"\r\n\r\n', field('model', 'a')),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a delimiter within a line',
      form(field('a', `text--XbX\r\n${field('model', 'b')}`)),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    ['an escaped name in a form', form(field('mod\\el', 'a')), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    ['a percent-encoded name', form(field('mod%65l', 'a')), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    [
      'a name without quotes',
      form('Content-Disposition: form-data; name=model\r\n\r\na'),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'an encoded name',
      form("Content-Disposition: form-data; name*=UTF-8''model\r\n\r\na"),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a folded header',
      form('Content-Disposition: form-data;\r\n name="model"\r\n\r\na'),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a part in base64',
      form(`Content-Transfer-Encoding: base64\r\n${field('model', 'YQ==')}`),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a charset field',
      form(field('_charset_', 'utf-16'), field('model', 'a')),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a model that is not UTF-8',
      Buffer.from(form(field('model', 'é')), 'latin1'),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    ['a preamble', `x\r\n${form(field('model', 'a'))}`, FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    ['an epilogue', `${form(field('model', 'a'))}--XbX\r\n`, FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    [
      'a delimiter after a bare line feed',
      form(field('a', `\n--XbX\n${field('model', 'b')}`), field('model', 'a')),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a delimiter with more text',
      form(field('a', '\r\n--XbXy'), field('model', 'a')),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'a delimiter with spaces',
      `--XbX \r\n${field('model', 'a')}\r\n--XbX--`,
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
    ['bare line feeds', form(field('model', 'a')).replaceAll('\r\n', '\n'), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    ['no end', form(field('model', 'a')).slice(0, -6), FORM_TYPE, 'SEKS_BODY_MALFORMED'],
    [
      'another boundary',
      form(field('model', 'a')),
      'multipart/form-data; boundary=other',
      'SEKS_BODY_MALFORMED',
    ],
    ['no boundary', form(field('model', 'a')), 'multipart/form-data', 'SEKS_BODY_MALFORMED'],
    [
      'an unusable boundary',
      form(field('model', 'a')),
      `multipart/form-data; boundary="${'b'.repeat(71)}"`,
      'SEKS_BODY_MALFORMED',
    ],
    [
      'too many parts',
      form(...Array.from({ length: 257 }, () => field('a', ''))),
      FORM_TYPE,
      'SEKS_BODY_MALFORMED',
    ],
  ])('%s', (_, body, type, expected) => expect(outcome(body, type)).toBe(expected));

  test('S12: the spaces of a head are read once', () => {
    const text = form(`x:${' '.repeat(4_000)}\0\r\n\r\n`);
    const startMs = performance.now();
    for (let again = 0; again < 300; again += 1) expect(outcome(text, FORM_TYPE)).toBe('SEKS_BODY_MALFORMED');
    // A second and a half for each hundred, if each division of them were tried.
    expect(performance.now() - startMs).toBeLessThan(1_500);
  });

  test('refuses encoded bodies', () => {
    expect(outcome('{"model":"a"}', JSON_TYPE, 'gzip')).toBe('SEKS_BODY_MALFORMED');
    expect(outcome('{"model":"a"}', JSON_TYPE, 'Identity')).toBe('a');
  });

  test('reads the forms that fetch makes', async () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme-ascii' }).filter((text) => !/[\\%]/.test(text));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, fc.uint8Array())),
        fc.stringMatching(/^[\w.-]{1,50}$/),
        async (files, model) => {
          const data = new FormData();
          for (const [fileName, bytes] of files) data.append('file', new Blob([bytes]), fileName);
          data.append('model', model);
          const request = new Request('http://localhost/', { method: 'POST', body: data });
          const type = request.headers.get('content-type') ?? '';
          expect(readModels(Buffer.from(await request.arrayBuffer()), type, undefined, true)).toEqual([
            model,
          ]);
        },
      ),
    );
  });

  test('nothing makes it throw anything but its own errors', () => {
    const part = fc.constantFrom(
      '--XbX',
      '--',
      '\r\n',
      '\r',
      '\n',
      'Content-Disposition: form-data',
      '; name="model"',
      ':',
      'a',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        expect(outcome(parts.join(''), FORM_TYPE)).toMatch(/^(?:SEKS_BODY_MALFORMED|SEKS_MODEL_MISSING|a*)$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('S7: models that may answer instead or besides', () => {
  test.each([
    ['"models":["b","c/d"]', 'a,b,c/d'],
    ['"models":[{"model":"b","x":{"model":"c"}}, "d"]', 'a,b,d'],
    ['"models":["b"],"route":"fallback","models":["c"]', 'SEKS_MODEL_MISSING'],
    ['"models":[]', 'a'],
    ['"models":["\\u0062"]', 'a,b'],
    ['"models":null', 'a'],
    ['"models":"b"', 'a'],
    ['"models":[1]', 'SEKS_MODEL_MISSING'],
    ['"models":[["b"]]', 'SEKS_MODEL_MISSING'],
    ['"models":[null]', 'SEKS_MODEL_MISSING'],
    ['"models":[""]', 'SEKS_MODEL_MISSING'],
    ['"models":[{"id":"b"}]', 'SEKS_MODEL_MISSING'],
    ['"models":[{"model":"b","model":"c"}]', 'SEKS_MODEL_MISSING'],
    ['"models":[{"Model":"b"}]', 'SEKS_BODY_MALFORMED'],
    ['"Models":["b"]', 'SEKS_BODY_MALFORMED'],
    [`"models":["${'m'.repeat(513)}"]`, 'SEKS_MODEL_MISSING'],
    [`"models":[${Array.from({ length: 64 }, () => '"b"').join()}]`, 'SEKS_MODEL_MISSING'],
    ['"fallbacks":[{"model":"b","max_tokens":1},{"model":"c"}]', 'a,b,c'],
    ['"fallbacks":null', 'a'],
    ['"fallbacks":[]', 'a'],
    ['"fallbacks":"default"', 'SEKS_MODEL_MISSING'],
    ['"fallbacks":["default"]', 'a,default'],
    ['"fallbacks":{"model":"b"}', 'SEKS_MODEL_MISSING'],
    ['"fallbacks":[{"max_tokens":1}]', 'SEKS_MODEL_MISSING'],
    ['"fallbacks":[{"model":"b"}],"fallbacks":null', 'SEKS_MODEL_MISSING'],
    ['"tools":[{"type":"advisor_20260301","name":"advisor","model":"b"}]', 'a,b'],
    ['"tools":[{"name":"f","input_schema":{"properties":{"model":{"type":"string"}}}}, {"type":"x"}]', 'a'],
    ['"tools":[{"type":"image_generation","model":null}]', 'a'],
    ['"tools":[{"model":"b","model":null}]', 'SEKS_MODEL_MISSING'],
    ['"tools":[{"model":{"id":"b"}}]', 'SEKS_MODEL_MISSING'],
    ['"tools":null', 'a'],
    ['"models":["b"],"fallbacks":[{"model":"c"}],"tools":[{"model":"d"}]', 'a,b,c,d'],
    ['"messages":[{"models":["b"],"fallbacks":"default"}]', 'a'],
  ])('%s', (rest, expected) => {
    for (const body of [`{"model":"a",${rest}}`, `{ ${rest} , "model" : "a" }`])
      expect(outcome(body, JSON_TYPE, undefined, true)).toBe(expected);
    // A provider whose documents do not say that models stand in its bodies may mean anything by these names.
    expect(outcome(`{"model":"a",${rest}}`, JSON_TYPE)).toBe('a');
  });

  test('without a model of its own they are not enough', () => {
    expect(outcome('{"models":["a"]}', JSON_TYPE, undefined, true)).toBe('SEKS_MODEL_MISSING');
  });

  test('agrees with JSON.parse, whatever the body', () => {
    const name = fc.stringMatching(/^[\w./:-]{1,20}$/);
    const tool = fc.record({ name, input_schema: fc.jsonValue(), model: name }, { requiredKeys: ['name'] });
    const lists = fc.record(
      {
        models: fc.array(name, { maxLength: 5 }),
        fallbacks: fc.array(fc.record({ model: name, output_config: fc.jsonValue() }), { maxLength: 5 }),
        tools: fc.array(tool, { maxLength: 5 }),
        messages: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(name, lists, fc.constantFrom(undefined, 2), (model, rest, indent) => {
        const named = [
          model,
          ...(rest.models ?? []),
          ...(rest.fallbacks ?? []).map((fallback) => fallback.model),
          ...(rest.tools ?? []).flatMap((one) => one.model ?? []),
        ];
        const text = JSON.stringify({ ...rest, model }, undefined, indent);
        expect(outcome(text, JSON_TYPE, undefined, true)).toBe(named.join());
      }),
    );
  });
});
