import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { RateWindow } from './rate-window.ts';

const MINUTE_MS = 60_000;

/** gaps between calls, in `ms`: bursts, seconds, and pauses longer than the window */
const gap = fc.oneof(fc.constant(0), fc.nat(50), fc.nat(3_000), fc.nat(200_000));
const startMs = fc.nat(10_000_000);

describe('RateWindow', () => {
  test('counts each event for a minute at least and 61 seconds at most', () => {
    fc.assert(
      fc.property(startMs, fc.array(gap, { maxLength: 100 }), (from, gaps) => {
        const rate = new RateWindow();
        const events: number[] = [];
        let nowMs = from;
        for (const gapMs of gaps) {
          nowMs += gapMs;
          const younger = (ms: number): number => events.filter((at) => nowMs - at < ms).length;
          expect(rate.count(nowMs)).toBeGreaterThanOrEqual(younger(MINUTE_MS));
          expect(rate.count(nowMs)).toBeLessThanOrEqual(younger(MINUTE_MS + 1_000));
          rate.add(nowMs);
          events.push(nowMs);
        }
      }),
    );
  });

  test('is what a list of whole seconds would be', () => {
    fc.assert(
      fc.property(startMs, fc.array(gap, { maxLength: 100 }), (from, gaps) => {
        const rate = new RateWindow();
        const seconds: number[] = [];
        let nowMs = from;
        for (const gapMs of gaps) {
          nowMs += gapMs;
          const second = Math.floor(nowMs / 1_000);
          expect(rate.count(nowMs)).toBe(seconds.filter((at) => second - at <= 60).length);
          rate.add(nowMs);
          seconds.push(second);
        }
      }),
    );
  });

  test('never lets more than the limit pass in any minute', () => {
    fc.assert(
      fc.property(
        startMs,
        fc.integer({ min: 1, max: 20 }),
        fc.array(gap, { maxLength: 200 }),
        (from, limit, gaps) => {
          const rate = new RateWindow();
          const passed: number[] = [];
          let nowMs = from;
          for (const gapMs of gaps) {
            nowMs += gapMs;
            if (rate.waitMs(limit, nowMs) > 0) continue;
            rate.add(nowMs);
            passed.push(nowMs);
            expect(passed.filter((at) => nowMs - at < MINUTE_MS).length).toBeLessThanOrEqual(limit);
          }
        },
      ),
    );
  });

  test('says to the millisecond when the next one may come', () => {
    fc.assert(
      fc.property(
        startMs,
        fc.integer({ min: 1, max: 20 }),
        fc.array(gap, { maxLength: 100 }),
        (from, limit, gaps) => {
          const rate = new RateWindow();
          let nowMs = from;
          for (const gapMs of gaps) {
            nowMs += gapMs;
            rate.add(nowMs);
          }
          const waitMs = rate.waitMs(limit, nowMs);
          expect(waitMs > 0).toBe(rate.count(nowMs) >= limit);
          if (waitMs === 0) return;
          expect(rate.count(nowMs + waitMs - 1)).toBeGreaterThanOrEqual(limit);
          expect(rate.count(nowMs + waitMs)).toBeLessThan(limit);
        },
      ),
    );
  });

  test('the border of a second does not let twice the limit pass', () => {
    const rate = new RateWindow();
    for (let i = 0; i < 10; i += 1) rate.add(999);
    expect(rate.waitMs(10, 60_000)).toBe(1_000);
    expect(rate.waitMs(10, 61_000)).toBe(0);
  });

  test('a lower limit of a later lease counts what has passed already', () => {
    const rate = new RateWindow();
    for (const at of [0, 1_000, 2_000, 3_000]) rate.add(at);
    expect([rate.waitMs(5, 3_000), rate.waitMs(4, 3_000), rate.waitMs(1, 3_000)]).toEqual([
      0, 58_000, 61_000,
    ]);
  });
});
