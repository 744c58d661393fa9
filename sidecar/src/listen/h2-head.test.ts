// Heads of HTTP/2 as heads of HTTP/1.1.
import { describe, expect, test } from '@jest/globals';

import { innerHead, streamFields } from './h2-head.ts';

const BASE = [':method', 'POST', ':scheme', 'http', ':path', '/x', ':authority', 'localhost:1'];

describe('a request', () => {
  test('keeps its headers, in order and with duplicates', () => {
    const head = innerHead([...BASE, 'x-a', '1', 'content-length', '3', 'x-a', '2'], 'http', true);
    expect(head).toEqual({
      method: 'POST',
      path: '/x',
      headers: ['x-a', '1', 'content-length', '3', 'x-a', '2', 'host', 'localhost:1', 'connection', 'close'],
    });
  });

  test.each([
    ['POST', true, ['transfer-encoding', 'chunked']],
    ['DELETE', true, ['transfer-encoding', 'chunked']],
    ['POST', false, ['content-length', '0']],
    ['GET', false, []],
  ])('%s with body %s is framed', (method, hasBody, framing) => {
    const { headers } = innerHead([':method', method, ...BASE.slice(2)], 'http', hasBody);
    expect(headers.slice(0, 2)).toEqual(['host', 'localhost:1']);
    expect(headers.slice(2)).toEqual(expect.arrayContaining([...framing, 'connection', 'close']));
    expect(headers).toHaveLength(4 + framing.length);
  });

  test('leaves Host to the screening where there is no :authority', () => {
    const raw = [...BASE.slice(0, 6), 'host', 'a', 'host', 'b'];
    expect(innerHead(raw, 'http', false).headers.slice(0, 4)).toEqual(['host', 'a', 'host', 'b']);
    expect(
      innerHead([...BASE, 'host', 'localhost:1'], 'http', true).headers.filter((name) => name === 'host'),
    ).toHaveLength(1);
  });

  const without = (name: string) => BASE.filter((_, i) => BASE[i - (i % 2)] !== name);
  test.each([
    ['no :method', without(':method')],
    ['no :path', without(':path')],
    ['no :scheme', without(':scheme')],
    ['scheme https', [...without(':scheme'), ':scheme', 'https']],
    ['a method in lower case', [':method', 'post', ...BASE.slice(2)]],
    [':path twice', [...BASE, ':path', '/y']],
    ['an unknown pseudo-header', [...BASE, ':status', '200']],
    ['a pseudo-header after others', [...BASE.slice(0, 6), 'x-a', '1', ':authority', 'a']],
    ['a pseudo-header after Host', [...BASE.slice(0, 6), 'host', 'a', ':authority', 'a']],
    ['upper case in a name', [...BASE, 'X-A', '1']],
    ['another Host', [...BASE, 'host', 'evil.example']],
    ['another Host in capitals', [...BASE, 'host', 'LOCALHOST:1']],
    ['te: gzip', [...BASE, 'te', 'gzip']],
    ['a value beyond ASCII', [...BASE, 'x-a', 'é']],
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'].map(
      (name): [string, string[]] => [name, [...BASE, name, 'x']],
    ),
  ])('S6: with %s is refused', (_, raw) => {
    expect(() => innerHead(raw, 'http', true)).toThrow(
      expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }),
    );
  });

  test('S6: CONNECT is refused, extended (RFC 8441) or not', () => {
    const plain = [':method', 'CONNECT', ':authority', 'a:443'];
    for (const raw of [plain, [':method', 'CONNECT', ...BASE.slice(2)]]) {
      expect(() => innerHead(raw, 'http', true)).toThrow(
        expect.objectContaining({ code: 'SEKS_METHOD_REFUSED' }),
      );
    }
    const extended = [':method', 'CONNECT', ':protocol', 'websocket', ...BASE.slice(2)];
    expect(() => innerHead(extended, 'http', true)).toThrow(
      expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }),
    );
  });
});

test('an answer loses what HTTP/2 has no place for, and keeps the rest', () => {
  const dropped = ['Connection', 'close', 'Transfer-Encoding', 'chunked', 'Keep-Alive', 'x'];
  const cookies = ['Set-Cookie', 'a', 'set-cookie', 'b', 'Set-Cookie', 'c'];
  const fields = streamFields(['Content-Type', 'a/b', ...dropped, ...cookies, 'constructor', 'd']);
  expect({ ...fields }).toEqual({ 'content-type': 'a/b', 'set-cookie': ['a', 'b', 'c'], constructor: 'd' });
});
