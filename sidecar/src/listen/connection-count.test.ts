import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';

import { createConnectionCount } from './connection-count.ts';

test('S7: a connection may take several places, and its close frees those that it has not given back', async () => {
  const count = createConnectionCount(3);
  const [greedy, other] = [new PassThrough(), new PassThrough()];
  expect([1, 2, 3, 4].map(() => count.enter(greedy))).toEqual([true, true, true, false]);
  expect(count.enter(other)).toBe(false);
  count.leave(greedy);
  expect([count.enter(other), count.enter(other)]).toEqual([true, false]);
  greedy.destroy();
  await once(greedy, 'close');
  // Too late: nothing may be freed twice.
  count.leave(greedy);
  expect([1, 2, 3].map(() => count.enter(other))).toEqual([true, true, false]);
});

test('it is empty when the last connection has closed, whatever its places', async () => {
  const count = createConnectionCount(3);
  const connection = new PassThrough();
  count.enter(connection);
  count.leave(connection);
  let empty = false;
  const emptied = count.empty().then(() => (empty = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(empty).toBe(false);
  count.destroyAll();
  await emptied;
});
