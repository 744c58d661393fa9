// The opening handshake of the agent, by the letter of RFC 6455 §4.2.1.
import { expect, test } from '@jest/globals';

import { checkHandshake, upgradeHeaders } from './upgrade-headers.ts';

const GOOD: [string, string][] = [
  ['Host', '127.0.0.1:15080'],
  ['Upgrade', 'WebSocket'],
  ['Connection', 'keep-alive, Upgrade'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];

function check(headers: [string, string][], method = 'GET', httpVersion = '1.1'): void {
  checkHandshake({ method, httpVersion, rawHeaders: headers.flat() });
}

function changed(name: string, ...values: string[]): [string, string][] {
  return [
    ...GOOD.filter(([other]) => other !== name),
    ...values.map((value): [string, string] => [name, value]),
  ];
}

test('a good one passes', () => {
  expect(() => check(GOOD)).not.toThrow();
  expect(() => check([...GOOD, ['Content-Length', '0']])).not.toThrow();
});

test.each<[string, () => void, RegExp]>([
  ['another method', () => check(GOOD, 'POST'), /GET request/],
  ['HTTP/1.0', () => check(GOOD, 'GET', '1.0'), /HTTP\/1\.1/],
  ['no Upgrade', () => check(changed('Upgrade')), /Upgrade header/],
  ['another Upgrade', () => check(changed('Upgrade', 'h2c')), /Upgrade header/],
  ['two in one Upgrade', () => check(changed('Upgrade', 'websocket, h2c')), /Upgrade header/],
  ['two Upgrades', () => check(changed('Upgrade', 'websocket', 'websocket')), /Upgrade header/],
  ['no Connection', () => check(changed('Connection')), /Connection header/],
  [
    'a Connection that does not name it',
    () => check(changed('Connection', 'keep-alive')),
    /Connection header/,
  ],
  ['an old version', () => check(changed('Sec-WebSocket-Version', '8')), /Version is not 13/],
  ['two versions', () => check(changed('Sec-WebSocket-Version', '13', '8')), /Version is not 13/],
  ['no key', () => check(changed('Sec-WebSocket-Key')), /Key is not 16 bytes/],
  [
    '15 bytes of key',
    () => check(changed('Sec-WebSocket-Key', Buffer.alloc(15).toString('base64'))),
    /16 bytes/,
  ],
  [
    '17 bytes of key',
    () => check(changed('Sec-WebSocket-Key', Buffer.alloc(17).toString('base64'))),
    /16 bytes/,
  ],
  ['bits behind the key', () => check(changed('Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAB==')), /16 bytes/],
  ['two keys', () => check([...GOOD, ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==']]), /16 bytes/],
  ['a body', () => check([...GOOD, ['Content-Length', '5']]), /no body/],
  ['a chunked body', () => check([...GOOD, ['Transfer-Encoding', 'chunked']]), /no body/],
])('%s is refused', (_, act, detail) => {
  expect(act).toThrow(detail);
  expect(act).toThrow(expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }));
});

test('what belongs to one connection stays here, the rest goes on', () => {
  const headers = upgradeHeaders({
    'sec-websocket-key': 'k',
    'sec-websocket-version': '13',
    'sec-websocket-extensions': 'permessage-deflate',
    'sec-websocket-accept': 'a',
    'sec-websocket-protocol': 'realtime, openai-insecure-api-key.fake',
    'content-length': '0',
    origin: 'https://app.example',
    'openai-beta': ['a', 'b'],
  });
  expect({ ...headers }).toEqual({
    origin: 'https://app.example',
    'openai-beta': ['a', 'b'],
    'accept-encoding': 'identity',
  });
});
