import { describe, expect, test } from '@jest/globals';

import type { TokenEntry } from '../credential/tokens.ts';
import { parseTarget } from '../request/target.ts';
import { routeRequest } from './route.ts';

const providers = new Set(['openai', 'groq']);

function token(provider: string): TokenEntry {
  return {
    container: 'a',
    bindingUid: 'b',
    binding: 'b',
    agent: 'a',
    credential: 'c',
    provider,
    sources: [],
  };
}

describe('routeRequest', () => {
  test.each([
    ['/openai/v1/models?limit=2', 'openai', '/v1/models?limit=2', '/v1/models'],
    ['/openai', 'openai', '/', '/'],
    ['/openai/', 'openai', '/', '/'],
    ['/openai?x=1', 'openai', '/?x=1', '/'],
    ['/groq/openai/v1/models', 'groq', '/openai/v1/models', '/openai/v1/models'],
    ['/openai/a%20b', 'openai', '/a%20b', '/a b'],
    ['/v1/models?x=1', 'openai', '/v1/models?x=1', '/v1/models'],
    ['/openaix/v1', 'openai', '/openaix/v1', '/openaix/v1'],
    ['/%6fpenai/v1', 'openai', '/%6fpenai/v1', '/openai/v1'],
  ])('maps %s with a token of %s to %s', (raw, provider, url, plainPath) => {
    expect(routeRequest(parseTarget(raw), token(provider), providers)).toEqual({ url, plainPath });
  });

  test('S4: refuses a token of another provider than the path', () => {
    expect(() => routeRequest(parseTarget('/openai/v1'), token('groq'), providers)).toThrow(
      expect.objectContaining({ code: 'SEKS_TOKEN_WRONG_PROVIDER' }),
    );
  });

  test.each([
    ['/openai/v1', 'SEKS_TOKEN_MISSING'],
    ['/v1', 'SEKS_ROUTE_UNKNOWN'],
    ['/', 'SEKS_ROUTE_UNKNOWN'],
  ])('without a token, %s is %s', (raw, code) => {
    expect(() => routeRequest(parseTarget(raw), undefined, providers)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
