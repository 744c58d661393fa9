import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { createBackoff } from './backoff.ts';
import { createSingleflight } from './singleflight.ts';

describe('backoff', () => {
  test('grows from the shortest to the longest wait and starts again after a reset', () => {
    const backoff = createBackoff({ minMs: 500, maxMs: 30_000 }, () => 0.999_999);
    const waits = Array.from({ length: 6 }, () => Math.round(backoff.next()));
    expect(waits).toEqual([1500, 4500, 13_500, 30_000, 30_000, 30_000]);
    backoff.reset();
    expect(Math.round(backoff.next())).toBe(1500);
  });

  test('stays within its limits whatever chance does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 20 }),
        (numbers) => {
          let at = 0;
          const backoff = createBackoff(
            { minMs: 500, maxMs: 30_000 },
            () => numbers[at++ % numbers.length] ?? 0,
          );
          for (const _ of numbers) {
            const waitMs = backoff.next();
            expect(waitMs).toBeGreaterThanOrEqual(500);
            expect(waitMs).toBeLessThanOrEqual(30_000);
          }
        },
      ),
    );
  });

  test('waits as long as the server asks, within reason', () => {
    const backoff = createBackoff({ minMs: 500, maxMs: 30_000 }, () => 0);
    expect(backoff.next(7_000)).toBe(7_000);
    expect(backoff.next(1)).toBe(500);
    expect(backoff.next(86_400_000)).toBe(120_000);
  });
});

describe('singleflight', () => {
  test('does the same work once at a time, and again later', async () => {
    const once = createSingleflight<number>();
    let calls = 0;
    const work = async (): Promise<number> => (calls += 1);
    expect(await Promise.all([once('a', work), once('a', work), once('b', work)])).toEqual([1, 1, 2]);
    expect(await once('a', work)).toBe(3);
  });

  test('a failure reaches all who waited, and nobody after them', async () => {
    const once = createSingleflight<number>();
    const failing = async (): Promise<number> => await Promise.reject(new Error('broken'));
    const both = await Promise.allSettled([once('a', failing), once('a', failing)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await once('a', async () => 1)).toBe(1);
  });
});
