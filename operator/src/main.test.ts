// The process itself: arguments, configuration, signals. It runs from source, as developers run it.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { fetch } from 'undici';

import { until } from './kube/testing/until.ts';

// A process that compiles its sources on a busy machine takes seconds to start.
jest.setTimeout(30_000);

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

interface Run {
  output(): string;
  code: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

let runs: Run[];
let folder: string;

beforeEach(async () => {
  runs = [];
  folder = await mkdtemp(join(tmpdir(), 'main-test-'));
});

afterEach(async () => {
  for (const run of runs) run.kill('SIGKILL');
  await Promise.all(runs.map(async ({ code }) => await code));
  await rm(folder, { recursive: true });
});

function start(args: string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const run: Run = {
    output: () => text,
    code: new Promise((resolve) => child.on('close', (code) => resolve(code))),
    kill: (signal) => void child.kill(signal),
  };
  runs.push(run);
  return run;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** a kubeconfig for an API server at which nobody listens */
async function unreachable(port: number): Promise<string> {
  const path = join(folder, 'kubeconfig');
  const config = {
    clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'u', user: { token: 'canary-token-7d1f' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

test('exits with 2 and its usage for arguments that it does not know', async () => {
  const wrong = [[], ['webhook'], ['controller', '--help']].map((args) => start(args));
  for (const run of wrong) {
    expect(await run.code).toBe(2);
    expect(run.output()).toBe('seks: error: usage: operator controller|keyservice\n');
  }
});

test('exits with 78 and all problems for a wrong configuration', async () => {
  const run = start(['controller'], { SEKS_LOG_LEVEL: 'loud' });
  expect(await run.code).toBe(78);
  const lines = run.output().trim().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe('seks: error: SEKS_NAMESPACE: must be set');
  expect(lines[2]).toBe('seks: error: SEKS_SIDECAR_IMAGE: must be set');
});

test('S9: exits with 1 when it cannot start, and quotes nothing', async () => {
  const path = join(folder, 'kubeconfig');
  await writeFile(path, '{"users": [{"user": {"token": "canary-token-7d1f", }}');
  const run = start(['keyservice'], { SEKS_NAMESPACE: 'seks', KUBECONFIG: path });
  expect(await run.code).toBe(1);
  expect(run.output()).toContain('"event":"crashed"');
  expect(run.output()).not.toContain('canary-token');
});

test('without an API server it lives, is not ready, and ends on SIGTERM', async () => {
  const port = await freePort();
  const env = {
    SEKS_NAMESPACE: 'seks',
    SEKS_ADMIN_PORT: String(port),
    KUBECONFIG: await unreachable(await freePort()),
  };
  const run = start(['keyservice'], env);
  const get = async (path: string): Promise<string | undefined> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return `${answer.status} ${await answer.text()}`;
    } catch {
      return undefined;
    }
  };
  expect(await until('it answers', async () => await get('/healthz'), 20_000)).toBe('200 ok\n');
  expect(await get('/readyz')).toContain('503 waiting for the list of pods');
  expect(await get('/metrics')).toContain('seks_build_info{version="0.1.0",role="keyservice"} 1');
  run.kill('SIGTERM');
  await until('it drains', async () => (await get('/readyz'))?.includes('503 waiting for its end'));
  expect(await run.code).toBe(0);
  expect(run.output()).toContain('"event":"stopped"');
  expect(run.output()).not.toContain('canary-token');
});
