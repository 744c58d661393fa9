// A real KMS emulator for tests: moto, in a Python virtual environment of its own that is installed at first use.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

export const MOTO_VERSION = '5.2.5';
/** generous time for the first use, which downloads from PyPI */
export const MOTO_START_TIMEOUT_MS = 300_000;

/** what any of moto's AWS clients may present unless authentication is switched on */
export const MOTO_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface Moto {
  /** `http://127.0.0.1:<port>` */
  endpoint: string;
  stop(): Promise<void>;
}

/** the cache folder that all downloads of the tests share */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  return env['SEKS_CACHE_DIR'] || join(env['HOME'] || homedir(), '.cache', 'seks');
}

/** starts moto on a free port of the loopback interface and waits until it listens */
export async function startMoto(cache: string): Promise<Moto> {
  const home = await install(cache);
  // Port 0 and the log line instead of a port picked beforehand, which another process could take in between.
  const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'];
  const child = spawn(join(home, 'bin', 'python'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    return { endpoint: await listening(child), stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function listening(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('moto has no stderr');
  const lines = createInterface({ input: child.stderr });
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    let running = false;
    // The listener stays for as long as moto runs: nobody else empties the pipe of its request log.
    lines.on('line', (line) => {
      const endpoint = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (!running) log.push(line);
      if (endpoint === undefined) return;
      running = true;
      resolve(endpoint);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`moto did not start: ${log.join(' | ')}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function install(cache: string): Promise<string> {
  const home = join(cache, `moto-${MOTO_VERSION}`);
  if (await exists(home)) return home;
  await mkdir(cache, { recursive: true });
  // Installed aside and renamed, so that a broken download is never taken for an installation.
  const attempt = await mkdtemp(`${home}.`);
  try {
    const run = promisify(execFile);
    await run('python3', ['-m', 'venv', attempt]);
    await run(join(attempt, 'bin', 'python'), [
      '-m',
      'pip',
      'install',
      '--quiet',
      `moto[server,kms]==${MOTO_VERSION}`,
    ]);
    await rename(attempt, home).catch(async (error: unknown) => {
      // Another test was faster.
      if (!(await exists(home))) throw error;
    });
  } finally {
    await rm(attempt, { recursive: true, force: true });
  }
  return home;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
