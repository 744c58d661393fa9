import { describe, expect, test } from '@jest/globals';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { createLineBatcher } from './line-batcher.ts';

function make(accepts = true) {
  const batches: string[] = [];
  const scheduler = createManualScheduler();
  const write = (batch: string): boolean => {
    batches.push(batch);
    return accepts;
  };
  return {
    batches,
    scheduler,
    batcher: createLineBatcher({ scheduler, write, maxDelayMs: 100, maxCharacters: 10 }),
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

  test('tells that lines were dropped', () => {
    const { batcher } = make(false);
    expect(batcher.add('short\n')).toBe(true);
    expect(batcher.add('long enough\n')).toBe(false);
  });
});
