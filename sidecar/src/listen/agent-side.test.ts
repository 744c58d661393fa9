// The agent's port with real sockets, against a real TLS upstream that must see a key only with requests that pass every check.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { SeksError } from '@seks/crds';

import type { StaticCredential } from '../testing/static-lease.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';

const KEY_OPENAI = 'sk-proj-CANARY-openai-0123456789';
const KEY_CLAUDE = 'sk-ant-CANARY-claude-0123456789';
const openaiToken = fakeToken('sk-proj-{token}');
const claudeToken = fakeToken('sk-ant-api03-{token}');
const foreignToken = fakeToken('sk-proj-{token}');

let upstream: TestUpstream;
let sidecar: TestSidecar;

beforeAll(async () => {
  upstream = await startUpstream();
  const credentials: StaticCredential[] = [
    {
      provider: upstream.provider('openai', {
        deny: [{ paths: ['/v1/organization', '/v1/organization/**'] }],
      }),
      token: openaiToken,
      key: KEY_OPENAI,
      agent: 'research',
      container: 'planner',
      bindingUid: 'b-openai',
    },
    {
      provider: upstream.provider('anthropic', {
        auth: [{ header: { name: 'x-api-key' } }, { header: { name: 'authorization', scheme: 'Bearer' } }],
      }),
      token: claudeToken,
      key: KEY_CLAUDE,
      agent: 'research',
      container: 'planner',
      bindingUid: 'b-claude',
      tier: 'builder',
    },
  ];
  sidecar = await startSidecar({ credentials, addresses: { [upstream.host]: ['127.0.0.1'] } });
});

afterEach(() => {
  upstream.seen.length = 0;
});

afterAll(async () => {
  await sidecar.close();
  await upstream.close();
});

function post(path: string, headers: Record<string, string>, body = '{}'): Promise<Response> {
  return fetch(sidecar.base + path, { method: 'POST', headers, body });
}

/** a request as bytes; `head` is everything before the blank line but Host */
function bytes(requestLine: string, headers: string[], body = ''): string {
  return `${[requestLine, `Host: 127.0.0.1:${sidecar.port}`, ...headers].join('\r\n')}\r\n\r\n${body}`;
}

const authorization = `Authorization: Bearer ${openaiToken}`;

describe('a request that passes', () => {
  test('carries the real key in the place of the token, and nothing else changes', async () => {
    const answer = await post(
      '/openai/v1/chat/completions?x=1',
      {
        authorization: `bearer ${openaiToken}`,
        'content-type': 'application/json',
        'x-stainless-lang': 'js',
      },
      '{"model":"m"}',
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ ok: true });
    expect(answer.headers.get('x-seks-error')).toBeNull();
    const [seen] = upstream.seen;
    expect(seen).toMatchObject({ method: 'POST', url: '/v1/chat/completions?x=1', body: '{"model":"m"}' });
    expect(seen?.headers).toMatchObject({
      host: `${upstream.host}:${upstream.port}`,
      authorization: `bearer ${KEY_OPENAI}`,
      'x-stainless-lang': 'js',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
    });
    expect(seen?.rawHeaders.join(' ')).not.toContain(openaiToken);
  });

  test.each([
    ['x-api-key', claudeToken, KEY_CLAUDE],
    ['authorization', `Bearer ${claudeToken}`, `Bearer ${KEY_CLAUDE}`],
  ])('keeps the token in %s, where the SDK put it', async (header, value, expected) => {
    expect((await post('/anthropic/v1/messages', { [header]: value })).status).toBe(200);
    expect(upstream.seen[0]?.headers[header]).toBe(expected);
    const others = ['x-api-key', 'authorization'].filter((name) => name !== header);
    for (const other of others) expect(upstream.seen[0]?.headers).not.toHaveProperty(other);
  });

  test('is routed by its token alone when the SDK cannot carry a path prefix', async () => {
    expect((await post('/v1/messages', { 'x-api-key': claudeToken })).status).toBe(200);
    expect(upstream.seen[0]).toMatchObject({ url: '/v1/messages', headers: { 'x-api-key': KEY_CLAUDE } });
  });

  test('S6: leaves no trace of where it came from', async () => {
    const answer = await sidecar.raw(
      bytes('GET /openai/v1/models HTTP/1.1', [
        authorization,
        'Connection: close, X-Nominated',
        'X-Nominated: 1',
        'X-Forwarded-Host: evil.example',
        'Forwarded: host=evil.example',
        'X-Seks-Anything: 1',
        'TE: trailers',
        'Keep-Alive: timeout=5',
        'Accept-Encoding: gzip',
      ]),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    const names = Object.keys(upstream.seen[0]?.headers ?? {});
    expect(names.sort()).toEqual(['accept-encoding', 'authorization', 'connection', 'host']);
    expect(upstream.seen[0]?.headers.connection).toBe('keep-alive');
  });
});

const AUTH = `Authorization: Bearer ${openaiToken}`;
const refusals: [string, number, string, () => string][] = [
  [
    'S5: a duplicate Authorization',
    401,
    'SEKS_TOKEN_AMBIGUOUS',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, AUTH]),
  ],
  [
    'S5: a key of its own beside the token',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'X-Api-Key: evil']),
  ],
  [
    'S5: a cookie beside the token',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'Cookie: a=b']),
  ],
  [
    'S5: Proxy-Authorization beside the token',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'Proxy-Authorization: Basic eA==']),
  ],
  [
    'S5: a key in the query',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => bytes('GET /openai/v1/x?key=evil HTTP/1.1', [AUTH]),
  ],
  [
    'S5: an encoded key in the query',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => bytes('GET /openai/v1/x?a=1&%6bey=evil HTTP/1.1', [AUTH]),
  ],
  ['S5: no token', 401, 'SEKS_TOKEN_MISSING', () => bytes('GET /openai/v1/x HTTP/1.1', [])],
  ['S5: neither token nor provider', 404, 'SEKS_ROUTE_UNKNOWN', () => bytes('GET / HTTP/1.1', [])],
  [
    'S5: a key of its own',
    401,
    'SEKS_TOKEN_UNKNOWN',
    () => bytes('GET /openai/v1/x HTTP/1.1', ['Authorization: Bearer sk-proj-own']),
  ],
  [
    'S5: the token under another scheme',
    401,
    'SEKS_TOKEN_MISSING',
    () => bytes('GET /openai/v1/x HTTP/1.1', [`Authorization: Basic ${openaiToken}`]),
  ],
  [
    'S5: a Connection header that drops the token',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'Connection: authorization']),
  ],
  [
    'S4: the token of another pod',
    403,
    'SEKS_TOKEN_FOREIGN',
    () => bytes('GET /openai/v1/x HTTP/1.1', [`Authorization: Bearer ${foreignToken}`]),
  ],
  [
    'S4: the token of another provider',
    403,
    'SEKS_TOKEN_WRONG_PROVIDER',
    () => bytes('GET /openai/v1/x HTTP/1.1', [`Authorization: Bearer ${claudeToken}`]),
  ],
  [
    'S6: another Host',
    421,
    'SEKS_HOST_REFUSED',
    () => `GET /openai/v1/x HTTP/1.1\r\nHost: evil.example\r\n${AUTH}\r\n\r\n`,
  ],
  [
    'S6: two Hosts',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', ['Host: evil.example', AUTH]),
  ],
  ['S6: no Host', 400, 'SEKS_REQUEST_MALFORMED', () => `GET /openai/v1/x HTTP/1.1\r\n${AUTH}\r\n\r\n`],
  [
    'S6: absolute form',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET http://evil.example/openai/v1/x HTTP/1.1', [AUTH]),
  ],
  ['S6: ..', 400, 'SEKS_REQUEST_MALFORMED', () => bytes('GET /openai/v1/../x HTTP/1.1', [AUTH])],
  ['S6: //', 400, 'SEKS_REQUEST_MALFORMED', () => bytes('GET /openai//v1/x HTTP/1.1', [AUTH])],
  [
    'S6: an encoded slash that hides a dot segment',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1%2F../x HTTP/1.1', [AUTH]),
  ],
  [
    'S13: an encoded slash where only one reading is allowed',
    403,
    'SEKS_ROUTE_DENIED',
    () => bytes('GET /openai/v1%2Fx HTTP/1.1', [AUTH]),
  ],
  [
    'S6: an encoded dot',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/%2e%2e/x HTTP/1.1', [AUTH]),
  ],
  [
    'S6: an encoded backslash',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/%5cx HTTP/1.1', [AUTH]),
  ],
  [
    'S6: a doubly encoded slash',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/%252fx HTTP/1.1', [AUTH]),
  ],
  ['S6: an encoded NUL', 400, 'SEKS_REQUEST_MALFORMED', () => bytes('GET /openai/v1/%00 HTTP/1.1', [AUTH])],
  ['S6: a fragment', 400, 'SEKS_REQUEST_MALFORMED', () => bytes('GET /openai/v1/x#y HTTP/1.1', [AUTH])],
  [
    'S6: a byte beyond ASCII in the path',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/\xff HTTP/1.1', [AUTH]),
  ],
  ['S6: an asterisk', 400, 'SEKS_REQUEST_MALFORMED', () => bytes('OPTIONS * HTTP/1.1', [AUTH])],
  [
    'S6: length and transfer coding',
    400,
    'SEKS_REQUEST_MALFORMED',
    () =>
      bytes(
        'POST /openai/v1/x HTTP/1.1',
        [AUTH, 'Content-Length: 5', 'Transfer-Encoding: chunked'],
        '0\r\n\r\n',
      ),
  ],
  [
    'S6: two lengths',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'Content-Length: 1', 'Content-Length: 2'], 'ab'),
  ],
  [
    'S6: the same length twice',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'Content-Length: 1', 'Content-Length: 1'], 'a'),
  ],
  [
    'S6: two transfer codings',
    400,
    'SEKS_REQUEST_MALFORMED',
    () =>
      bytes(
        'POST /openai/v1/x HTTP/1.1',
        [AUTH, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
        '0\r\n\r\n',
      ),
  ],
  [
    'S6: an unknown transfer coding',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'Transfer-Encoding: xchunked'], '0\r\n\r\n'),
  ],
  [
    'S6: a folded header',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'X-A: b\r\n c']),
  ],
  [
    'S6: bare line feeds',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'X-A: b\nX-B: c']),
  ],
  [
    'S6: a bare carriage return',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'X-A: b\rX-B: c']),
  ],
  [
    'S6: a space before the colon',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'X-A : b']),
  ],
  ['S6: no HTTP at all', 400, 'SEKS_REQUEST_MALFORMED', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  [
    'S6: a head that is too long',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, `X-A: ${'b'.repeat(40_000)}`]),
  ],
  [
    'S6: too many headers',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [...Array.from({ length: 1000 }, (_, i) => `X-${i}: 1`), AUTH]),
  ],
  [
    'S6: an unknown expectation',
    417,
    'SEKS_EXPECT_REFUSED',
    () => bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'Expect: magic', 'Content-Length: 0']),
  ],
  [
    'S6: CONNECT',
    405,
    'SEKS_METHOD_REFUSED',
    () => `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n${AUTH}\r\n\r\n`,
  ],
  ['S6: TRACE', 405, 'SEKS_METHOD_REFUSED', () => bytes('TRACE /openai/v1/x HTTP/1.1', [AUTH])],
  [
    'S6: an upgrade to something else',
    501,
    'SEKS_UPGRADE_REFUSED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'Connection: Upgrade', 'Upgrade: h2c']),
  ],
  [
    'S6: an upgrade to more than WebSocket',
    501,
    'SEKS_UPGRADE_REFUSED',
    () => bytes('GET /openai/v1/x HTTP/1.1', [AUTH, 'Connection: Upgrade', 'Upgrade: websocket, h2c']),
  ],
  [
    'S6: a WebSocket handshake without a proper key',
    400,
    'SEKS_REQUEST_MALFORMED',
    () =>
      bytes('GET /openai/v1/x HTTP/1.1', [
        AUTH,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: x',
        'Sec-WebSocket-Version: 13',
      ]),
  ],
  [
    'S6: an override of the method',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'X-HTTP-Method-Override: DELETE', 'Content-Length: 0']),
  ],
  [
    'S15: a path that nothing allows',
    403,
    'SEKS_ROUTE_DENIED',
    () => bytes('GET /openai/admin HTTP/1.1', [AUTH]),
  ],
  [
    'S13: a path that is denied',
    403,
    'SEKS_ROUTE_DENIED',
    () => bytes('GET /openai/v1/organization/keys HTTP/1.1', [AUTH]),
  ],
  [
    'S13: a denied path, encoded',
    403,
    'SEKS_ROUTE_DENIED',
    () => bytes('GET /openai/v1/%6frganization/keys HTTP/1.1', [AUTH]),
  ],
  [
    'S13: a denied path in capitals',
    403,
    'SEKS_ROUTE_DENIED',
    () => bytes('GET /openai/v1/ORGANIZATION HTTP/1.1', [AUTH]),
  ],
  [
    'S13: a denied path with a slash at its end',
    403,
    'SEKS_ROUTE_DENIED',
    () => bytes('GET /openai/v1/organization/ HTTP/1.1', [AUTH]),
  ],
];

describe('a request that is refused', () => {
  test.each(refusals)('%s: %d %s, and the upstream sees nothing', async (_, status, code, request) => {
    const answer = await sidecar.raw(Buffer.from(request(), 'latin1'));
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`x-seks-error: ${code}\r\n`);
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { error: { code: string } };
    expect(body).toMatchObject({ type: 'error', error: { type: 'seks_error', code } });
    expect(upstream.seen).toEqual([]);
    expect(sidecar.audit.at(-1)).toMatchObject({ action: 'request', decision: 'deny', code, status });
  });

  test('S5: two requests on one connection are judged one by one', async () => {
    const good = bytes('GET /openai/v1/x HTTP/1.1', [AUTH]);
    const answers = await sidecar.raw(good + bytes('GET /openai/v1/x HTTP/1.1', []) + good, 3);
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401', 'HTTP/1.1 200']);
    expect(upstream.seen).toHaveLength(2);
  });

  test('S6: bytes after a body are a new request, not a part of the old one', async () => {
    const smuggled = bytes('GET /openai/v1/smuggled HTTP/1.1', []);
    const answers = await sidecar.raw(
      bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'Content-Length: 2'], `{}${smuggled}`),
      2,
    );
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401']);
    expect(upstream.seen.map(({ url, body }) => [url, body])).toEqual([['/v1/x', '{}']]);
  });

  test('S6: a chunked body of a method that usually has none stays one request', async () => {
    const body = '5\r\nhello\r\n0\r\n\r\n';
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      const answer = await sidecar.raw(
        bytes(`${method} /openai/v1/x HTTP/1.1`, [AUTH, 'Transfer-Encoding: chunked'], body),
      );
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect(upstream.seen.map(({ method, body: got }) => [method, got])).toEqual([
      ['GET', 'hello'],
      ['DELETE', 'hello'],
      ['OPTIONS', 'hello'],
    ]);
  });

  test('tells SDKs not to try again, and has no body for HEAD', async () => {
    const denied = await fetch(`${sidecar.base}/openai/v1/x`, { method: 'HEAD' });
    expect(denied.status).toBe(401);
    expect(denied.headers.get('x-should-retry')).toBe('false');
    expect(denied.headers.get('x-seks-error')).toBe('SEKS_TOKEN_MISSING');
    expect(await denied.text()).toBe('');
  });

  test('answers a large upload that it refuses', async () => {
    const answer = await post('/openai/v1/x', {}, 'x'.repeat(4 * 1024 * 1024));
    expect(answer.status).toBe(401);
    expect(upstream.seen).toEqual([]);
  });
});

describe('alarms', () => {
  test('S4: the token of another pod is counted and audited', async () => {
    const before = sidecar.audit.length;
    await post('/openai/v1/x', { authorization: `Bearer ${foreignToken}` });
    const actions = sidecar.audit.slice(before).map(({ action, code }) => [action, code]);
    expect(actions).toEqual([
      ['foreign_token', 'SEKS_TOKEN_FOREIGN'],
      ['request', 'SEKS_TOKEN_FOREIGN'],
    ]);
    expect(await sidecar.metrics.registry.metrics()).toMatch(/seks_foreign_token_total\{.*\} [1-9]/);
  });
});

describe('S7: the state of the lease', () => {
  async function ask(): Promise<[number, string | null, string | null]> {
    const answer = await post('/openai/v1/x', { authorization: `Bearer ${openaiToken}` });
    await answer.text();
    return [answer.status, answer.headers.get('x-seks-error'), answer.headers.get('retry-after')];
  }

  test('S12: a revoked binding is refused with its code, another one goes on', async () => {
    const state = sidecar.holder.state;
    sidecar.holder.revoke('b-claude', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(await ask()).toEqual([200, null, null]);
    const suspended = await post('/anthropic/v1/x', { 'x-api-key': claudeToken });
    expect([suspended.status, suspended.headers.get('x-seks-error')]).toEqual([
      403,
      'SEKS_BINDING_SUSPENDED',
    ]);
    expect(upstream.seen).toHaveLength(1);
    // The old keys were erased with the revocation; nothing else here needs this binding.
    expect(sidecar.holder.state).not.toBe(state);
  });

  test('a lease that has run out answers 503 and says when to try again', async () => {
    let nowMs = 0;
    const credentials = [{ provider: upstream.provider('openai'), token: openaiToken, key: KEY_OPENAI }];
    const addresses = { [upstream.host]: ['127.0.0.1'] };
    const expiring = await startSidecar({ credentials, addresses, nowMs: () => nowMs, expiresAtMs: 1000 });
    try {
      const request = () =>
        fetch(`${expiring.base}/openai/v1/x`, { headers: { authorization: `Bearer ${openaiToken}` } });
      nowMs = 999;
      expect((await request()).status).toBe(200);
      nowMs = 1000;
      const late = await request();
      expect([late.status, late.headers.get('x-seks-error')]).toEqual([503, 'SEKS_LEASE_EXPIRED']);
      expect(late.headers.get('retry-after')).not.toBeNull();
      expect(late.headers.get('x-should-retry')).toBeNull();
      expect(upstream.seen).toHaveLength(1);
    } finally {
      await expiring.close();
    }
  });
});

describe('S9: what is written', () => {
  test('holds no key, token, body, query or path', async () => {
    await post(
      '/openai/v1/files/CANARY-path?CANARY-query=1',
      { authorization: `Bearer ${openaiToken}`, 'x-canary': 'CANARY-header' },
      'CANARY-body',
    );
    await post('/openai/v1/CANARY-path?key=CANARY-query', { authorization: `Bearer ${openaiToken}` });
    await post('/openai/v1/x', { authorization: `Bearer ${foreignToken}` });
    await sidecar.raw(`GARBAGE CANARY-garbage\r\n\r\n`);
    const written = await sidecar.written();
    expect(written).toContain('"route":"/v1/**"');
    for (const secret of ['CANARY', openaiToken, claudeToken, foreignToken, KEY_OPENAI, KEY_CLAUDE]) {
      expect(written).not.toContain(secret);
    }
  });

  test('labels come from closed sets', async () => {
    await sidecar.raw(bytes('PROPFIND /openai/v1/x HTTP/1.1', [AUTH]));
    const methods = [...(await sidecar.metrics.registry.metrics()).matchAll(/method="([^"]*)"/g)].map(
      ([, m]) => m,
    );
    expect(new Set(methods)).toEqual(
      new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'OTHER', 'POST', 'PROPFIND', 'TRACE']),
    );
  });
});
