import { expect, test } from '@jest/globals';

import { timeTasks } from './micro-benchmark.ts';

test('tells the time of one call, by a clock that the tasks move', () => {
  let clockNs = 0;
  const order: string[] = [];
  const task = (name: string, costNs: number) => ({
    name,
    run() {
      clockNs += costNs;
      if (order.at(-1) !== name) order.push(name);
    },
  });
  const times = timeTasks([task('cheap', 50), task('dear', 2000)], {
    rounds: 2,
    roundMs: 0.1,
    nowNs: () => clockNs,
  });
  expect(times).toEqual(
    new Map([
      ['cheap', 50],
      ['dear', 2000],
    ]),
  );
  // Calibration, a round to warm up and two that count.
  expect(order).toEqual(['cheap', 'dear', 'cheap', 'dear', 'cheap', 'dear', 'cheap', 'dear']);
});
