// Requests that the agent's port refuses, as bytes down a real socket: each with its code, and the upstream sees none of them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import {
  AUTH,
  type AgentSideRig,
  CLAUDE_TOKEN,
  FOREIGN_TOKEN,
  OPENAI_TOKEN,
  SECRETS,
  startAgentSide,
} from './testing/agent-side-rig.ts';

let rig: AgentSideRig;

beforeAll(async () => {
  rig = await startAgentSide();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

const bytes: AgentSideRig['bytes'] = (...parts) => rig.bytes(...parts);

/** requests that would pass but for the headers, or the target */
const get = (...headers: string[]): string => bytes('GET /openai/v1/x HTTP/1.1', headers);
const getFrom = (target: string): string => bytes(`GET ${target} HTTP/1.1`, [AUTH]);

const refusals: [string, number, string, () => string][] = [
  ['S5: a duplicate Authorization', 401, 'SEKS_TOKEN_AMBIGUOUS', () => get(AUTH, AUTH)],
  [
    'S5: a key of its own beside the token',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => get(AUTH, 'X-Api-Key: evil'),
  ],
  ['S5: a cookie beside the token', 403, 'SEKS_CREDENTIAL_FOREIGN', () => get(AUTH, 'Cookie: a=b')],
  [
    'S5: Proxy-Authorization beside the token',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => get(AUTH, 'Proxy-Authorization: Basic eA=='),
  ],
  ['S5: a key in the query', 403, 'SEKS_CREDENTIAL_FOREIGN', () => getFrom('/openai/v1/x?key=evil')],
  [
    'S5: an encoded key in the query',
    403,
    'SEKS_CREDENTIAL_FOREIGN',
    () => getFrom('/openai/v1/x?a=1&%6bey=evil'),
  ],
  ['S5: no token', 401, 'SEKS_TOKEN_MISSING', () => get()],
  ['S5: neither token nor provider', 404, 'SEKS_ROUTE_UNKNOWN', () => bytes('GET / HTTP/1.1', [])],
  ['S5: a key of its own', 401, 'SEKS_TOKEN_UNKNOWN', () => get('Authorization: Bearer sk-proj-own')],
  [
    'S5: the token under another scheme',
    401,
    'SEKS_TOKEN_MISSING',
    () => get(`Authorization: Basic ${OPENAI_TOKEN}`),
  ],
  [
    'S5: a Connection header that drops the token',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => get(AUTH, 'Connection: authorization'),
  ],
  [
    'S4: the token of another pod',
    403,
    'SEKS_TOKEN_FOREIGN',
    () => get(`Authorization: Bearer ${FOREIGN_TOKEN}`),
  ],
  [
    'S4: the token of another provider',
    403,
    'SEKS_TOKEN_WRONG_PROVIDER',
    () => get(`Authorization: Bearer ${CLAUDE_TOKEN}`),
  ],
  [
    'S6: another Host',
    421,
    'SEKS_HOST_REFUSED',
    () => `GET /openai/v1/x HTTP/1.1\r\nHost: evil.example\r\n${AUTH}\r\n\r\n`,
  ],
  ['S6: two Hosts', 400, 'SEKS_REQUEST_MALFORMED', () => get('Host: evil.example', AUTH)],
  ['S6: no Host', 400, 'SEKS_REQUEST_MALFORMED', () => `GET /openai/v1/x HTTP/1.1\r\n${AUTH}\r\n\r\n`],
  ['S6: absolute form', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('http://evil.example/openai/v1/x')],
  ['S6: ..', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/../x')],
  ['S6: //', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai//v1/x')],
  [
    'S6: an encoded slash that hides a dot segment',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => getFrom('/openai/v1%2F../x'),
  ],
  [
    'S13: an encoded slash where only one reading is allowed',
    403,
    'SEKS_ROUTE_DENIED',
    () => getFrom('/openai/v1%2Fx'),
  ],
  ['S6: an encoded dot', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/%2e%2e/x')],
  ['S6: an encoded backslash', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/%5cx')],
  ['S6: a doubly encoded slash', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/%252fx')],
  ['S6: an encoded NUL', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/%00')],
  ['S6: a fragment', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/x#y')],
  ['S6: a byte beyond ASCII in the path', 400, 'SEKS_REQUEST_MALFORMED', () => getFrom('/openai/v1/\xff')],
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
  ['S6: a folded header', 400, 'SEKS_REQUEST_MALFORMED', () => get(AUTH, 'X-A: b\r\n c')],
  ['S6: bare line feeds', 400, 'SEKS_REQUEST_MALFORMED', () => get(AUTH, 'X-A: b\nX-B: c')],
  ['S6: a bare carriage return', 400, 'SEKS_REQUEST_MALFORMED', () => get(AUTH, 'X-A: b\rX-B: c')],
  ['S6: a space before the colon', 400, 'SEKS_REQUEST_MALFORMED', () => get(AUTH, 'X-A : b')],
  ['S6: no HTTP at all', 400, 'SEKS_REQUEST_MALFORMED', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  [
    'S6: a head that is too long',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => get(AUTH, `X-A: ${'b'.repeat(40_000)}`),
  ],
  [
    'S6: too many headers',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => get(...Array.from({ length: 1000 }, (_, i) => `X-${i}: 1`), AUTH),
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
    () => get(AUTH, 'Connection: Upgrade', 'Upgrade: h2c'),
  ],
  [
    'S6: an upgrade to more than WebSocket',
    501,
    'SEKS_UPGRADE_REFUSED',
    () => get(AUTH, 'Connection: Upgrade', 'Upgrade: websocket, h2c'),
  ],
  [
    'S6: a WebSocket handshake without a proper key',
    400,
    'SEKS_REQUEST_MALFORMED',
    () =>
      get(
        AUTH,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: x',
        'Sec-WebSocket-Version: 13',
      ),
  ],
  [
    'S6: an override of the method',
    400,
    'SEKS_REQUEST_MALFORMED',
    () => bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'X-HTTP-Method-Override: DELETE', 'Content-Length: 0']),
  ],
  ['S15: a path that nothing allows', 403, 'SEKS_ROUTE_DENIED', () => getFrom('/openai/admin')],
  ['S13: a path that is denied', 403, 'SEKS_ROUTE_DENIED', () => getFrom('/openai/v1/organization/keys')],
  ['S13: a denied path, encoded', 403, 'SEKS_ROUTE_DENIED', () => getFrom('/openai/v1/%6frganization/keys')],
  ['S13: a denied path in capitals', 403, 'SEKS_ROUTE_DENIED', () => getFrom('/openai/v1/ORGANIZATION')],
  [
    'S13: a denied path with a slash at its end',
    403,
    'SEKS_ROUTE_DENIED',
    () => getFrom('/openai/v1/organization/'),
  ],
];

describe('a request that is refused', () => {
  test.each(refusals)('%s: %d %s, and the upstream sees nothing', async (_, status, code, request) => {
    const answer = await rig.sidecar.raw(Buffer.from(request(), 'latin1'));
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`x-seks-error: ${code}\r\n`);
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { error: { code: string } };
    expect(body).toMatchObject({ type: 'error', error: { type: 'seks_error', code } });
    expect(rig.upstream.seen).toEqual([]);
    expect(rig.sidecar.audit.at(-1)).toMatchObject({ action: 'request', decision: 'deny', code, status });
    // S9: what is in a refused request is not written down, either.
    const written = await rig.sidecar.written();
    for (const secret of SECRETS) expect(written).not.toContain(secret);
  });

  test('S5: two requests on one connection are judged one by one', async () => {
    const good = bytes('GET /openai/v1/x HTTP/1.1', [AUTH]);
    const answers = await rig.sidecar.raw(good + bytes('GET /openai/v1/x HTTP/1.1', []) + good, 3);
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401', 'HTTP/1.1 200']);
    expect(rig.upstream.seen).toHaveLength(2);
  });

  test('S6: bytes after a body are a new request, not a part of the old one', async () => {
    const smuggled = bytes('GET /openai/v1/smuggled HTTP/1.1', []);
    const answers = await rig.sidecar.raw(
      bytes('POST /openai/v1/x HTTP/1.1', [AUTH, 'Content-Length: 2'], `{}${smuggled}`),
      2,
    );
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401']);
    expect(rig.upstream.seen.map(({ url, body }) => [url, body])).toEqual([['/v1/x', '{}']]);
  });

  test('S6: a chunked body of a method that usually has none stays one request', async () => {
    const body = '5\r\nhello\r\n0\r\n\r\n';
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      const answer = await rig.sidecar.raw(
        bytes(`${method} /openai/v1/x HTTP/1.1`, [AUTH, 'Transfer-Encoding: chunked'], body),
      );
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect(rig.upstream.seen.map(({ method, body: got }) => [method, got])).toEqual([
      ['GET', 'hello'],
      ['DELETE', 'hello'],
      ['OPTIONS', 'hello'],
    ]);
  });

  test('tells SDKs not to try again, and has no body for HEAD', async () => {
    const denied = await fetch(`${rig.sidecar.base}/openai/v1/x`, { method: 'HEAD' });
    expect(denied.status).toBe(401);
    expect(denied.headers.get('x-should-retry')).toBe('false');
    expect(denied.headers.get('x-seks-error')).toBe('SEKS_TOKEN_MISSING');
    expect(await denied.text()).toBe('');
  });

  test('answers a large upload that it refuses', async () => {
    const answer = await rig.post('/openai/v1/x', {}, 'x'.repeat(4 * 1024 * 1024));
    expect(answer.status).toBe(401);
    expect(rig.upstream.seen).toEqual([]);
  });
});
