import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeFileAtomically } from './atomic-file.ts';
import { StepFailed } from './failures.ts';
import { tailOfFile } from './log-tail.ts';
import { identify, isRunning, type ProcessIdentity } from './process-identity.ts';
import { waitUntil } from './wait-until.ts';

export interface ProcessSpec {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Texts (such as configuration files) that a running process has read; a change of one calls for a new process. */
  readonly reads?: readonly string[];
}

interface PidFile extends ProcessIdentity {
  readonly fingerprint: string;
}

export interface OwnedProcesses {
  /** Starts the process, or leaves it be where it already runs with the same program, arguments and files. */
  ensure(spec: ProcessSpec): Promise<'started' | 'kept'>;
  isRunning(name: string): boolean;
  pid(name: string): number | undefined;
  /** For `Wait.hopeless`. */
  whyDead(name: string): string | undefined;
  logFile(name: string): string;
  names(): string[];
  stop(name: string, timeoutMs?: number): Promise<void>;
}

const daemonPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const maxLogBytes = 64 * 1024 * 1024;

/** Long-running processes that outlive this one, each with a pid file by which only it, and no successor, is ended. */
export function ownedProcesses(pidDir: string, logDir: string): OwnedProcesses {
  const pidPath = (name: string): string => join(pidDir, `${name}.json`);
  const logFile = (name: string): string => join(logDir, `${name}.log`);
  const running = (name: string): PidFile | undefined => {
    const file = asPidFile(readJsonFile(pidPath(name)));
    return file !== undefined && isRunning(file) ? file : undefined;
  };

  const processes: OwnedProcesses = {
    logFile,
    isRunning: (name) => running(name) !== undefined,
    pid: (name) => running(name)?.pid,
    whyDead: (name) => (running(name) === undefined ? `${name} has ended` : undefined),
    names: () => listJsonNames(pidDir),

    async ensure(spec) {
      const fingerprint = fingerprintOf(spec);
      const present = running(spec.name);
      if (present?.fingerprint === fingerprint) return 'kept';
      if (present !== undefined) await processes.stop(spec.name);
      const identity = launch(spec, logFile(spec.name));
      if (identity === undefined) {
        throw new StepFailed(`${spec.name} ended at once`, tailOfFile(logFile(spec.name)));
      }
      const pidFile: PidFile = { ...identity, fingerprint };
      writeFileAtomically(pidPath(spec.name), `${JSON.stringify(pidFile)}\n`);
      return 'started';
    },

    async stop(name, timeoutMs = 10_000) {
      const file = running(name);
      if (file !== undefined) {
        signalQuietly(file, 'SIGTERM');
        const ended = await waitUntil(() => !isRunning(file), {
          what: `${name} to end`,
          timeoutMs,
          intervalMs: 20,
        }).catch(() => false);
        if (!ended) {
          signalQuietly(file, 'SIGKILL');
          await waitUntil(() => !isRunning(file), {
            what: `${name} to end`,
            timeoutMs: 5_000,
            intervalMs: 20,
          });
        }
      }
      rmSync(pidPath(name), { force: true });
    },
  };
  return processes;
}

function launch(spec: ProcessSpec, logFile: string): ProcessIdentity | undefined {
  mkdirSync(join(logFile, '..'), { recursive: true });
  keepLogSmall(logFile);
  const log = openSync(logFile, 'a');
  try {
    // `detached` gives it a process group of its own: Ctrl-C in this terminal does not reach it.
    const child = spawn(spec.program, spec.args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      // Not the caller's environment: who happens to run `up` (and behind which proxy) must not change the cluster.
      env: { PATH: daemonPath, HOME: '/root', ...spec.env },
    });
    child.on('error', () => undefined);
    child.unref();
    return child.pid === undefined ? undefined : identify(child.pid);
  } finally {
    closeSync(log);
  }
}

function keepLogSmall(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxLogBytes) renameSync(logFile, `${logFile}.old`);
}

function signalQuietly(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(identity.pid, signal);
  } catch {
    // It ended in the meantime, which is what was wanted.
  }
}

export function fingerprintOf(spec: ProcessSpec): string {
  return createHash('sha256')
    .update(JSON.stringify([spec.program, spec.args, spec.env ?? {}, spec.reads ?? []]))
    .digest('hex');
}

function asPidFile(value: unknown): PidFile | undefined {
  const { pid, startTicks, bootId, fingerprint } = (value ?? {}) as Record<string, unknown>;
  if (typeof pid !== 'number' || typeof startTicks !== 'string') return undefined;
  if (typeof bootId !== 'string' || typeof fingerprint !== 'string') return undefined;
  return { pid, startTicks, bootId, fingerprint };
}

function listJsonNames(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((entry) => entry.endsWith('.json'))
      .map((entry) => entry.slice(0, -'.json'.length));
  } catch {
    return [];
  }
}
