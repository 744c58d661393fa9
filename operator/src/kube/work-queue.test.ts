import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';

import { until } from './testing/until.ts';
import { createWorkQueue } from './work-queue.ts';
import type { WorkQueue } from './work-queue.ts';

let abort: AbortController;
let running: Promise<void> | undefined;
let done: string[];
let depths: number[];
let outcomes: string[];

beforeEach(() => {
  abort = new AbortController();
  done = [];
  depths = [];
  outcomes = [];
});

afterEach(async () => {
  abort.abort();
  await running;
});

function start(process: (key: string, signal: AbortSignal) => Promise<void>, workers = 2): WorkQueue {
  const queue = createWorkQueue({
    process,
    workers,
    clock: () => performance.now(),
    random: () => 0,
    log: pino({ level: 'silent' }),
    retry: { minMs: 1, maxMs: 4 },
    observer: { depth: (keys) => depths.push(keys), done: (outcome) => outcomes.push(outcome) },
  });
  running = queue.run(abort.signal);
  return queue;
}

/** work that waits until it is let go */
function gate(): { process: (key: string) => Promise<void>; letGo: () => void; waiting: () => string[] } {
  const waiting: { key: string; resolve: () => void }[] = [];
  return {
    process: async (key) => {
      await new Promise<void>((resolve) => waiting.push({ key, resolve }));
      done.push(key);
    },
    letGo: () => waiting.shift()?.resolve(),
    waiting: () => waiting.map(({ key }) => key),
  };
}

describe('keys', () => {
  test('that wait already are not added twice', async () => {
    const { process, letGo, waiting } = gate();
    const queue = start(process, 1);
    for (const key of ['a', 'b', 'b', 'c', 'b']) queue.add(key);
    expect(waiting()).toEqual(['a']);
    for (const count of [1, 2, 3]) {
      letGo();
      await until(`${count} are done`, () => done.length === count);
    }
    expect(done).toEqual(['a', 'b', 'c']);
    expect(Math.max(...depths)).toBe(2);
  });

  test('are never worked on by two workers, but again if asked for meanwhile', async () => {
    const { process, letGo, waiting } = gate();
    const queue = start(process, 4);
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(waiting()).toEqual(['a']);
    letGo();
    await until('it runs again', () => done.length === 1 && waiting().length === 1);
    letGo();
    await until('that is done too', () => done.length === 2);
    expect(waiting()).toEqual([]);
  });

  test('different ones run side by side, as many as there are workers', async () => {
    const { process, waiting } = gate();
    const queue = start(process, 2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(waiting()).toEqual(['a', 'b']);
    running = Promise.resolve();
  });
});

describe('failures', () => {
  test('are tried again until they work, without holding others up', async () => {
    let failuresLeft = 3;
    const queue = start(async (key) => {
      if (key === 'bad' && failuresLeft > 0) {
        failuresLeft -= 1;
        throw new Error('not yet');
      }
      done.push(key);
    }, 1);
    queue.add('bad');
    queue.add('good');
    await until('both are done', () => done.length === 2);
    expect(done).toEqual(['good', 'bad']);
    expect(outcomes.filter((outcome) => outcome === 'error')).toHaveLength(3);
  });
});

describe('later', () => {
  test('the earlier of two times wins', async () => {
    const queue = start(async (key) => void done.push(key));
    queue.addAfter('a', 3_600_000);
    queue.addAfter('a', 1);
    queue.addAfter('a', 3_600_000);
    await until('it is done', () => done.length === 1);
    expect(done).toEqual(['a']);
  });

  test('a time beyond what timers can is not now', async () => {
    const queue = start(async (key) => void done.push(key));
    queue.addAfter('far', 2 ** 40);
    queue.addAfter('near', 2);
    await until('the near one is done', () => done.length > 0);
    expect(done).toEqual(['near']);
  });
});

describe('the end', () => {
  test('waits for running work, and starts nothing more', async () => {
    const { process, letGo } = gate();
    const queue = start(process, 1);
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 1);
    abort.abort();
    let isOver = false;
    const over = running?.then(() => (isOver = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    letGo();
    await over;
    expect(done).toEqual(['a']);
    queue.add('d');
    queue.addAfter('e', 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual(['a']);
  });

  test('tells the running work, whose failure is then not tried again', async () => {
    const queue = start(async (_key, signal) => {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('told'))));
    });
    queue.add('a');
    abort.abort();
    await running;
    expect(outcomes).toEqual([]);
  });
});
