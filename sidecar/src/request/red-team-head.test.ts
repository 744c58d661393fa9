// What a hostile agent writes into the head of a request.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { AUTH, type RedTeamRig, startRedTeam, TOKEN } from './testing/red-team-rig.ts';

let rig: RedTeamRig;

beforeAll(async () => {
  rig = await startRedTeam();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

describe('S5: a second credential in disguise', () => {
  test.each([
    ['in other letters', `aUTHORIZATION: Bearer ${TOKEN}`],
    ['empty', 'authorization:'],
    ['empty, in another header', 'x-api-key:'],
    ['with underscores', 'x_api_key: own'],
    ['as an answer’s cookie', 'Set-Cookie: a=b'],
    ['forwarded', 'X-Forwarded-Access-Token: own'],
  ])('%s is refused', async (_, header) => {
    await rig.expectRefused(rig.bytes({ headers: [AUTH, header] }));
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
    await rig.expectRefused(rig.bytes({ headers: [AUTH, `${name}: own`] }));
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
    await rig.expectRefused(rig.bytes({ target: `/openai/v1/x?${name}=own` }));
  });

  test.each(['key[0]', 'credential', 'user_key', 'subscription-key'])(
    'a parameter %s is refused, too',
    async (name) => {
      await rig.expectRefused(rig.bytes({ target: `/openai/v1/x?${name}=own` }));
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
    await rig.expectRefused(rig.bytes({ headers }));
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
    await rig.expectRefused(rig.bytes({ headers: [AUTH, header] }));
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
    await rig.expectRefused(rig.bytes({ target }));
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
    await rig.expectRefused(rig.bytes({ host: host.replace('{}', String(rig.sidecar.port)) }));
  });

  test.each(['HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'RTSP/1.0', 'ICE/1.0', 'http/1.1'])(
    'the version %s is refused',
    async (version) => {
      await rig.expectRefused(rig.bytes({ version }));
    },
  );

  test.each([
    'X_HTTP_Method_Override: DELETE',
    'X-HTTP_Method-Override: DELETE',
    'X_Original_URL: /v1/organization',
    'Transfer_Encoding: chunked',
    'Content_Length: 3',
  ])('%s is not forwarded: CGI reads underscores as hyphens', async (header) => {
    await rig.attempt(rig.bytes({ headers: [AUTH, header] }));
    const forwarded = rig.upstream.seen.flatMap(({ headers }) => Object.keys(headers));
    expect(forwarded).not.toContain(header.slice(0, header.indexOf(':')).toLowerCase());
  });

  test.each(['_method=DELETE', 'X-HTTP-Method-Override=DELETE', '%24httpMethod=DELETE'])(
    'a method in the query is refused: %s',
    async (query) => {
      await rig.expectRefused(rig.bytes({ target: `/openai/v1/x?${query}` }));
    },
  );

  test('a header named like a member of every object passes unchanged', async () => {
    await rig.attempt(rig.bytes({ headers: [AUTH, 'Constructor: x', 'HasOwnProperty: y'] }));
    expect(rig.upstream.seen[0]?.headers).toMatchObject({ constructor: 'x', hasownproperty: 'y' });
  });

  test('path and query reach the provider byte for byte', async () => {
    const target = "/v1/%41b%7E~!$&'()*+,=:@-._/x?a?b=//c/../d&&=%2F%2e;e";
    const { seen } = await rig.attempt(rig.bytes({ target: `/openai${target}` }));
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
    await rig.expectRefused(rig.bytes({ target: `/openai/v1/${path}` }));
  });

  test.each([
    ['a full stop at the end, which some servers strip', 'organization./keys'],
    ['a space at the end, which some servers strip', 'organization%20/keys'],
    ['a full-width letter (NFKC)', '%EF%BD%8Frganization/keys'],
    ['a long s (case folding)', 'realtime/%C5%BFessions'],
  ])('%s is refused: %s', async (_, path) => {
    await rig.expectRefused(rig.bytes({ target: `/openai/v1/${path}` }));
  });
});
