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

function check(headers: [string, string][], method = 'GET'): void {
  checkHandshake({ method, rawHeaders: headers.flat() });
}

function changed(name: string, ...values: string[]): [string, string][] {
  return [
    ...GOOD.filter(([other]) => other !== name),
    ...values.map((value): [string, string] => [name, value]),
  ];
}

test('a good one passes', () => {
  expect(() => check(GOOD)).not.toThrow();
});

test.each<[string, () => void, RegExp]>([
  ['another method', () => check(GOOD, 'POST'), /GET request/],
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
])('%s is refused', (_, act, detail) => {
  expect(act).toThrow(detail);
  expect(act).toThrow(expect.objectContaining({ code: 'SEKS_REQUEST_MALFORMED' }));
});

test('a refusal by the provider is asked for in plain text', () => {
  const headers = upgradeHeaders({ origin: 'https://app.example', 'accept-encoding': 'br', a: ['b', 'c'] });
  expect({ ...headers }).toEqual({
    origin: 'https://app.example',
    'accept-encoding': 'identity',
    a: ['b', 'c'],
  });
});
