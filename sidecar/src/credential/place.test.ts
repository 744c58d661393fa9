import { describe, expect, test } from '@jest/globals';
import { type Placement, type Provider, Secret } from '@seks/crds';

import { testProvider } from '../testing/sealed-source.ts';
import { checkPlace, encodeBasic, type Keyed, type Place, placeKey } from './place.ts';

const KEY = '123:real+key/=';
const key = new Secret('provider-key', KEY);

function place(at: Place, change: Partial<Keyed> = {}, shift = 0): Keyed {
  const keyed: Keyed = { headers: { accept: 'x' }, path: '/v1', query: '?a=b', protocols: [], ...change };
  placeKey(keyed, at, key, shift);
  return keyed;
}

describe('placeKey', () => {
  test('a header keeps the prefix as the agent spelled it', () => {
    const { headers, path, query } = place({ kind: 'header', name: 'authorization', prefix: 'bEARER  ' });
    expect(headers).toEqual({ accept: 'x', authorization: `bEARER  ${KEY}` });
    expect([path, query]).toEqual(['/v1', '?a=b']);
  });

  test.each([
    ['Username', 'x:y', `${KEY}:x:y`],
    ['Password', 'x', `x:${KEY}`],
  ] as const)('Basic: %s beside %s', (field, other, text) => {
    const at: Place = { kind: 'basic', name: 'authorization', prefix: 'Basic ', field, other };
    expect(place(at).headers['authorization']).toBe(`Basic ${encodeBasic(text)}`);
  });

  test('query and path are encoded, but for the colon', () => {
    const query = place({ kind: 'query', name: 'key', start: 5, end: 8 }, { query: '?key=abc&x=1' });
    expect(query.query).toBe('?key=123:real%2Bkey%2F%3D&x=1');
    const path = place({ kind: 'path', prefix: '/bot', start: 13, end: 16 }, { path: '/botabc/getMe' }, 9);
    expect(path.path).toBe('/bot123:real%2Bkey%2F%3D/getMe');
  });

  test('a subprotocol stays in its place of the list', () => {
    const at: Place = { kind: 'webSocketProtocol', prefix: 'k.', index: 1 };
    expect(place(at, { protocols: ['a', 'k.token', 'b'] }).protocols).toEqual(['a', `k.${KEY}`, 'b']);
  });
});

describe('checkPlace', () => {
  const places: Record<string, [Place, Placement]> = {
    bearer: [
      { kind: 'header', name: 'authorization', prefix: 'BEARER ' },
      { header: { name: 'Authorization', scheme: 'Bearer' } },
    ],
    header: [{ kind: 'header', name: 'x-key', prefix: '' }, { header: { name: 'X-Key' } }],
    username: [
      { kind: 'basic', name: 'authorization', prefix: 'Basic ', field: 'Username', other: '' },
      { basic: { field: 'Username' } },
    ],
    password: [
      { kind: 'basic', name: 'authorization', prefix: 'Basic ', field: 'Password', other: 'git' },
      { basic: { field: 'Password' } },
    ],
    query: [{ kind: 'query', name: 'key', start: 0, end: 1 }, { query: { name: 'key' } }],
    path: [{ kind: 'path', prefix: '/bot', start: 0, end: 1 }, { path: { prefix: '/bot' } }],
    protocol: [
      { kind: 'webSocketProtocol', prefix: 'k.', index: 0 },
      { webSocketProtocol: { prefix: 'k.' } },
    ],
  };
  const pairs = Object.entries(places).flatMap(([one, [at]]) =>
    Object.entries(places).map(([other, [, placement]]) => [one, other, at, placement] as const),
  );

  test.each(pairs)('S5: a token as %s where the provider takes it as %s', (one, other, at, placement) => {
    const check = (): void => checkPlace(at, testProvider('openai', [placement]));
    if (one === other) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'SEKS_TOKEN_MISSING' }));
  });

  test('S5: a scheme that the provider does not name is another place', () => {
    const provider = testProvider('openai', [{ header: { name: 'authorization', scheme: 'Bearer' } }]);
    for (const prefix of ['', 'Bot ', 'Basic ']) {
      const at: Place = { kind: 'header', name: 'authorization', prefix };
      expect(() => checkPlace(at, provider)).toThrow('Provider openai takes it as authorization: Bearer.');
    }
  });

  test('S5: a password beside a token in the user name is a second credential', () => {
    const at: Place = {
      kind: 'basic',
      name: 'authorization',
      prefix: 'Basic ',
      field: 'Username',
      other: 'x',
    };
    const provider = testProvider('openai', [{ basic: { field: 'Username' } }]);
    expect(() => checkPlace(at, provider)).toThrow(expect.objectContaining({ code: 'SEKS_TOKEN_MISSING' }));
  });

  test.each([
    ['x-access-token', 'none'],
    ['ghp_attacker0123456789', 'SEKS_CREDENTIAL_FOREIGN'],
  ])('S5: a user name %s beside a token in the password is %s', (other, code) => {
    const { name, spec } = testProvider('github', [{ basic: { field: 'Password' } }]);
    const provider: Provider = { name, spec: { ...spec, keyPrefixes: ['ghp_'] } };
    const at: Place = { kind: 'basic', name: 'authorization', prefix: 'Basic ', field: 'Password', other };
    const check = (): void => checkPlace(at, provider);
    if (code === 'none') expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code }));
  });
});
