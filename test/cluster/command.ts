import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { StepFailed } from './failures.ts';
import { tailOfText } from './log-tail.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Called with each line of output, for a heartbeat's note. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const defaultTimeoutMs = 120_000;
const maxCapturedChars = 8_000_000;

/** Runs a program to its end and gives its stdout; any other exit code than 0 throws with the tail of its output. */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await attempt(program, args, options);
  if (result.code !== 0) {
    throw new StepFailed(
      `${basename(program)} ${shorten(args.join(' '))} failed with exit code ${result.code}`,
      tailOfText(result.stderr.trim() === '' ? result.stdout : result.stderr),
    );
  }
  return result.stdout;
}

/** As `run`, for callers to whom failing is an answer. A program that cannot be started has exit code 127. */
export function attempt(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(child);
    // Not spawn's own limit, whose timer goes on when the program could not be started.
    const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const ended = (): void => {
      running.delete(child);
      clearTimeout(limit);
    };
    const captured = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8');
      child[name].on('data', (chunk: string) => {
        if (captured[name].length < maxCapturedChars) captured[name] += chunk;
        const line = chunk.trimEnd().split('\n').at(-1);
        if (line !== undefined && line !== '') options.onLine?.(line);
      });
    }
    // A program that does not read its input closes the pipe; that is its right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      ended();
      resolve({ code: 127, stdout: captured.stdout, stderr: error.message });
    });
    child.on('close', (code, signal) => {
      ended();
      const ending = signal === null ? '' : `\nended by ${signal} (limit ${timeoutMs / 1000} s)`;
      resolve({ code: code ?? 128, stdout: captured.stdout, stderr: captured.stderr + ending });
    });
  });
}

const running = new Set<ChildProcess>();

/** For a process that is about to exit: a compiler that nobody waits for should not go on for minutes. */
export function endRunningCommands(): void {
  for (const child of running) child.kill('SIGTERM');
}

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

/** Where a program is, looking through `searchPath` as a shell would; undefined when it is nowhere. */
export function findProgram(
  name: string,
  searchPath: string = process.env['PATH'] ?? '',
): string | undefined {
  // Administrators' programs are often missing from the PATH of a plain `sudo` or `su`.
  for (const folder of [...searchPath.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    if (folder === '') continue;
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
}
