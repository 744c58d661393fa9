import { readdirSync, readFileSync } from 'node:fs';
import { attempt, run } from '../command.ts';

const namespace = ['-n', 'k8s.io'];

export interface ContainerRuntime {
  /** Whether it answers */
  isReady(): Promise<boolean>;
  hasImage(name: string): Promise<boolean>;
  importImage(archive: string): Promise<void>;
  /** Kills and forgets every container */
  removeAllContainers(): Promise<void>;
}

/** Our own containerd, by way of its command line tool. */
export function containerRuntime(ctr: string, socket: string): ContainerRuntime {
  const args = ['-a', socket, ...namespace];
  const names = async (what: string): Promise<string[]> =>
    (await attempt(ctr, [...args, what, 'ls', '-q'])).stdout.split('\n').filter((line) => line !== '');
  return {
    isReady: async () =>
      (await attempt(ctr, [...args, '--timeout', '2s', 'version'], { timeoutMs: 5_000 })).code === 0,
    hasImage: async (name) => (await names('images')).includes(name),
    async importImage(archive) {
      await run(ctr, [...args, 'images', 'import', archive], { timeoutMs: 300_000 });
    },
    async removeAllContainers() {
      const tasks = await names('tasks');
      if (tasks.length > 0)
        await attempt(ctr, [...args, 'tasks', 'rm', '-f', ...tasks], { timeoutMs: 60_000 });
      const containers = await names('containers');
      if (containers.length > 0)
        await attempt(ctr, [...args, 'containers', 'rm', ...containers], { timeoutMs: 60_000 });
    },
  };
}

/** Each pod has a shim that outlives containerd; its command line names the socket, which is ours alone. */
export function shimPids(socket: string, procDir = '/proc'): number[] {
  return readdirSync(procDir)
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      const words = commandLine(`${procDir}/${pid}/cmdline`);
      return (words[0] ?? '').includes('containerd-shim') && words[words.indexOf('-address') + 1] === socket;
    })
    .map(Number);
}

function commandLine(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    return [];
  }
}
