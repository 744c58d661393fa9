// The process itself, as far as it gets without a cluster; test/e2e runs it in one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from '@jest/globals';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

async function run(env: Record<string, string>): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--disable-sigusr1', MAIN], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await ended)[0], stdout, stderr };
}

describe('S7: the process', () => {
  test('ends with the code of the reason when it has no config', async () => {
    const { code, stdout, stderr } = await run({ POD_NAME: 'p', POD_NAMESPACE: 'agents' });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    const line = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ event: 'fatal', error: { code: 'SEKS_CONFIG_INVALID' } });
  }, 30_000);

  test('S9: does not quote a config that it cannot read', async () => {
    const env = { POD_NAME: 'p', POD_NAMESPACE: 'agents', SEKS_CONFIG: '{"key":"sk-CANARY' };
    const { code, stderr } = await run(env);
    expect([code, stderr.includes('CANARY')]).toEqual([1, false]);
  }, 30_000);
});
