import { createHash } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { parseTarget } from '../request/target.ts';
import { fakeToken } from '../testing/test-sidecar.ts';
import { indexPlacements } from './placement-index.ts';
import { testProvider } from '../testing/sealed-source.ts';
import { findToken } from './present.ts';
import { createTokenTable } from './tokens.ts';

const own = fakeToken('sk-proj-{token}');
const second = fakeToken('sk-ant-api03-{token}');
const foreign = fakeToken('sk-proj-{token}');

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

const tokens = createTokenTable({
  bindings: [
    {
      uid: 'b1',
      name: 'research',
      agent: 'research',
      credentials: [
        {
          name: 'openai',
          provider: 'openai',
          sources: [],
          tokens: [{ container: 'a', sha256: sha256(own) }],
        },
        {
          name: 'claude',
          provider: 'anthropic',
          sources: [],
          tokens: [{ container: 'b', sha256: sha256(second) }],
        },
      ],
    },
  ],
});

const index = indexPlacements([
  testProvider('openai', [
    { header: { name: 'authorization', scheme: 'Bearer' } },
    { basic: { field: 'Username' } },
    { query: { name: 'apiKey' } },
    { path: { prefix: '/bot' } },
    { path: { prefix: '/file/bot' } },
    { webSocketProtocol: { prefix: 'openai-insecure-api-key.' } },
  ]),
]);

function find(
  credentials: { name: string; value: string }[],
  url = '/openai/v1/x',
  protocols: string[] = [],
) {
  return findToken({ credentials, target: parseTarget(url), protocols }, tokens, index);
}

function bearer(token: string) {
  return { name: 'authorization', value: `Bearer ${token}` };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    return (cause as { code: string }).code;
  }
  return 'none';
}

describe('findToken', () => {
  test.each(['Bearer ', 'bearer ', 'BEARER  ', ''])('finds a token of this pod after "%s"', (prefix) => {
    const found = find([{ name: 'authorization', value: prefix + own }]);
    expect(found?.place).toEqual({ kind: 'header', name: 'authorization', prefix });
    expect(found?.entry).toMatchObject({
      container: 'a',
      credential: 'openai',
      provider: 'openai',
      agent: 'research',
    });
  });

  test('finds nothing where there is nothing', () => {
    expect(find([])).toBeUndefined();
    expect(find([], '/openai/v1/x?limit=2')).toBeUndefined();
  });

  test('finds a token beside a harmless query', () => {
    expect(find([bearer(own)], '/openai/v1/x?limit=2&alt=sse')?.entry.credential).toBe('openai');
  });

  test.each<[string, { name: string; value: string }[], string | undefined, string]>([
    ['an unknown key', [bearer('sk-proj-mykey')], undefined, 'SEKS_TOKEN_UNKNOWN'],
    ['an empty credential', [{ name: 'authorization', value: '' }], undefined, 'SEKS_TOKEN_UNKNOWN'],
    ['a token in another case', [bearer(own.toUpperCase())], undefined, 'SEKS_TOKEN_UNKNOWN'],
    ['S4: a token of another pod', [bearer(foreign)], undefined, 'SEKS_TOKEN_FOREIGN'],
    [
      'S4: a token of another pod beside our own',
      [bearer(own), { name: 'x-api-key', value: foreign }],
      undefined,
      'SEKS_TOKEN_FOREIGN',
    ],
    ['S4: a token of another pod in the query', [], `/openai/v1?key=${foreign}`, 'SEKS_TOKEN_FOREIGN'],
    ['S5: our token twice', [bearer(own), bearer(own)], undefined, 'SEKS_TOKEN_AMBIGUOUS'],
    [
      'S5: our token and another key in the same header',
      [bearer(own), bearer('evil')],
      undefined,
      'SEKS_TOKEN_AMBIGUOUS',
    ],
    [
      'S5: two tokens of ours',
      [bearer(own), { name: 'x-api-key', value: second }],
      undefined,
      'SEKS_TOKEN_AMBIGUOUS',
    ],
    [
      'S5: our token and a key in another header',
      [bearer(own), { name: 'x-api-key', value: 'evil' }],
      undefined,
      'SEKS_CREDENTIAL_FOREIGN',
    ],
    [
      'S5: our token and a cookie',
      [bearer(own), { name: 'cookie', value: 'a=b' }],
      undefined,
      'SEKS_CREDENTIAL_FOREIGN',
    ],
    [
      'S4: a token of another pod in the name of a parameter',
      [],
      `/openai/v1?${foreign}=1`,
      'SEKS_TOKEN_FOREIGN',
    ],
    ['S5: our token in the query', [], `/openai/v1?key=${own}`, 'SEKS_CREDENTIAL_FOREIGN'],
    [
      'S5: two keys of nobody',
      [bearer('x'), { name: 'x-api-key', value: 'y' }],
      undefined,
      'SEKS_CREDENTIAL_FOREIGN',
    ],
    [
      'S5: our token in the middle of a value',
      [{ name: 'cookie', value: `a=b; t=${own}; c=d` }],
      undefined,
      'SEKS_CREDENTIAL_FOREIGN',
    ],
  ])('refuses %s', (_, credentials, url, code) => {
    expect(codeOf(() => find(credentials, url))).toBe(code);
  });
});

describe('createTokenTable', () => {
  test('knows its providers', () => {
    expect([...tokens.providers]).toEqual(['openai', 'anthropic']);
  });

  test('refuses a hash that is no SHA-256', () => {
    const credentials = [
      { name: 'c', provider: 'p', sources: [], tokens: [{ container: 'a', sha256: 'abc' }] },
    ];
    expect(() => createTokenTable({ bindings: [{ uid: 'u', name: 'n', agent: 'a', credentials }] })).toThrow(
      RangeError,
    );
  });
});
