// What a hostile agent does with the end of a request and the beginning of the next.
import { METHODS } from 'node:http';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { fakeToken } from '../testing/test-sidecar.ts';
import { AUTH, KEY, OTHER_KEY, OTHER_TOKEN, type RedTeamRig, startRedTeam } from './testing/red-team-rig.ts';

const FOREIGN_TOKEN = fakeToken('sk-proj-{token}');
/** a second request, for the next server to find in the first one's body */
const HIDDEN = `GET /v1/organization/admin_api_keys HTTP/1.1\r\nHost: api.provider.example\r\n\r\n`;

let rig: RedTeamRig;

beforeAll(async () => {
  rig = await startRedTeam();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

/** a POST whose framing is under attack */
function framed(headers: readonly string[], body = '', version = 'HTTP/1.1'): Buffer {
  return rig.bytes({ method: 'POST', version, headers: [AUTH, ...headers], body });
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
    await rig.expectRefused(framed([header], 'abc'));
  });

  test('length and coding together are refused in HTTP/1.0 as well', async () => {
    await rig.expectRefused(
      framed(['Transfer-Encoding: chunked', 'Content-Length: 3'], '0\r\n\r\n', 'HTTP/1.0'),
    );
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
    const { answer, seen } = await rig.attempt(framed(['Transfer-Encoding: chunked'], body));
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
      const { seen } = await rig.attempt(
        rig.bytes({ method, headers: [AUTH, 'Connection: close', framing], body }),
      );
      expect(seen).toEqual([`${method} /v1/x`]);
      expect(rig.upstream.seen[0]?.body).toBe(HIDDEN);
      rig.upstream.seen.length = 0;
    }
  });

  test('the length of a refused request swallows what follows it', async () => {
    const refused = rig.bytes({ target: '/openai/v1/organization', headers: [AUTH, 'Content-Length: 5'] });
    const { answer, seen } = await rig.attempt(Buffer.concat([refused, rig.bytes({})]), 2);
    expect(answer).not.toContain('HTTP/1.1 200');
    expect(seen).toEqual([]);
  });
});

describe('S5: trailers carry no credential', () => {
  test('to the sidecar', async () => {
    const body = `0\r\n${AUTH}\r\n\r\n`;
    const headers = ['Transfer-Encoding: chunked', 'Trailer: authorization'];
    await rig.expectRefused(rig.bytes({ method: 'POST', headers, body }));
  });

  test('to the provider', async () => {
    let trailers: string[] | undefined;
    rig.upstream.answer((request, response) => {
      request.resume().on('end', () => {
        trailers ??= request.rawTrailers;
        response.end('ok');
      });
    });
    const body = '3\r\nabc\r\n0\r\nAuthorization: Bearer own\r\nX-Api-Key: own\r\nX-Other: 1\r\n\r\n';
    await rig.sidecar.raw(framed(['Connection: close', 'Transfer-Encoding: chunked'], body));
    expect(trailers).toEqual([]);
  });
});

describe('S4: each request of a connection brings its own token', () => {
  test.each([
    ['none', [], 'SEKS_TOKEN_MISSING'],
    ['one of another pod', [`Authorization: Bearer ${FOREIGN_TOKEN}`], 'SEKS_TOKEN_FOREIGN'],
    ['a key of its own', ['Authorization: Bearer sk-own'], 'SEKS_TOKEN_UNKNOWN'],
  ])('pipelined after a good one: %s', async (_, headers, code) => {
    const { answer, seen } = await rig.attempt(
      Buffer.concat([rig.bytes({}), rig.bytes({ target: '/openai/v1/y', headers })]),
      2,
    );
    expect(answer).toContain(`x-seks-error: ${code}`);
    expect(seen).toEqual(['GET /v1/x']);
  });

  test('S16: two credentials in turn on one connection each get their own key', async () => {
    const other = rig.bytes({ target: '/openai/v1/y', headers: [`Authorization: Bearer ${OTHER_TOKEN}`] });
    await rig.attempt(Buffer.concat([rig.bytes({}), other, rig.bytes({}), other]), 4);
    const keys = rig.upstream.seen.slice(0, 4).map(({ headers }) => headers.authorization);
    expect(keys).toEqual([KEY, OTHER_KEY, KEY, OTHER_KEY].map((key) => `Bearer ${key}`));
  });
});
