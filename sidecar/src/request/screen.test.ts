import { describe, expect, test } from '@jest/globals';

import { createHeaderClassifier } from './header-kind.ts';
import { type RawRequest, screenRequest } from './screen.ts';

const options = {
  hosts: new Set(['127.0.0.1:15080', 'localhost:15080']),
  classifier: createHeaderClassifier(new Set(['x-odd-place'])),
};

function raw(headers: [string, string][], change: Partial<RawRequest> = {}): RawRequest {
  const all = [['Host', '127.0.0.1:15080'], ...headers];
  return { method: 'POST', url: '/openai/v1/x', httpVersion: '1.1', rawHeaders: all.flat(), ...change };
}

function screen(headers: [string, string][], change?: Partial<RawRequest>) {
  return screenRequest(raw(headers, change), options);
}

describe('screenRequest', () => {
  test('keeps ordinary headers, repeated ones too, and sets credentials apart', () => {
    const { headers, credentials, target, method } = screen([
      ['Content-Type', 'application/json'],
      ['X-Stainless-Lang', 'js'],
      ['Accept', 'a'],
      ['accept', 'b'],
      ['ACCEPT', 'c'],
      ['Content-Length', '12'],
      ['Authorization', 'Bearer t'],
      ['X-Odd-Place', 'u'],
    ]);
    expect({ ...headers }).toEqual({
      'content-type': 'application/json',
      'x-stainless-lang': 'js',
      accept: ['a', 'b', 'c'],
      'content-length': '12',
    });
    expect(credentials).toEqual([
      { name: 'authorization', value: 'Bearer t' },
      { name: 'x-odd-place', value: 'u' },
    ]);
    expect(target.path).toBe('/openai/v1/x');
    expect(method).toBe('POST');
  });

  test.each([
    'authorization',
    'x-api-key',
    'x-goog-api-key',
    'api-key',
    'xi-api-key',
    'cookie',
    'cookie2',
    'proxy-authorization',
    'x-auth-token',
    'x-amz-security-token',
    'x-access-token',
    'ocp-apim-subscription-api-key',
    'client-secret',
    'x_api_key',
  ])('S5: takes %s for a credential', (name) => {
    const { headers, credentials } = screen([[name, 'x']]);
    expect(credentials).toEqual([{ name, value: 'x' }]);
    expect(headers).toEqual({});
  });

  test('drops an empty cookie, which is no credential, and no other empty one', () => {
    expect(screen([['Cookie', '']])).toMatchObject({ headers: {}, credentials: [] });
    const authorization = screen([['Authorization', '']]);
    expect(authorization.credentials).toEqual([{ name: 'authorization', value: '' }]);
  });

  test.each([
    'idempotency-key',
    'x-request-id',
    'anthropic-version',
    'x-goog-api-client',
    'openai-organization',
  ])('does not take %s for a credential', (name) => {
    expect(screen([[name, 'x']]).headers).toEqual({ [name]: 'x' });
  });

  test.each([
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'accept-encoding',
    'range',
    'forwarded',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-real-ip',
    'x-seks-anything',
    'proxy-anything',
  ])('S6: does not forward %s', (name) => {
    expect(screen([[name, 'x']])).toMatchObject({ headers: {}, credentials: [] });
  });

  test('S6: drops headers that Connection nominates', () => {
    const nominating: [string, string][] = [
      ['Connection', 'close, X-Hop'],
      ['connection', 'TE'],
      ['TE', 'trailers'],
      ['X-Hop', '1'],
      ['X-Stay', '1'],
    ];
    expect(screen(nominating).headers).toEqual({ 'x-stay': '1' });
  });

  test.each([
    'x-api-key',
    'Authorization',
    'Host',
    'content-length',
    'Transfer-Encoding',
    'content-type',
    'x-odd-place',
  ])('S5: refuses a Connection header that nominates %s', (name) => {
    expect(() => screen([['Connection', `close, ${name}`]])).toThrow(
      expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }),
    );
  });

  test('frames a chunked body by a header only where Node would not', () => {
    expect(screen([['Transfer-Encoding', 'Chunked']]).headers).toEqual({});
    const chunked = screen([['Transfer-Encoding', 'chunked']], { method: 'DELETE' });
    expect(chunked.headers).toEqual({ 'transfer-encoding': 'chunked' });
  });

  describe('with an upgrade', () => {
    const handshake: [string, string][] = [
      ['Upgrade', 'WebSocket'],
      ['Connection', 'keep-alive, Upgrade'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['Sec-WebSocket-Extensions', 'permessage-deflate'],
      ['Sec-WebSocket-Protocol', 'realtime, openai-insecure-api-key.fake'],
      ['OpenAI-Beta', 'realtime=v1'],
    ];
    const open = (headers: [string, string][], change: Partial<RawRequest> = {}) =>
      screenRequest(raw(headers, { method: 'GET', ...change }), { ...options, upgrade: true });

    test('keeps what belongs to one connection to itself', () => {
      const { headers, protocols } = open(handshake);
      expect({ ...headers }).toEqual({ 'openai-beta': 'realtime=v1' });
      expect(protocols).toEqual(['realtime', 'openai-insecure-api-key.fake']);
    });

    const others = handshake.filter(([name]) => name !== 'Upgrade');
    test.each<[string, [string, string][]]>([
      ['none', []],
      ['another one', [['Upgrade', 'h2c']]],
      ['two in one', [['Upgrade', 'websocket, h2c']]],
      [
        'two',
        [
          ['Upgrade', 'websocket'],
          ['upgrade', 'websocket'],
        ],
      ],
    ])('refuses %s', (_, upgrades) => {
      expect(() => open([...others, ...upgrades])).toThrow(
        expect.objectContaining({ code: 'SEKS_UPGRADE_REFUSED' }),
      );
    });

    // What follows a handshake is frames. Read as a body by anyone, it would be a request of its own.
    test.each<[string, [string, string][], Partial<RawRequest>]>([
      ['a length', [['Content-Length', '5']], {}],
      ['a length of nothing', [['Content-Length', '0']], {}],
      ['a transfer coding', [['Transfer-Encoding', 'chunked']], {}],
      ['HTTP/1.0', [], { httpVersion: '1.0' }],
      ['a sub-protocol that is none', [['Sec-WebSocket-Protocol', 'a b']], {}],
    ])('refuses %s', (_, more, change) => {
      expect(() => open([...handshake, ...more], change)).toThrow(
        expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }),
      );
    });
  });

  const malformed = 'SEKS_REQUEST_MALFORMED';
  test.each<[string, [string, string][], Partial<RawRequest>, string]>([
    ['CONNECT', [], { method: 'CONNECT' }, 'SEKS_METHOD_REFUSED'],
    ['TRACE', [], { method: 'TRACE' }, 'SEKS_METHOD_REFUSED'],
    ['an Upgrade', [['Upgrade', 'websocket']], {}, 'SEKS_UPGRADE_REFUSED'],
    ['an unknown expectation', [['Expect', '200-ok']], {}, 'SEKS_EXPECT_REFUSED'],
    ['another host', [], { rawHeaders: ['Host', 'evil.example'] }, 'SEKS_HOST_REFUSED'],
    ['another port', [], { rawHeaders: ['Host', '127.0.0.1:15090'] }, 'SEKS_HOST_REFUSED'],
    ['user information in Host', [], { rawHeaders: ['Host', 'a@127.0.0.1:15080'] }, 'SEKS_HOST_REFUSED'],
    ['no host', [], { rawHeaders: [] }, malformed],
    ['two hosts', [['host', '127.0.0.1:15080']], {}, malformed],
    [
      'two lengths',
      [
        ['Content-Length', '1'],
        ['content-length', '1'],
      ],
      {},
      malformed,
    ],
    ['a length that is no number', [['Content-Length', '+1']], {}, malformed],
    [
      'length and transfer coding',
      [
        ['Content-Length', '1'],
        ['Transfer-Encoding', 'chunked'],
      ],
      {},
      malformed,
    ],
    [
      'two transfer codings',
      [
        ['Transfer-Encoding', 'chunked'],
        ['Transfer-Encoding', 'chunked'],
      ],
      {},
      malformed,
    ],
    ['an unknown transfer coding', [['Transfer-Encoding', 'gzip, chunked']], {}, malformed],
    ['an override of the method', [['X-HTTP-Method-Override', 'DELETE']], {}, malformed],
    ['an override of the path', [['X-Original-URL', '/v1/organization']], {}, malformed],
    ['a header that would poison an object', [['__proto__', 'x']], {}, malformed],
    [
      'too many headers',
      Array.from({ length: 101 }, (_, i) => [`x-${i}`, '1'] as [string, string]),
      {},
      malformed,
    ],
  ])('S6: refuses %s', (_, headers, change, code) => {
    expect(() => screen(headers, change)).toThrow(expect.objectContaining({ code }));
  });

  test('a provider document cannot make a credential of a framing header', () => {
    const classifier = createHeaderClassifier(new Set(['content-length']));
    expect(() => screenRequest(raw([['Content-Length', '1']]), { ...options, classifier })).toThrow(
      expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }),
    );
  });

  test('an agent that invents header names does not fill the memory', () => {
    const classifier = createHeaderClassifier(new Set());
    for (let i = 0; i < 2000; i += 1)
      expect(classifier.classify(`X-${i}`)).toEqual({ name: `x-${i}`, kind: 'pass' });
    // A cached name is the same object each time; a name beyond the limit is made anew.
    expect(classifier.classify('X-1')).toBe(classifier.classify('X-1'));
    expect(classifier.classify('X-1999')).not.toBe(classifier.classify('X-1999'));
  });
});
