import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { createKeyBreaker, type KeyBreaker } from './key-breaker.ts';

/** time that the breaker asks to wait, in `ms`; 0: it lets the request through */
function waitMs(breaker: KeyBreaker, nowMs: number): number {
  try {
    breaker.check(nowMs);
    return 0;
  } catch (cause) {
    if (!(cause instanceof SeksError) || cause.code !== 'SEKS_UPSTREAM_BREAKER_OPEN') throw cause;
    return cause.retryAfterMs ?? Number.NaN;
  }
}

function refuse(breaker: KeyBreaker, times: number, nowMs = 0): void {
  for (let i = 0; i < times; i += 1) breaker.answered(401, nowMs);
}

describe('createKeyBreaker', () => {
  test('opens at the fifth refusal in a row', () => {
    const breaker = createKeyBreaker();
    refuse(breaker, 4);
    expect(waitMs(breaker, 0)).toBe(0);
    refuse(breaker, 1, 10);
    expect(waitMs(breaker, 10)).toBe(30_000);
    expect(waitMs(breaker, 30_009)).toBe(1);
  });

  test('lets one through to try, and doubles the pause up to a quarter of an hour', () => {
    const breaker = createKeyBreaker();
    refuse(breaker, 5);
    let nowMs = 0;
    const pauses: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      const pauseMs = waitMs(breaker, nowMs);
      pauses.push(pauseMs / 1_000);
      expect(waitMs(breaker, nowMs + pauseMs - 1)).toBe(1);
      nowMs += pauseMs;
      expect(waitMs(breaker, nowMs)).toBe(0);
      expect(waitMs(breaker, nowMs)).toBe(pauseMs);
      refuse(breaker, 1, nowMs);
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 900, 900]);
  });

  test('requests that were on their way when it opened do not make the pause longer', () => {
    const breaker = createKeyBreaker();
    refuse(breaker, 50);
    expect(waitMs(breaker, 0)).toBe(30_000);
    refuse(breaker, 50, 20_000);
    expect(waitMs(breaker, 20_000)).toBe(10_000);
  });

  test('a try that gets no answer is followed by another after the pause', () => {
    const breaker = createKeyBreaker();
    refuse(breaker, 5);
    expect([waitMs(breaker, 30_000), waitMs(breaker, 59_999), waitMs(breaker, 60_000)]).toEqual([0, 1, 0]);
  });

  test.each([200, 101, 302, 400, 403, 404])('a key that is taken (%d) closes it', (status) => {
    const breaker = createKeyBreaker();
    refuse(breaker, 5);
    expect(waitMs(breaker, 30_000)).toBe(0);
    breaker.answered(status, 30_100);
    expect(waitMs(breaker, 30_100)).toBe(0);
    refuse(breaker, 4, 30_200);
    expect(waitMs(breaker, 30_200)).toBe(0);
    refuse(breaker, 1, 30_300);
    expect(waitMs(breaker, 30_300)).toBe(30_000);
  });

  test.each([429, 500, 502, 503, 529])('%d says nothing of the key', (status) => {
    const breaker = createKeyBreaker();
    for (let i = 0; i < 4; i += 1) {
      breaker.answered(401, 0);
      breaker.answered(status, 0);
    }
    expect(waitMs(breaker, 0)).toBe(0);
    breaker.answered(401, 0);
    breaker.answered(status, 0);
    expect(waitMs(breaker, 0)).toBe(30_000);
  });
});
