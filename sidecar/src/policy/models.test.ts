import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { compileModelRules, plainModelName } from './models.ts';

const GEMINI = {
  paths: ['/v1beta/models/{model}:*', '/v1beta/tunedModels/{model}:*', '/v1beta/models/{model}'],
};

describe('place', () => {
  const rules = compileModelRules(GEMINI, { models: ['gemini-2*'] });

  test.each([
    ['POST', '/v1beta/models/gemini-2.5-pro:generateContent', 'gemini-2.5-pro'],
    ['POST', '/v1beta/models/gemini-2.5-pro:a:b', 'gemini-2.5-pro'],
    ['GET', '/v1beta/models/gemini-2.5-pro', 'gemini-2.5-pro'],
    ['GET', '/v1beta/models/gemini-2.5-pro:streamGenerateContent', 'gemini-2.5-pro'],
    ['DELETE', '/v1beta/tunedModels/mine:x', 'mine'],
    ['POST', '/v1beta/models/*:generateContent', '*'],
  ])('%s %s names %s', (method, path, model) => {
    expect(rules.place(method, path)).toEqual({ kind: 'known', model });
  });

  test.each([
    '/v1beta/tunedModels/mine',
    '/v1beta/models/a/b:generateContent',
    '/v1beta/models',
    '//v1beta/models/gemini-3:generateContent',
    '/',
  ])('S7: a body of a path that names none has to: %s', (path) => {
    for (const method of ['POST', 'PUT', 'PATCH'])
      expect(rules.place(method, path)).toEqual({ kind: 'body' });
    expect(rules.place('GET', path)).toEqual({ kind: 'none' });
  });

  test.each([
    '/V1beta/models/gemini-3:generateContent',
    '/v1beta/MODELS/gemini-3:generateContent',
    '/v1beta/models./gemini-3:generateContent',
    '/v1beta/models /gemini-3:generateContent',
    '/v1beta/ models/gemini-3:generateContent',
    '/v1beta/\uff4dodels/gemini-3:generateContent',
    '/v1beta/tunedmodels/mine:generateContent',
    '/v1beta/TunedModels/mine:generateContent',
    '/v1beta/models/gemini-3:generateContent/',
    '/v1beta/models/:generateContent/',
  ])(
    'S7: a path that names one only as some servers read it is refused, whatever its body names: %s',
    (path) => {
      for (const method of ['POST', 'GET'])
        expect(() => rules.place(method, path)).toThrow(
          expect.objectContaining({ code: 'SEKS_MODEL_MISSING' }),
        );
      expect(compileModelRules(GEMINI, {}).place('POST', path)).toEqual({ kind: 'none' });
    },
  );

  test('S7: a provider that does not say where its models stand is asked in the body', () => {
    const unknown = compileModelRules(undefined, { models: ['*'] });
    expect(unknown.place('POST', '/v1/x')).toEqual({ kind: 'body' });
    expect(unknown.place('GET', '/v1/x')).toEqual({ kind: 'none' });
  });

  test('a pattern may be open at its end, or have something behind the model', () => {
    const open = compileModelRules(
      { paths: ['/openai/deployments/{model}/**', '/m/v-{model}.json', '/w/*/{model}'] },
      { models: [] },
    );
    expect(open.place('POST', '/openai/deployments/gpt/chat/completions')).toEqual({
      kind: 'known',
      model: 'gpt',
    });
    expect(open.place('POST', '/openai/deployments/gpt')).toEqual({ kind: 'known', model: 'gpt' });
    expect(open.place('POST', '/openai/deployments')).toEqual({ kind: 'body' });
    expect(open.place('GET', '/m/v-a.json')).toEqual({ kind: 'known', model: 'a' });
    expect(open.place('GET', '/m/v-a.json.b.json')).toEqual({ kind: 'known', model: 'a.json.b' });
    expect(open.place('POST', '/m/v-a.json.b')).toEqual({ kind: 'body' });
    expect(open.place('POST', '/m/a.json')).toEqual({ kind: 'body' });
    expect(open.place('POST', '/m/v-.json')).toEqual({ kind: 'body' });
    expect(open.place('GET', '/w/anything/a')).toEqual({ kind: 'known', model: 'a' });
  });

  test.each([
    [{}, false, false, false],
    [{ limits: { requestsPerMinute: 1 } }, false, false, false],
    [{ limits: { tokensPerDay: 1 } }, false, false, true],
    [{ models: [] }, true, false, false],
    [{ limits: { usdPerDay: '1' } }, true, true, true],
    [{ models: ['*'], limits: { usdPerDay: '1' } }, true, true, true],
  ])(
    '%j: models count: %s, need a price: %s, usage must be told: %s',
    (policy, enforced, mustBePriced, budgeted) => {
      const compiled = compileModelRules(GEMINI, policy);
      expect(compiled).toMatchObject({ enforced, mustBePriced, budgeted });
      const path = '/v1beta/models/gemini-2.5-pro:generateContent';
      expect(compiled.place('POST', path).kind).toBe(enforced ? 'known' : 'none');
      expect(compiled.place('POST', '/x').kind).toBe(enforced ? 'body' : 'none');
    },
  );
});

describe('allows', () => {
  test.each([
    ['gpt-4o', 'gpt-4o', true],
    ['gpt-4o', 'gpt-4o-mini', false],
    ['gpt-4o', 'GPT-4O', false],
    ['gpt-4o', ' gpt-4o', false],
    ['gpt-4o', 'gpt-4o\u0000', false],
    ['gpt-4o*', 'gpt-4o-mini', true],
    ['*', 'meta-llama/Llama-3', true],
    ['meta-llama/*', 'meta-llama/a/b', true],
    ['meta-llama/*', 'evil/meta-llama/a', false],
    ['a/*/b', 'a/x/b', true],
    ['a/*/b', 'a/b', false],
    ['gemini-2*', 'models/gemini-2.5', true],
    ['gemini-2*', 'models/models/gemini-2.5', false],
    ['a.c', 'abc', false],
    ['', 'x', false],
  ])('%s allows %s: %s', (glob, model, expected) => {
    expect(compileModelRules(undefined, { models: [glob] }).allows(model)).toBe(expected);
  });

  test('S7: an empty list allows none, no list allows all', () => {
    expect(compileModelRules(undefined, { models: [] }).allows('x')).toBe(false);
    expect(compileModelRules(undefined, {}).allows('x')).toBe(true);
  });

  test('agrees with a regular expression of the same meaning', () => {
    const piece = fc.constantFrom('*', '/', 'a', '.', '-');
    const text = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (glob, model) => {
        const source = glob.replaceAll(/[.\-/]/g, String.raw`\$&`).replaceAll('*', '.*');
        const expected = new RegExp(`^${source}$`, 's').test(model);
        expect(compileModelRules(undefined, { models: [glob] }).allows(model)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('the plain name is without the word that Gemini puts before it, once', () => {
    expect(['models/a', 'a', 'models/models/a', 'xmodels/a'].map(plainModelName)).toEqual([
      'a',
      'a',
      'models/a',
      'xmodels/a',
    ]);
  });
});
