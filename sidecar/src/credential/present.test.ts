import { createHash } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { parseTarget } from '../request/target.ts';
import { fakeToken } from '../testing/test-sidecar.ts';
import { indexPlacements } from './placement-index.ts';
import { testProvider } from '../testing/sealed-source.ts';
import { findToken } from './present.ts';
import { createTokenTable, type TokenTable } from './tokens.ts';
import { findInQuery } from './url-places.ts';

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

describe('S12: what an agent makes up is refused with a bounded number of hashes', () => {
  let hashed = 0;
  const counting: TokenTable = {
    ...tokens,
    find: (token) => {
      hashed += 1;
      return tokens.find(token);
    },
  };
  /** in a header of 16 KB, and in one four times as long */
  const counts = (headers: (bytes: number) => { name: string; value: string }[], code: string): number[] =>
    [16_384, 65_536].map((bytes) => {
      hashed = 0;
      const request = { credentials: headers(bytes), target: parseTarget('/openai/v1/x'), protocols: [] };
      expect(codeOf(() => findToken(request, counting, index))).toBe(code);
      return hashed;
    });
  const repeat = (piece: string, bytes: number): string => piece.repeat(Math.floor(bytes / piece.length));
  const basic = (text: string) => ({
    name: 'authorization',
    value: `Basic ${Buffer.from(text).toString('base64')}`,
  });

  test.each<[string, (bytes: number) => string, string]>([
    ['colons', (bytes) => repeat(':', bytes), 'SEKS_TOKEN_UNKNOWN'],
    ['colons after our token', (bytes) => own + repeat(':', bytes), 'SEKS_TOKEN_AMBIGUOUS'],
    ['colons after a token of another pod', (bytes) => foreign + repeat(':', bytes), 'SEKS_TOKEN_FOREIGN'],
  ])('Basic authentication with %s', (_, text, code) => {
    const [short = 0, long = 0] = counts((bytes) => [basic(text(bytes))], code);
    expect(long).toBe(short);
    expect(long).toBeLessThan(100);
  });

  test.each<[string, (bytes: number) => string, string]>([
    ['our token', (bytes) => repeat(`${own} `, bytes), 'SEKS_CREDENTIAL_FOREIGN'],
    ['tokens of other pods', (bytes) => own + repeat(` ${foreign}`, bytes), 'SEKS_TOKEN_FOREIGN'],
    [
      'what begins like a token',
      (bytes) => `${own} ${repeat(`seks${'a'.repeat(28)} `, bytes)}`,
      'SEKS_CREDENTIAL_FOREIGN',
    ],
  ])('%s, again and again', (_, value, code) => {
    const [short = 0, long = 0] = counts((bytes) => [{ name: 'cookie', value: value(bytes) }], code);
    expect(long).toBe(short);
    expect(long).toBeLessThan(200);
  });

  test('a colon in a token is still found', () => {
    const telegram = fakeToken('1234567890:{token}');
    const table = createTokenTable({
      bindings: [
        {
          uid: 'b2',
          name: 'bot',
          agent: 'bot',
          credentials: [
            {
              name: 'telegram',
              provider: 'telegram',
              sources: [],
              tokens: [{ container: 'a', sha256: sha256(telegram) }],
            },
          ],
        },
      ],
    });
    const request = { credentials: [basic(`${telegram}:x:y`)], target: parseTarget('/x'), protocols: [] };
    expect(findToken(request, table, index)?.place).toMatchObject({ field: 'Username', other: 'x:y' });
  });

  test('a query of many parameters', () => {
    const query = `?${'&'.repeat(1_000_000)}`;
    const startMs = performance.now();
    expect(findInQuery(query, index, tokens)).toBeUndefined();
    // Minutes, if each were a search to the end.
    expect(performance.now() - startMs).toBeLessThan(3_000);
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
