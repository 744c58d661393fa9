import { expect, test } from '@jest/globals';

import { QUICK } from '../pace.ts';
import type { Target } from '../target.ts';
import { runScenario, type Scenario } from './scenario.ts';

const endpoint = { port: 1, host: '', path: '', authorization: '' };
const targets: Target[] = ['direct', 'other', 'odd'].map((name) => ({
  name,
  lane: 'tls',
  variant: false,
  endpoint,
}));

function scenario(changes: Partial<Scenario>): Scenario {
  return {
    name: 'test',
    title: 'Test',
    about: '',
    lanes: ['tls'],
    columns: [],
    fits: ({ name }) => name !== 'odd',
    rounds: () => 3,
    measure: async () => ({}),
    ...changes,
  };
}

const options = {
  pace: QUICK,
  note: () => undefined,
  wait: async () => undefined,
  afterEach: async () => undefined,
};

test('rounds are interleaved, and only the targets that fit take part', async () => {
  const order: string[] = [];
  let value = 0;
  let ended = 0;
  const table = await runScenario(
    scenario({
      warmUp: async ({ name }) => void order.push(`warm ${name}`),
      async measure({ name }) {
        order.push(name);
        value += 1;
        return { value };
      },
      afterwards: { waitMs: () => 5, measure: ({ name }) => ({ length: name.length }) },
    }),
    targets,
    {
      ...options,
      wait: async (ms) => void order.push(`wait ${ms}`),
      afterEach: async () => void (ended += 1),
    },
  );
  const round = ['direct', 'other'];
  expect(order).toEqual(['warm direct', 'warm other', ...round, ...round, ...round, 'wait 5']);
  expect(ended).toBe(order.filter((step) => !step.startsWith('wait')).length + targets.length - 1);
  expect(table.rows).toEqual([
    { name: 'direct', figures: { value: 3, length: 6 } },
    { name: 'other', figures: { value: 4, length: 5 } },
  ]);
});

test('a target that fails is named with its reason, and the others go on', async () => {
  let asked = 0;
  const table = await runScenario(
    scenario({
      async measure({ name }) {
        if (name === 'other') {
          asked += 1;
          throw new Error('status 502');
        }
        return { value: 1 };
      },
    }),
    targets,
    options,
  );
  expect(asked).toBe(1);
  expect(table.rows).toEqual([
    { name: 'direct', figures: { value: 1 } },
    { name: 'other', figures: {}, failure: 'status 502' },
  ]);
});
