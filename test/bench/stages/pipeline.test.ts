import { expect, test } from '@jest/globals';

import { pipelineTasks } from './pipeline.ts';

test('every stage runs on what the sidecar really makes of a request', () => {
  const tasks = pipelineTasks(`sk-proj-bench${'0'.repeat(40)}`);
  for (const { name, run } of tasks) {
    expect(name).not.toBe('');
    expect(run).not.toThrow();
    // What the first call leaves behind must not make the second one cheaper by refusing it.
    expect(run).not.toThrow();
  }
  expect(new Set(tasks.map(({ name }) => name)).size).toBe(tasks.length);
});
