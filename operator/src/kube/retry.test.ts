import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import { pino } from 'pino';

import { untilItWorks } from './retry.ts';

const abort = new AbortController();
const deps = { random: () => 0, log: pino({ level: 'silent' }), signal: abort.signal };

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('tries again until it works', async () => {
  let calls = 0;
  const result = untilItWorks(
    'step',
    async () => {
      calls += 1;
      if (calls < 4) throw new Error('not yet');
      return 'done';
    },
    deps,
  );
  await jest.advanceTimersByTimeAsync(60_000);
  expect(await result).toBe('done');
  expect(calls).toBe(4);
});

test('a wrong configuration does not get better by waiting', async () => {
  const broken = async (): Promise<never> => await Promise.reject(new SeksError('SEKS_CONFIG_INVALID'));
  await expect(untilItWorks('step', broken, deps)).rejects.toMatchObject({ code: 'SEKS_CONFIG_INVALID' });
});

test('ends quietly when the process ends', async () => {
  const broken = async (): Promise<never> => await Promise.reject(new Error('not yet'));
  const result = untilItWorks('step', broken, deps);
  await jest.advanceTimersByTimeAsync(100);
  abort.abort();
  expect(await result).toBeUndefined();
});
