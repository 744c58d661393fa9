import { describe, expect, test } from '@jest/globals';

import { passableHeaders } from './answer-headers.ts';

describe('passableHeaders', () => {
  test('keeps spelling, order and repetition', () => {
    const raw = [
      'Content-Type',
      'a',
      'X-A',
      '1',
      'x-a',
      '2',
      'Content-Length',
      '5',
      'Content-Encoding',
      'identity',
    ];
    expect(passableHeaders(raw)).toEqual(raw);
  });

  test.each([
    'Connection',
    'Keep-Alive',
    'Transfer-Encoding',
    'Set-Cookie',
    'Alt-Svc',
    'Trailer',
    'Upgrade',
    'X-Seks-Error',
    'Proxy-Authenticate',
  ])('drops %s', (name) => {
    expect(passableHeaders(['A', '1', name, 'x', 'B', '2'])).toEqual(['A', '1', 'B', '2']);
  });

  test('drops what Connection nominates, but never the length', () => {
    const raw = [
      'Connection',
      'X-Hop, content-length',
      'x-hop',
      '1',
      'Content-Length',
      '3',
      'CONNECTION',
      'x-two',
      'X-Two',
      '2',
    ];
    expect(passableHeaders(raw)).toEqual(['Content-Length', '3']);
  });
});
