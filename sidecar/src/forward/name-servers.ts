// The name servers of the moment before the agent exists. A sidecar that restarts beside a running agent must not read them again:
// /etc/resolv.conf is one file for the whole pod, and a root agent can write to it (S6).
import { isIP } from 'node:net';

import { readIfThere, writeAtomically } from '../run-directory/run-file.ts';

export interface NameServerOptions {
  /** only the sidecar mounts it, and it outlives the container */
  runDirectory: string;
  /** as the system has them now */
  current: readonly string[];
  randomBytes: (size: number) => Buffer;
}

const FILE = 'name-servers.json';

/** the name servers of the first start in this pod */
export async function firstNameServers(options: NameServerOptions): Promise<readonly string[]> {
  const { runDirectory, current, randomBytes } = options;
  const kept = parse((await readIfThere(runDirectory, FILE)) ?? '');
  if (kept !== undefined) return kept;
  await writeAtomically(runDirectory, FILE, JSON.stringify(current), { mode: 0o600, randomBytes });
  return current;
}

/** what is not a list of addresses, each perhaps with a port, was not written by us whole */
function parse(text: string): string[] | undefined {
  try {
    const servers: unknown = JSON.parse(text);
    return Array.isArray(servers) && servers.length > 0 && servers.every(isServer) ? servers : undefined;
  } catch {
    return undefined;
  }
}

function isServer(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const [, bracketed] = /^\[([^\]]+)\]:\d{1,5}$/.exec(value) ?? [];
  const address = bracketed ?? (value.includes('.') ? value.replace(/:\d{1,5}$/, '') : value);
  return isIP(address) !== 0;
}
