// A network without a way out: a network and mount namespace of its own, whose hosts file decides where each name leads.
// SDKs then meet the real host names, and whatever tries another host fails instead of reaching the internet.
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { findProgram } from '../cluster/command.ts';

export interface NamespaceSettings {
  /** address on the loopback interface of each host name */
  readonly hosts: Readonly<Record<string, string>>;
  /** the caller's folder for the files that are mounted over those of the machine */
  readonly folder: string;
}

export interface ProcessOptions {
  /** the whole environment: nothing of this process is passed on */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export type NamespaceProcess = ChildProcessByStdio<null, Readable, Readable>;

export interface SdkNamespace {
  /** lets names lead elsewhere from now on; others stay as they are */
  resolve(hosts: Readonly<Record<string, string>>): Promise<void>;
  /** starts a program inside; it is ended with the namespace, if it has not ended before */
  start(program: string, args: readonly string[], options: ProcessOptions): NamespaceProcess;
  close(): Promise<void>;
}

const SETUP_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 5_000;
/** The last command keeps the namespaces open until its input ends, so also when this process is killed. */
const SETUP =
  'ip link set lo up && mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && echo ready && exec cat';

/** @throws Error when the machine lets this user make no namespaces, with what `unshare` said */
export async function openNamespace({ hosts, folder }: NamespaceSettings): Promise<SdkNamespace> {
  const hostsFile = join(folder, 'hosts');
  const resolvFile = join(folder, 'resolv.conf');
  let resolved: Readonly<Record<string, string>> = { localhost: '127.0.0.1', ...hosts };
  const writeHosts = (): Promise<void> =>
    // Written in place: a new file would not be the one that is mounted.
    writeFile(
      hostsFile,
      Object.entries(resolved)
        .map(([name, ip]) => `${ip} ${name}\n`)
        .join(''),
    );
  await writeHosts();
  // An address that nothing has: a name outside the hosts file fails at once.
  await writeFile(resolvFile, 'nameserver 127.0.0.254\noptions timeout:1 attempts:1\n');

  // Root makes them as it is; others get a user namespace in which they are root.
  const asRoot = process.getuid?.() === 0;
  const kinds = ['--net', '--mount', ...(asRoot ? [] : ['--user', '--map-root-user'])];
  const holder = spawn(
    program('unshare'),
    [...kinds, '--propagation', 'private', '--', 'sh', '-c', SETUP, 'sh', hostsFile, resolvFile],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  await untilReady(holder);

  const children = new Set<ChildProcess>();
  const enter = ['--target', String(holder.pid), '--net', '--mount'];
  if (!asRoot) enter.push('--user', '--preserve-credentials');
  return {
    async resolve(changed) {
      resolved = { ...resolved, ...changed };
      await writeHosts();
    },
    start(file, args, { env, cwd }) {
      // nsenter becomes the program, so the child's pid is the program's.
      const child = spawn(
        program('nsenter'),
        [...enter, ...(cwd === undefined ? [] : [`--wd=${cwd}`]), '--', file, ...args],
        {
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      children.add(child);
      child.once('close', () => children.delete(child));
      return child;
    },
    async close() {
      await Promise.all([...children].map(end));
      await end(holder);
    },
  };
}

async function untilReady(holder: ChildProcessByStdio<Writable, Readable, Readable>): Promise<void> {
  let complaint = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const lines = createInterface({ input: holder.stdout });
  const signal = AbortSignal.timeout(SETUP_TIMEOUT_MS);
  const ready = await Promise.race([
    once(lines, 'line', { signal }).then(() => true),
    once(holder, 'close', { signal }).then(() => false),
  ]);
  if (!ready) throw new Error(`no namespace can be made here: ${complaint.trim()}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function program(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not on this machine`);
  return path;
}
