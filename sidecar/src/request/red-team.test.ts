// What a hostile agent sends down a raw socket, and what a hostile provider sends back. After each attempt an honest request
// follows: once that has arrived, whatever the attempt let through has arrived, too.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { METHODS } from 'node:http';

import { BUILT_IN_PROVIDERS } from '@seks/crds';

import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';

const KEY = 'sk-proj-CANARY/red+team=0123456789';
const KEY_OTHER = 'sk-proj-CANARY-other-0123456789';
const TOKEN = fakeToken('sk-proj-{token}');
const OTHER_TOKEN = fakeToken('sk-proj-{token}');
const FOREIGN_TOKEN = fakeToken('sk-proj-{token}');
const AUTH = `Authorization: Bearer ${TOKEN}`;
/** a second request, for the next server to find in the first one's body */
const HIDDEN = `GET /v1/organization/admin_api_keys HTTP/1.1\r\nHost: api.provider.example\r\n\r\n`;

let upstream: TestUpstream;
let sidecar: TestSidecar;
let marks = 0;

beforeAll(async () => {
  upstream = await startUpstream();
  const openai = BUILT_IN_PROVIDERS.find(({ name }) => name === 'openai')?.spec;
  const provider = upstream.provider('openai', { allow: openai?.allow ?? [], deny: openai?.deny ?? [] });
  sidecar = await startSidecar({
    credentials: [
      { provider, token: TOKEN, key: KEY, name: 'first' },
      { provider, token: OTHER_TOKEN, key: KEY_OTHER, name: 'second' },
    ],
    addresses: { [upstream.host]: ['127.0.0.1'] },
  });
});

afterEach(() => {
  upstream.seen.length = 0;
});

afterAll(async () => {
  await sidecar.close();
  await upstream.close();
});

interface Head {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

function bytes({ method = 'GET', target = '/openai/v1/x', version = 'HTTP/1.1', ...rest }: Head): Buffer {
  const { host = `127.0.0.1:${sidecar.port}`, headers = [AUTH], body = '' } = rest;
  const head = [`${method} ${target} ${version}`, `Host: ${host}`, ...headers].join('\r\n');
  return Buffer.from(`${head}\r\n\r\n${body}`, 'latin1');
}

/** a POST whose framing is under attack */
function framed(headers: readonly string[], body = '', version = 'HTTP/1.1'): Buffer {
  return bytes({ method: 'POST', version, headers: [AUTH, ...headers], body });
}

/** sends it, then an honest request; returns the answers, and what the upstream saw before the honest one */
async function attempt(attack: Buffer, answers = 1): Promise<{ answer: string; seen: string[] }> {
  const answer = await sidecar.raw(attack, answers);
  marks += 1;
  const mark = `/v1/mark-${marks}`;
  const honest = await fetch(`${sidecar.base}/openai${mark}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  expect(honest.status).toBe(200);
  const seen = upstream.seen.map(({ method, url }) => `${method} ${url}`);
  expect(seen.at(-1)).toBe(`GET ${mark}`);
  return { answer, seen: seen.slice(0, -1) };
}

async function expectRefused(attack: Buffer): Promise<void> {
  const { answer, seen } = await attempt(attack);
  // A body that breaks off has no answer but the end of its connection.
  if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 [45]\d\d [\s\S]*\r\nx-seks-error: SEKS_/);
  expect(seen).toEqual([]);
}

describe('S6: one framing, or none', () => {
  test.each([
    ['a list of lengths', 'Content-Length: 3, 3'],
    ['a length in hexadecimal', 'Content-Length: 0x3'],
    ['a signed length', 'Content-Length: +3'],
    ['a negative length', 'Content-Length: -1'],
    ['an empty length', 'Content-Length: '],
    ['a length beyond 64 bits', 'Content-Length: 99999999999999999999999'],
    ['a coding in quotes', 'Transfer-Encoding: "chunked"'],
    ['a coding with a parameter', 'Transfer-Encoding: chunked;q=1'],
    ['a coding after a vertical tab', 'Transfer-Encoding: \x0bchunked'],
    ['a coding that is not the last', 'Transfer-Encoding: chunked, identity'],
    ['a coding on a folded line', 'Transfer-Encoding:\r\n chunked'],
    ['identity', 'Transfer-Encoding: identity'],
  ])('%s is refused', async (_, header) => {
    await expectRefused(framed([header], 'abc'));
  });

  test('length and coding together are refused in HTTP/1.0 as well', async () => {
    await expectRefused(framed(['Transfer-Encoding: chunked', 'Content-Length: 3'], '0\r\n\r\n', 'HTTP/1.0'));
  });

  test.each([
    ['a size with a prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a signed size', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a size after a space', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['a size before a space', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a size beyond 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
    ['bare line feeds', '3\nabc\n0\n\n'],
    ['a line feed in an extension', '3;a\nabc\r\n0\r\n\r\n'],
    ['a carriage return in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
    ['a line break in a quoted extension', '3;a="\r\nabc\r\n0\r\n\r\n'],
    ['a chunk longer than its size', '3\r\nabcXX0\r\n\r\n'],
    ['a request in the place of the last line', `0\r\n${HIDDEN}`],
  ])('chunks: %s ends the connection, and no second request begins', async (_, body) => {
    const { answer, seen } = await attempt(framed(['Transfer-Encoding: chunked'], body));
    expect(answer).not.toContain('HTTP/1.1 200');
    // The head was right, so it may have been sent before the body broke off.
    expect(['', 'POST /v1/x']).toContain(seen.join(' '));
  });

  const withBody = METHODS.filter(
    (method) => !['CONNECT', 'TRACE', 'HEAD', 'SOURCE', 'GET'].includes(method),
  );
  test.each(['GET', ...withBody])('%s: a request in the body stays in the body', async (method) => {
    const chunked = `${HIDDEN.length.toString(16)};x=y\r\n${HIDDEN}\r\n0\r\n\r\n`;
    for (const [framing, body] of [
      ['Transfer-Encoding: chunked', chunked],
      [`Content-Length: ${HIDDEN.length}`, HIDDEN],
    ] as const) {
      // One answer of unknown length: the connection's end tells that it is complete.
      const { seen } = await attempt(bytes({ method, headers: [AUTH, 'Connection: close', framing], body }));
      expect(seen).toEqual([`${method} /v1/x`]);
      expect(upstream.seen[0]?.body).toBe(HIDDEN);
      upstream.seen.length = 0;
    }
  });

  test('the length of a refused request swallows what follows it', async () => {
    const refused = bytes({ target: '/openai/v1/organization', headers: [AUTH, 'Content-Length: 5'] });
    const { answer, seen } = await attempt(Buffer.concat([refused, bytes({})]), 2);
    expect(answer).not.toContain('HTTP/1.1 200');
    expect(seen).toEqual([]);
  });
});

describe('S5: trailers carry no credential', () => {
  test('to the sidecar', async () => {
    const body = `0\r\n${AUTH}\r\n\r\n`;
    const headers = ['Transfer-Encoding: chunked', 'Trailer: authorization'];
    await expectRefused(bytes({ method: 'POST', headers, body }));
  });

  test('to the provider', async () => {
    let trailers: string[] | undefined;
    upstream.answer((request, response) => {
      request.resume().on('end', () => {
        trailers ??= request.rawTrailers;
        response.end('ok');
      });
    });
    const body = '3\r\nabc\r\n0\r\nAuthorization: Bearer own\r\nX-Api-Key: own\r\nX-Other: 1\r\n\r\n';
    await sidecar.raw(framed(['Connection: close', 'Transfer-Encoding: chunked'], body));
    expect(trailers).toEqual([]);
    upstream.answer(answerOk);
  });
});

describe('S4: each request of a connection brings its own token', () => {
  test.each([
    ['none', [], 'SEKS_TOKEN_MISSING'],
    ['one of another pod', [`Authorization: Bearer ${FOREIGN_TOKEN}`], 'SEKS_TOKEN_FOREIGN'],
    ['a key of its own', ['Authorization: Bearer sk-own'], 'SEKS_TOKEN_UNKNOWN'],
  ])('pipelined after a good one: %s', async (_, headers, code) => {
    const { answer, seen } = await attempt(
      Buffer.concat([bytes({}), bytes({ target: '/openai/v1/y', headers })]),
      2,
    );
    expect(answer).toContain(`x-seks-error: ${code}`);
    expect(seen).toEqual(['GET /v1/x']);
  });

  test('S16: two credentials in turn on one connection each get their own key', async () => {
    const other = bytes({ target: '/openai/v1/y', headers: [`Authorization: Bearer ${OTHER_TOKEN}`] });
    await attempt(Buffer.concat([bytes({}), other, bytes({}), other]), 4);
    const keys = upstream.seen.slice(0, 4).map(({ headers }) => headers.authorization);
    expect(keys).toEqual([KEY, KEY_OTHER, KEY, KEY_OTHER].map((key) => `Bearer ${key}`));
  });
});

describe('S5: a second credential in disguise', () => {
  test.each([
    ['in other letters', `aUTHORIZATION: Bearer ${TOKEN}`],
    ['empty', 'authorization:'],
    ['empty, in another header', 'x-api-key:'],
    ['with underscores', 'x_api_key: own'],
    ['as an answer’s cookie', 'Set-Cookie: a=b'],
    ['forwarded', 'X-Forwarded-Access-Token: own'],
  ])('%s is refused', async (_, header) => {
    await expectRefused(bytes({ headers: [AUTH, header] }));
  });

  test.each([
    'authentication',
    'auth',
    'x-auth',
    'x-auth-key',
    'x-access-key',
    'private-token',
    'x-vault-token',
    'x-user-token',
  ])('a header %s is refused', async (name) => {
    await expectRefused(bytes({ headers: [AUTH, `${name}: own`] }));
  });

  test.each([
    'KEY',
    'key[]',
    '$key',
    '%24key',
    '+key',
    '%6b%65%79',
    'accessToken',
    'api.key',
    'x&amp;key',
    'a;key',
  ])('a parameter %s is refused', async (name) => {
    await expectRefused(bytes({ target: `/openai/v1/x?${name}=own` }));
  });

  test.each(['key[0]', 'credential', 'user_key', 'subscription-key'])(
    'a parameter %s is refused, too',
    async (name) => {
      await expectRefused(bytes({ target: `/openai/v1/x?${name}=own` }));
    },
  );

  test.each([
    [
      'cut into two headers',
      [`Authorization: Bearer ${TOKEN.slice(0, 20)}`, `Authorization: ${TOKEN.slice(20)}`],
    ],
    ['in a list', [`Authorization: Bearer ${TOKEN}, Bearer own`]],
    ['after a no-break space', [`Authorization: Bearer ${TOKEN}\xa0own`]],
    ['as Basic', [`Authorization: Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}`]],
    ['with another byte', [`Authorization: Bearer ${TOKEN}x`]],
    ['in capitals', [`Authorization: Bearer ${TOKEN.toUpperCase()}`]],
  ])('the token %s is none', async (_, headers) => {
    await expectRefused(bytes({ headers }));
  });
});

describe('S6: the head means one thing', () => {
  test.each([
    ['a NUL', 'X-A: a\0b'],
    ['a vertical tab', 'X-A: a\x0bb'],
    ['DEL', 'X-A: a\x7fb'],
    ['two carriage returns', 'X-A: a\r\r\nX-B: c'],
    ['a name beyond ASCII', 'X-\xe9: a'],
    ['a name with a space', 'X A: a'],
    ['an empty name', ': a'],
    ['no colon', 'abc'],
    ['a second Host, empty', 'Host:'],
    ['Connection: Host', 'Connection: x-nothing , HOST'],
    ['Connection: connection', 'Connection: connection'],
    ['Connection: upgrade alone', 'Connection: upgrade'],
    ['h2c', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__'],
    ['an expectation in a list', 'Expect: 100-continue, x'],
    ['an empty expectation', 'Expect:'],
  ])('%s is refused', async (_, header) => {
    await expectRefused(bytes({ headers: [AUTH, header] }));
  });

  test.each([
    'http://u:p@127.0.0.1/openai/v1/x',
    '@evil.example/v1/x',
    'openai/v1/x',
    '?x',
    '/openai@evil.example/v1/x',
    '/http:/evil.example/v1/x',
    '/%6fpenai/v1/x',
    '/openai',
  ])('the target %s is refused', async (target) => {
    await expectRefused(bytes({ target }));
  });

  test.each([
    '127.0.0.1',
    '[::1]:{}',
    '0.0.0.0:{}',
    '127.1:{}',
    '2130706433:{}',
    'localhost.:{}',
    '127.0.0.1:0{}',
    '127.0.0.1:{}, evil',
  ])('the Host %s is refused', async (host) => {
    await expectRefused(bytes({ host: host.replace('{}', String(sidecar.port)) }));
  });

  test.each(['HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'RTSP/1.0', 'ICE/1.0', 'http/1.1'])(
    'the version %s is refused',
    async (version) => {
      await expectRefused(bytes({ version }));
    },
  );

  test.each([
    'X_HTTP_Method_Override: DELETE',
    'X-HTTP_Method-Override: DELETE',
    'X_Original_URL: /v1/organization',
    'Transfer_Encoding: chunked',
    'Content_Length: 3',
  ])('%s is not forwarded: CGI reads underscores as hyphens', async (header) => {
    await attempt(bytes({ headers: [AUTH, header] }));
    const forwarded = upstream.seen.flatMap(({ headers }) => Object.keys(headers));
    expect(forwarded).not.toContain(header.slice(0, header.indexOf(':')).toLowerCase());
  });

  test.each(['_method=DELETE', 'X-HTTP-Method-Override=DELETE', '%24httpMethod=DELETE'])(
    'a method in the query is refused: %s',
    async (query) => {
      await expectRefused(bytes({ target: `/openai/v1/x?${query}` }));
    },
  );

  test('a header named like a member of every object passes unchanged', async () => {
    await attempt(bytes({ headers: [AUTH, 'Constructor: x', 'HasOwnProperty: y'] }));
    expect(upstream.seen[0]?.headers).toMatchObject({ constructor: 'x', hasownproperty: 'y' });
  });

  test('path and query reach the provider byte for byte', async () => {
    const target = "/v1/%41b%7E~!$&'()*+,=:@-._/x?a?b=//c/../d&&=%2F%2e;e";
    const { seen } = await attempt(bytes({ target: `/openai${target}` }));
    expect(seen).toEqual([`GET ${target}`]);
  });
});

describe('S13: another spelling of a denied path', () => {
  test.each([
    'organization?x',
    'organization/',
    'ORGANIZATION/keys',
    'organizatio%6E/x',
    'organization%2f',
    'organization;x',
    'organization%3bx',
    'organization/.',
    'x/..;/organization',
    'x/%2e%2e/organization',
    'organization%09',
    'organization%00',
    'organization%a0',
    'organization%c0%af',
    'organization%25',
    'organization%u002f',
    'realtime/SESSIONS/',
    'Chatkit/%53essions/x',
  ])('%s is refused', async (path) => {
    await expectRefused(bytes({ target: `/openai/v1/${path}` }));
  });

  test.each([
    ['a full stop at the end, which some servers strip', 'organization./keys'],
    ['a space at the end, which some servers strip', 'organization%20/keys'],
    ['a full-width letter (NFKC)', '%EF%BD%8Frganization/keys'],
    ['a long s (case folding)', 'realtime/%C5%BFessions'],
  ])('%s is refused: %s', async (_, path) => {
    await expectRefused(bytes({ target: `/openai/v1/${path}` }));
  });
});

describe('answers of a hostile provider', () => {
  type Reply = (response: ServerResponse, request: IncomingMessage) => void;

  /** everything that the agent receives */
  async function received(reply: Reply): Promise<string> {
    upstream.answer((request, response) => reply(response, request));
    const answer = await sidecar.raw(
      bytes({ headers: [AUTH, 'Connection: close'] }),
      Number.POSITIVE_INFINITY,
    );
    upstream.answer(answerOk);
    return answer;
  }

  /** an answer written past Node's own checks */
  function writes(text: string): Reply {
    return ({ socket }) => void socket?.end(Buffer.from(text, 'latin1'));
  }

  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';
  test.each([
    ['early hints', `HTTP/1.1 103 Early Hints\r\nlink: <${KEY}>\r\n\r\n${ok}`],
    ['100 Continue', `HTTP/1.1 100 ${KEY}\r\nx: ${KEY}\r\n\r\n${ok}`],
    ['a status below 100', `HTTP/1.1 099 ${KEY}\r\nx: ${KEY}\r\ncontent-length: 2\r\n\r\nok`],
    ['a status above 599', `HTTP/1.1 999 ${KEY}\r\nx: ${KEY}\r\ncontent-length: 2\r\n\r\nok`],
    ['a reason beyond ASCII', `HTTP/1.1 200 \xe9${KEY}\xe9\r\ncontent-length: 2\r\n\r\nok`],
    ['HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\n${KEY}`],
    ['HTTP/0.9', `${KEY}\r\n`],
    ['no HTTP', `${KEY} 200 ${KEY}\r\n\r\n${KEY}`],
    ['a protocol switch', `HTTP/1.1 101 ${KEY}\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n${KEY}`],
    [
      'chunk extensions',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x="${KEY}"\r\nok\r\n0;y="${KEY}"\r\n\r\n`,
    ],
    ['length and coding', `HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n${KEY}`],
    [
      'two encodings',
      `HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-encoding: gzip\r\n\r\n${KEY}`,
    ],
    ['an encoding with a weight', `HTTP/1.1 200 OK\r\ncontent-encoding: gzip;q=1\r\n\r\n${KEY}`],
    [
      'a redirect with a cookie',
      `HTTP/1.1 302 ${KEY}\r\nlocation: https://e/?${KEY}\r\nset-cookie: ${KEY}\r\n\r\n`,
    ],
  ])('S10: %s', async (_, text) => {
    expect(await received(writes(text))).not.toContain(KEY);
  });

  const codes = [...Buffer.from(KEY)].map((byte) => byte.toString(16));
  test.each([
    ['percent-encoded byte by byte', codes.map((hex) => `%${hex}`).join('')],
    ['the same in capitals', codes.map((hex) => `%${hex.toUpperCase()}`).join('')],
    ['percent-encoded in lower case', encodeURIComponent(KEY).replaceAll(/%../g, (hex) => hex.toLowerCase())],
    [
      'escaped as by .NET',
      KEY.replaceAll(/[^\w-]/g, (c) => `\\u00${c.charCodeAt(0).toString(16).toUpperCase()}`),
    ],
    ['escaped as by Go', KEY.replaceAll(/[^\w-]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)],
  ])('S10: the key %s', async (_, form) => {
    expect(await received((response) => response.end(form))).not.toContain(form);
  });

  test.each([
    [
      'in one piece with the first',
      (response: ServerResponse, more: string) => response.socket?.write(ok + more),
    ],
    [
      'later',
      (response: ServerResponse, more: string) =>
        response.socket?.write(ok, () => response.socket?.write(more)),
    ],
    [
      'as the body of HEAD',
      (response: ServerResponse, more: string) =>
        response.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${more.length}\r\n\r\n${more}`),
    ],
  ])('S16: a second answer, %s, is nobody’s', async (how, write) => {
    const poison = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison';
    const method = how.includes('HEAD') ? 'HEAD' : 'GET';
    upstream.answer((_request, response) => void write(response, poison));
    const headers = { authorization: `Bearer ${TOKEN}` };
    // Whether the first answer arrives or breaks off is the sidecar's choice.
    await Promise.allSettled([fetch(`${sidecar.base}/openai/v1/x`, { method, headers })]);
    upstream.answer(answerOk);
    for (let i = 0; i < 5; i += 1) {
      const next = await fetch(`${sidecar.base}/openai/v1/y`, {
        headers: { authorization: `Bearer ${OTHER_TOKEN}` },
      });
      expect(await next.text()).toBe('{"ok":true}');
    }
  });
});

test('S12: what is running when the lease ends is broken off', async () => {
  const provider = upstream.provider('openai');
  const leaseMs = 300;
  const expiring = await startSidecar({
    credentials: [{ provider, token: TOKEN, key: KEY }],
    addresses: { [upstream.host]: ['127.0.0.1'] },
    expiresAtMs: performance.now() + leaseMs,
  });
  // A stream without end: only the sidecar can bring about the end of it.
  const opened = new Promise<ServerResponse>((resolve) => {
    upstream.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: first\n\n');
      resolve(response);
    });
  });
  try {
    const answer = await fetch(`${expiring.base}/openai/v1/x`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(answer.status).toBe(200);
    const ended = once(await opened, 'close').then(() => 'ended');
    const limit = AbortSignal.timeout(leaseMs + 2_000);
    const running = once(limit, 'abort').then(() => 'still running');
    expect(await Promise.race([ended, running])).toBe('ended');
  } finally {
    upstream.answer(answerOk);
    await expiring.close();
  }
});

function answerOk(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end('{"ok":true}');
  });
}
