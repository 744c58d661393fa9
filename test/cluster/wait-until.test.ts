import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { StepFailed } from './failures.ts';
import { waitUntil } from './wait-until.ts';

test('gives what the condition gives, once it gives something', async () => {
  const answers = [undefined, false, 'ready'] as const;
  let asked = 0;
  await expect(
    waitUntil(() => answers[asked++], { what: 'readiness', timeoutMs: 1_000, intervalMs: 1 }),
  ).resolves.toBe('ready');
});

test('a thrown error is "not yet", and the last one is in the message', async () => {
  await expect(
    waitUntil(() => Promise.reject(new Error('ECONNREFUSED')), {
      what: 'the API server',
      timeoutMs: 5,
      intervalMs: 1,
    }),
  ).rejects.toThrow('waiting for the API server (last: ECONNREFUSED)');
});

test('the failure shows the tail of the log', async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), 'wait-')), 'etcd.log');
  writeFileSync(logFile, 'first\npanic: disk full\n');
  const error: unknown = await waitUntil(() => false, { what: 'etcd', timeoutMs: 1, logFile }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StepFailed);
  expect((error as StepFailed).detail).toContain('panic: disk full');
});

test('a hopeless wait ends at once', async () => {
  await expect(
    waitUntil(() => false, { what: 'etcd', timeoutMs: 60_000, hopeless: () => 'it exited' }),
  ).rejects.toThrow('waiting for etcd is hopeless: it exited');
});
