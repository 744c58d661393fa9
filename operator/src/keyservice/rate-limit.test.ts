import { expect, test } from '@jest/globals';

import { createRateLimit } from './rate-limit.ts';

test('lets a burst through, then one at a time, each key for itself', () => {
  let nowMs = 0;
  const limit = createRateLimit({ burst: 3, refillMs: 1000 }, () => nowMs);
  const take = (key: string): boolean => limit.take(key).ok;
  expect([take('a'), take('a'), take('a'), take('a')]).toEqual([true, true, true, false]);
  expect(take('b')).toBe(true);
  nowMs = 999;
  expect(take('a')).toBe(false);
  nowMs = 1000;
  expect([take('a'), take('a')]).toEqual([true, false]);
  nowMs = 1_000_000;
  expect([take('a'), take('a'), take('a'), take('a')]).toEqual([true, true, true, false]);
});

test('says when to come back, and that is true', () => {
  let nowMs = 0;
  const limit = createRateLimit({ burst: 1, refillMs: 2000 }, () => nowMs);
  limit.take('a');
  nowMs = 500;
  expect(limit.take('a')).toEqual({ ok: false, retryAfterMs: 1500 });
  nowMs = 2000;
  expect(limit.take('a')).toEqual({ ok: true });
});

test('asking while refused does not push the time away', () => {
  let nowMs = 0;
  const limit = createRateLimit({ burst: 1, refillMs: 1000 }, () => nowMs);
  limit.take('a');
  const answers: boolean[] = [];
  for (nowMs = 100; nowMs <= 1000; nowMs += 100) answers.push(limit.take('a').ok);
  expect(answers).toEqual([...Array<boolean>(9).fill(false), true]);
});

test('a clock that goes backwards takes nothing away and gives nothing', () => {
  let nowMs = 10_000;
  const limit = createRateLimit({ burst: 2, refillMs: 1000 }, () => nowMs);
  limit.take('a');
  nowMs = 0;
  expect(limit.take('a').ok).toBe(true);
  expect(limit.take('a').ok).toBe(false);
});

test('keys do not add up for ever', () => {
  const limit = createRateLimit({ burst: 1, refillMs: 1000, maxKeys: 2 }, () => 0);
  for (const key of ['a', 'b', 'c']) limit.take(key);
  // The oldest bucket made room, so that key starts anew; the newest is remembered.
  expect(limit.take('c').ok).toBe(false);
  expect(limit.take('a').ok).toBe(true);
});
