import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import fc from 'fast-check';

import { modelsInMessage } from './message-models.ts';

const read = (text: string): string[] => modelsInMessage(Buffer.from(text)).map(({ model }) => model);

function codeOf(text: string): string {
  try {
    return `found ${read(text).join()}`;
  } catch (cause) {
    if (cause instanceof SeksError) return cause.code;
    throw cause;
  }
}

describe('modelsInMessage', () => {
  test.each([
    ['{}', []],
    ['{"model":"a"}', ['a']],
    ['{ "type" : "x" , "session" : { "model" : "a" , "t" : { "model" : "b" } } }', ['a', 'b']],
    ['{"a":[{"b":[[{"model":"deep"}]]}]}', ['deep']],
    ['{"\\u006dodel":"\\u0061"}', ['a']],
    ['{"text":"model","x":["model"],"model2":"c"}', []],
    ['{"text":"\\"model\\":\\"x\\""}', []],
    ['{"parameters":{"model":{"type":"string","model":"inner"}}}', ['inner']],
    ['{"model":null}', []],
  ])('%s names %j', (text, models) => {
    expect(read(text)).toEqual(models);
  });

  test.each([
    ['twice', '{"model":"a","model":"b"}', 'SEKS_MODEL_MISSING'],
    ['twice, once escaped', '{"model":"a","\\u006dodel":"b"}', 'SEKS_MODEL_MISSING'],
    ['twice, with an object between', '{"model":"a","x":{"y":{}},"model":"b"}', 'SEKS_MODEL_MISSING'],
    ['in another case', '{"Model":"a"}', 'SEKS_MODEL_MISSING'],
    ['in what only some take for JSON', '{"model":"a","x":NaN}', 'SEKS_BODY_MALFORMED'],
    ['behind a comma too many', '{"model":"a",}', 'SEKS_BODY_MALFORMED'],
    ['in an array', '[{"model":"a"}]', 'SEKS_BODY_MALFORMED'],
    ['behind a byte order mark', '\ufeff{"model":"a"}', 'SEKS_BODY_MALFORMED'],
    ['in a second text', '{}{"model":"a"}', 'SEKS_BODY_MALFORMED'],
  ])('S7: a model named %s is refused', (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  test.each([
    ['{"model":"a"}', ''],
    ['{"session":{"x":{},"model":"a"}}', 'session'],
    ['{"\\u0073ession":{"a":[{}],"b":{"model":"a"}}}', 'session.b'],
    ['{"a":[{"model":"a"}]}', 'a.?'],
    ['{"a":[[{"b":{"model":"a"}}]]}', 'a.?.?.b'],
    ['{"a.b":{"model":"a"}}', '?'],
    ['{"":{"model":"a"}}', '?'],
    ['{"x":"session","y":{"model":"a"}}', 'y'],
  ])('%s has it at %j', (text, owner) => {
    expect(modelsInMessage(Buffer.from(text))).toEqual([{ model: 'a', owner }]);
  });

  test('S7: an escaped key is found where V8 would take it for one that an agent made it remember', () => {
    // https://github.com/nodejs/node/issues/63785
    JSON.parse('{"first":1,"\\\\u006":2}');
    expect(read('{"first":1,"\\u006dodel":"a"}')).toEqual(['a']);
  });

  test.each([
    ['levels', '{"a":'.repeat(300) + '1' + '}'.repeat(300)],
    ['models', `{"a":[${'{"model":"a"},'.repeat(40_000)}{}]}`],
    ['escapes', `{${'"\\u0061":1,'.repeat(70_000)}"b":1}`],
  ])('more %s than are looked at closely are refused', (_, text) => {
    expect(codeOf(text)).toBe('SEKS_BODY_MALFORMED');
  });

  test('any JSON object gives what a walk over the parsed object gives', () => {
    const key = fc.constantFrom('model', 'type', 'm', 'x"y', 'mo\\del');
    const { object } = fc.letrec<{ value: unknown; object: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.string(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(true, null, 'model'),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    }));
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 2), (value, indent) => {
        expect(read(JSON.stringify(value, null, indent))).toEqual([...walk(value)]);
      }),
      { numRuns: 500 },
    );
  });
});

function* walk(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === 'model' && typeof member === 'string') yield member;
    yield* walk(member);
  }
}
