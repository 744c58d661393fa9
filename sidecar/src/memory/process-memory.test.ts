// What the process tells of itself.
import { expect, test } from '@jest/globals';

import { processMemory } from './process-memory.ts';

test('CPU time and resident memory are this process’s own', () => {
  const { cpuMs, residentBytes } = processMemory();
  const beforeMs = cpuMs();
  const untilMs = performance.now() + 60;
  while (performance.now() < untilMs);
  expect(cpuMs() - beforeMs).toBeGreaterThan(20);
  expect(residentBytes()).toBeGreaterThan(30 * 1024 * 1024);
});
