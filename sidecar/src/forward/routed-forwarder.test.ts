import type { IncomingMessage, ServerResponse } from 'node:http';

import { describe, expect, test } from '@jest/globals';

import type { Forwarder, Forwarding } from './forwarder.ts';
import { framedHeaders, pendingBodyBytes } from './request-body.ts';
import { createRoutedForwarder, MAX_EXCHANGE_BODY_BYTES } from './routed-forwarder.ts';

function forwarding(over: Partial<Forwarding>, ...rawHeaders: string[]): Forwarding {
  return {
    request: { rawHeaders } as IncomingMessage,
    response: {} as ServerResponse,
    url: '/',
    headers: {},
    answered: () => {},
    failed: () => {},
    ...over,
  };
}

function routeOf(request: Forwarding): string {
  const served: string[] = [];
  const forwarded = { destroy() {} };
  const forwarderNamed = (name: string): Forwarder => ({
    forward() {
      served.push(name);
      return forwarded;
    },
  });
  const routed = createRoutedForwarder({
    exchanges: forwarderNamed('exchange'),
    uploads: forwarderNamed('upload'),
  });
  expect(routed.forward(request)).toBe(forwarded);
  return served.join();
}

const CHUNKED = ['Host', 'x', 'Transfer-ENCODING', 'chunked'];

describe('createRoutedForwarder', () => {
  test.each([
    ['without a body', forwarding({}, 'Host', 'x'), 'exchange'],
    [
      'with a short body',
      forwarding({ headers: { 'content-length': String(MAX_EXCHANGE_BODY_BYTES) } }),
      'exchange',
    ],
    [
      'with a long body',
      forwarding({ headers: { 'content-length': String(MAX_EXCHANGE_BODY_BYTES + 1) } }),
      'upload',
    ],
    ['with a body of unknown length', forwarding({}, ...CHUNKED), 'upload'],
    ['whose body was read before', forwarding({ body: Buffer.alloc(1_000_000) }, ...CHUNKED), 'exchange'],
  ])('a request %s', (_, request, expected) => {
    expect(routeOf(request)).toBe(expected);
  });
});

describe('pendingBodyBytes', () => {
  test('is the length, or unknown, or nothing', () => {
    expect(pendingBodyBytes(forwarding({ headers: { 'content-length': '12' } }))).toBe(12);
    expect(pendingBodyBytes(forwarding({}, ...CHUNKED))).toBeUndefined();
    expect(pendingBodyBytes(forwarding({}, 'X-Transfer-Encodin', 'chunked'))).toBe(0);
  });
});

describe('framedHeaders', () => {
  test('leaves one framing, that of the bytes', () => {
    const headers = { 'transfer-encoding': 'chunked', 'content-length': '9', a: '1' };
    expect(framedHeaders(headers, Buffer.from('abc'))).toEqual({ 'content-length': '3', a: '1' });
  });
});
