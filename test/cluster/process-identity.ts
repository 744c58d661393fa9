import { readFileSync } from 'node:fs';

/**
 * Which process a pid meant when it was written down. Pids are used again, so a pid alone may by now be somebody
 * else's; pid, start time and boot together never are.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from boot to the process's start */
  readonly startTicks: string;
  readonly bootId: string;
}

export type ReadProc = (path: string) => string;

const readProcFile: ReadProc = (path) => readFileSync(path, 'utf8');

/** The identity of a running process; undefined where there is none (a zombie counts as none). */
export function identify(pid: number, read: ReadProc = readProcFile): ProcessIdentity | undefined {
  try {
    const stat = parseStat(read(`/proc/${pid}/stat`));
    if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
    return { pid, startTicks: stat.startTicks, bootId: read('/proc/sys/kernel/random/boot_id').trim() };
  } catch {
    return undefined;
  }
}

export function isRunning(identity: ProcessIdentity, read: ReadProc = readProcFile): boolean {
  const now = identify(identity.pid, read);
  return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId;
}

/** The program's name is in brackets and may itself hold brackets and spaces: count from the last one. */
export function parseStat(stat: string): { readonly state: string; readonly startTicks: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}
