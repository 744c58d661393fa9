import { expect, test } from '@jest/globals';
import { acquireMachineLock, withMachineLock } from './machine-lock.ts';

const name = `test-${process.pid}`;

test('a second taker waits until the first lets go', async () => {
  const order: string[] = [];
  const first = await acquireMachineLock(name, { timeoutMs: 1_000 });
  const second = withMachineLock(
    name,
    { timeoutMs: 5_000, onWait: (holder) => order.push(`waits for ${holder}`) },
    () => {
      order.push('second');
      return Promise.resolve();
    },
  );
  while (order.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  order.push('first lets go');
  await first.release();
  await second;
  expect(order).toEqual([`waits for process ${process.pid}`, 'first lets go', 'second']);
});

test('the wait has an end', async () => {
  const held = await acquireMachineLock(name, { timeoutMs: 1_000 });
  await expect(acquireMachineLock(name, { timeoutMs: 10 })).rejects.toThrow('still holds the lock');
  await held.release();
});

test('the lock is free again when the work throws', async () => {
  await expect(
    withMachineLock(name, { timeoutMs: 100 }, () => Promise.reject(new Error('boom'))),
  ).rejects.toThrow('boom');
  await expect(withMachineLock(name, { timeoutMs: 100 }, () => Promise.resolve('free'))).resolves.toBe(
    'free',
  );
});
