import { describe, expect, test } from '@jest/globals';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { createLineBatcher } from './line-batcher.ts';

function make(accepts = true) {
  const batches: string[] = [];
  const told: [line: string, written: boolean][] = [];
  const scheduler = createManualScheduler();
  const write = (batch: string): boolean => {
    batches.push(batch);
    return accepts;
  };
  const { add, flush } = createLineBatcher({ scheduler, write, maxDelayMs: 100, maxCharacters: 10 });
  return {
    batches,
    told,
    scheduler,
    batcher: {
      flush,
      add: (line: string) => add(line, (written) => told.push([line, written])),
    },
  };
}

describe('createLineBatcher', () => {
  test('writes lines together, after a short time', async () => {
    const { batches, scheduler, batcher } = make();
    batcher.add('a\n');
    await scheduler.advance(60);
    batcher.add('b\n');
    expect(batches).toEqual([]);
    await scheduler.advance(40);
    expect(batches).toEqual(['a\nb\n']);
    await scheduler.advance(1000);
    expect(batches).toHaveLength(1);
  });

  test('writes at once when there is much, and nothing twice', async () => {
    const { batches, scheduler, batcher } = make();
    batcher.add('12345\n');
    batcher.add('67890\n');
    expect(batches).toEqual(['12345\n67890\n']);
    expect(scheduler.pending()).toEqual([]);
    batcher.add('x\n');
    batcher.flush();
    batcher.flush();
    await scheduler.advance(1000);
    expect(batches).toEqual(['12345\n67890\n', 'x\n']);
  });

  test.each([true, false])(
    'tells of each line whether it was written (%s), but not before',
    async (accepts) => {
      const { batcher, told, scheduler } = make(accepts);
      batcher.add('a\n');
      batcher.add('b\n');
      expect(told).toEqual([]);
      await scheduler.advance(100);
      expect(told.splice(0)).toEqual([
        ['a\n', accepts],
        ['b\n', accepts],
      ]);
      batcher.add('c\n');
      batcher.add('long enough\n');
      expect(told.splice(0)).toEqual([
        ['c\n', accepts],
        ['long enough\n', accepts],
      ]);
      batcher.add('d\n');
      batcher.flush();
      batcher.flush();
      expect(told).toEqual([['d\n', accepts]]);
    },
  );
});
