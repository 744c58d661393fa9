import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { errorAnswer, rawErrorAnswer } from './error-answer.ts';

function headersOf(error: SeksError): Record<string, string> {
  return errorAnswer(error, 'r-1').headers;
}

describe('errorAnswer', () => {
  test.each([
    [0, '0'],
    [1, '1'],
    [999, '1'],
    [1_000, '1'],
    [1_001, '2'],
    [59_001, '60'],
    [60_000, '60'],
  ])('a wait of %d ms is told as %s s, and the SDK may wait', (retryAfterMs, seconds) => {
    const headers = headersOf(new SeksError('SEKS_LIMIT_REQUESTS', undefined, { retryAfterMs }));
    expect(headers['retry-after']).toBe(seconds);
    expect(headers).not.toHaveProperty('x-should-retry');
  });

  test.each([60_001, 86_400_000])('nobody is to try again after %d ms', (retryAfterMs) => {
    const headers = headersOf(new SeksError('SEKS_LIMIT_TOKENS', undefined, { retryAfterMs }));
    expect(headers['retry-after']).toBe(String(Math.ceil(retryAfterMs / 1_000)));
    expect(headers['x-should-retry']).toBe('false');
  });

  test('where the wait is not known it is two seconds', () => {
    expect(headersOf(new SeksError('SEKS_LEASE_EXPIRED'))['retry-after']).toBe('2');
  });

  test('what is refused for good has no wait', () => {
    const headers = headersOf(new SeksError('SEKS_ROUTE_DENIED'));
    expect(headers).not.toHaveProperty('retry-after');
    expect(headers).toMatchObject({
      'x-should-retry': 'false',
      'x-seks-error': 'SEKS_ROUTE_DENIED',
      'x-seks-request-id': 'r-1',
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
  });

  test('a refused method says which there are', () => {
    expect(headersOf(new SeksError('SEKS_METHOD_REFUSED'))['allow']).toContain('GET, HEAD, POST');
  });

  test('the body is what SDKs read, and as long as it says', () => {
    const { headers, body } = errorAnswer(new SeksError('SEKS_ROUTE_DENIED', 'D\u00fc.'), 'r-1');
    expect(JSON.parse(body)).toMatchObject({ type: 'error', error: { code: 'SEKS_ROUTE_DENIED' } });
    expect(headers['content-length']).toBe(String(Buffer.byteLength(body)));
  });

  test('as bytes it is one answer that ends the connection', () => {
    const raw = rawErrorAnswer(new SeksError('SEKS_REQUEST_MALFORMED'), 'r-1');
    const [head = '', body = ''] = raw.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toMatch(/\r\nconnection: close$/);
    expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
  });
});
