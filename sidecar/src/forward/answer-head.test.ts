import type { IncomingMessage } from 'node:http';

import { describe, expect, test } from '@jest/globals';

import { passableHeaders, readAnswerHead } from './answer-head.ts';

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

function read(statusCode: number, ...rawHeaders: string[]) {
  return readAnswerHead({ statusCode, statusMessage: 'Fine', rawHeaders } as IncomingMessage);
}

describe('readAnswerHead', () => {
  test('tells what counts', () => {
    expect(read(200, 'Content-Type', 'application/json', 'CONTENT-LENGTH', '5', 'Set-Cookie', 'a=b')).toEqual(
      {
        status: 200,
        statusText: 'Fine',
        headers: ['Content-Type', 'application/json', 'CONTENT-LENGTH', '5'],
        contentType: 'application/json',
        hasLength: true,
        coding: '',
      },
    );
    expect(read(200, 'Transfer-Encoding', 'chunked')).toMatchObject({
      hasLength: false,
      coding: '',
      headers: [],
    });
  });

  test.each([
    ['Content-Encoding', 'gzip'],
    ['content-encoding', 'identity, br'],
    ['Transfer-Encoding', 'gzip, chunked'],
  ])('S10: sees that a body is coded by %s: %s', (name, value) => {
    expect(read(200, name, value).coding).toBe(value);
    expect(read(200, name, value, name, 'identity').coding).not.toBe('');
  });

  test.each([
    ['Content-Encoding', ''],
    ['Content-Encoding', 'Identity'],
    ['Transfer-Encoding', 'Chunked'],
  ])('sees that a body is not coded by %s: %s', (name, value) => {
    expect(read(200, name, value).coding).toBe('');
  });

  test('S7: refuses what is no final status', () => {
    for (const status of [0, 99, 101, 199]) expect(() => read(status)).toThrow('no final status');
  });
});
