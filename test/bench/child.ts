// Processes of the bench: each is started with a log file, waited for, and ended by its own handle.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { pinned } from './pinning.ts';

export interface ChildOptions {
  program: string;
  args: readonly string[];
  /** added to the environment */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** takes all output */
  logFile: string;
  /** only standard error is kept */
  discardStdout?: boolean;
  /** cores to run on; undefined: any */
  cores: string | undefined;
}

export interface Child {
  pid: number;
  /** why it ended, with its last words; undefined while it runs */
  ended(): string | undefined;
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 5_000;
const LAST_WORDS = 400;

/** starts a process */
export async function startChild(options: ChildOptions): Promise<Child> {
  const [program, args] = pinned(options.cores, options.program, options.args);
  const log = openSync(options.logFile, 'w');
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      stdio: ['ignore', options.discardStdout === true ? 'ignore' : log, log],
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
    });
    await once(child, 'spawn');
  } finally {
    closeSync(log);
  }
  running.add(child);
  child.once('exit', () => running.delete(child));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.program} has no process id`);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    ended: () =>
      hasEnded()
        ? `exited with ${child.exitCode ?? child.signalCode}: ${lastWords(options.logFile)}`
        : undefined,
    async stop() {
      if (hasEnded()) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const limit = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exit;
      clearTimeout(limit);
    },
  };
}

const running = new Set<ChildProcess>();

/** for a process that is about to exit */
export function endChildren(): void {
  for (const child of running) child.kill('SIGTERM');
}

/** resolves once something accepts connections on the port; throws when the process has ended before, or time is up */
export async function untilListening(child: Child, port: number, timeoutMs: number): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await accepts(port))) {
    const ended = child.ended();
    if (ended !== undefined) throw new Error(ended);
    if (Date.now() > deadlineMs) throw new Error(`does not listen after ${timeoutMs / 1000} s`);
    await pause(50);
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1');
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return connected;
}

/** a port that was free a moment ago */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function lastWords(file: string): string {
  return readFileSync(file, 'utf8').trim().slice(-LAST_WORDS).replaceAll(/\s+/g, ' ');
}
