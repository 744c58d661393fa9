import { createServer, connect, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { StepFailed } from './failures.ts';

export interface MachineLock extends AsyncDisposable {
  release(): Promise<void>;
}

export interface LockOptions {
  readonly timeoutMs: number;
  /** Told once when somebody else holds the lock. */
  readonly onWait?: (holder: string) => void;
}

/**
 * One holder per machine and name. The lock is an abstract Unix socket: the kernel hands it to exactly one process
 * and takes it back when that process ends in whatever way, so there is no stale lock file to judge after a kill -9.
 * Whoever connects is told who holds it.
 */
export async function acquireMachineLock(name: string, options: LockOptions): Promise<MachineLock> {
  const address = `\0seks-test-cluster/${name}`;
  const deadlineMs = Date.now() + options.timeoutMs;
  let told = false;
  for (;;) {
    const server = await tryListen(address);
    if (server !== undefined) return lockOf(server);
    if (!told) {
      told = true;
      options.onWait?.(await askHolder(address));
    }
    if (Date.now() >= deadlineMs) {
      throw new StepFailed(
        `${await askHolder(address)} still holds the lock "${name}" after ${options.timeoutMs / 1000} s`,
      );
    }
    await pause(100);
  }
}

/** Runs `work` while holding the lock. */
export async function withMachineLock<T>(
  name: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await using _lock = await acquireMachineLock(name, options);
  return await work();
}

function tryListen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`process ${process.pid}`);
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    // `exclusive` keeps cluster workers from sharing it.
    server.listen({ path: address, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function lockOf(server: Server): MachineLock {
  const release = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
  return { release, [Symbol.asyncDispose]: release };
}

function askHolder(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let answer = '';
    socket.setEncoding('utf8').setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer === '' ? 'another process' : answer));
  });
}
