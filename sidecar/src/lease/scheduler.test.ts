import { describe, expect, test } from '@jest/globals';

import { createScheduler } from './scheduler.ts';

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe('createScheduler', () => {
  test('runs once, unless it is called off', async () => {
    const scheduler = createScheduler();
    const ran: string[] = [];
    scheduler.after(1, () => ran.push('due'));
    scheduler.after(1, () => ran.push('called off'))();
    await wait(20);
    expect(ran).toEqual(['due']);
  });

  test.each([2 ** 31, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])(
    'a delay of %d ms, which Node has no timer for, is not over at once',
    async (delayMs) => {
      let ran = false;
      const callOff = createScheduler().after(delayMs, () => {
        ran = true;
      });
      await wait(20);
      callOff();
      expect(ran).toBe(false);
    },
  );
});
