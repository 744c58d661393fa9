// Where the built-in documents have requests name a model, and where usage is asked for.
import { BUILT_IN_PROVIDERS } from '@seks/crds';
import { describe, expect, test } from '@jest/globals';

import { compileModelRules } from './models.ts';
import { compilePolicy } from './policy.ts';
import { FREE, specOf } from './testing/built-in.ts';

describe('models in paths', () => {
  const placeOf = (name: string, path: string) =>
    compileModelRules(specOf(name).modelFrom, { models: ['*'] }).place('POST', path);

  test.each([
    ['gemini', '/v1beta/models/gemini-3.5-flash:streamGenerateContent', 'gemini-3.5-flash'],
    ['gemini', '/v1/models/gemini-2.5-pro:countTokens/', 'gemini-2.5-pro'],
    ['gemini', '/v1beta/tunedModels/mine:generateContent', 'mine'],
    ['azure-openai', '/openai/deployments/cheap/chat/completions', 'cheap'],
    ['azure-openai', '/openai/deployments/cheap/audio/speech/', 'cheap'],
    ['bedrock', '/model/amazon.nova-pro-v1:0/converse', 'amazon.nova-pro-v1:0'],
    // An inference profile: the rest of its name is no reason to look for another model in the body.
    ['bedrock', '/model/arn:aws:bedrock:eu-west-1:1:inference-profile/x/converse', /^arn:aws:bedrock:/],
    // Its name can have two segments. No list allows this one.
    ['huggingface', '/hf-inference/models/bert/pipeline/fill-mask', 'models'],
    ['huggingface', '/hf-inference/models/BAAI/bge-small-en-v1.5', 'models'],
    ['huggingface', '/fal-ai/fal-ai/flux/dev', 'fal-ai'],
    ['huggingface', '/replicate/v1/predictions', 'v1'],
    ['huggingface', '/wavespeed/api/v3/wavespeed-ai/flux-dev', 'api'],
    ['huggingface', '/novita/v3/async/kontext', 'kontext'],
  ])('%s: %s', (name, path, model) => {
    const place = placeOf(name, path);
    expect(place.kind).toBe('known');
    expect(place.kind === 'known' && place.model).toEqual(
      typeof model === 'string' ? model : expect.stringMatching(model),
    );
  });

  test.each([
    ['gemini', '/v1/interactions'],
    ['azure-openai', '/openai/v1/responses'],
    ['bedrock', '/openai/v1/chat/completions'],
    ['anthropic', '/v1/messages'],
    ['huggingface', '/v1/chat/completions'],
    ['huggingface', '/novita/v3/openai/chat/completions'],
  ])('%s: %s names it in the body', (name, path) => {
    expect(placeOf(name, path)).toEqual({ kind: 'body' });
  });
});

describe('usage in streams', () => {
  const paths = BUILT_IN_PROVIDERS.flatMap(({ name, spec }) =>
    (spec.usage?.includeUsage ?? []).map((path) => [name, path] as const),
  );

  test.each(paths)('%s lets %s, where it is asked for, through', (name, path) => {
    const { allow = FREE, deny = [], upstreams } = specOf(name);
    expect(compilePolicy({ allow, deny }).decide('POST', upstreams[0]?.host ?? '', path).allowed).toBe(true);
  });

  test('chats and completions of the old kind, wherever a provider has both', () => {
    expect(paths.map(([name, path]) => `${name} ${path}`)).toEqual(
      expect.arrayContaining([
        'openai /v1/completions',
        'deepseek /completions',
        'deepseek /v1/completions',
        'deepseek /beta/completions',
      ]),
    );
  });
});
