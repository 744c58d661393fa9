import { expect, test } from '@jest/globals';

import { poll } from './poll.ts';

test('runs again and again, after errors too, until the signal aborts', async () => {
  const stop = new AbortController();
  const errors: unknown[] = [];
  let runs = 0;
  await poll({
    everyMs: 1,
    signal: stop.signal,
    run: () => {
      runs += 1;
      if (runs === 4) stop.abort();
      return runs === 2 ? Promise.reject(new Error('second')) : Promise.resolve();
    },
    onError: (error) => errors.push(error),
  });
  expect(runs).toBe(4);
  expect(errors).toEqual([new Error('second')]);
});

test('an abort ends the wait at once and is no error', async () => {
  const stop = new AbortController();
  const fail = (): never => {
    throw new Error('must not be called');
  };
  const polling = poll({ everyMs: 1_000_000, signal: stop.signal, run: fail, onError: fail });
  stop.abort();
  await expect(polling).resolves.toBeUndefined();
  await expect(
    poll({ everyMs: 1, signal: AbortSignal.abort(), run: fail, onError: fail }),
  ).resolves.toBeUndefined();
});
