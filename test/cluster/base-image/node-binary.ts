import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../command.ts';
import { CannotRunHere } from '../failures.ts';
import { versions } from '../versions.ts';

export interface NodeBinary {
  readonly path: string;
  readonly version: string;
}

/** Where npm puts the binary of the development dependency `node`, the likeliest place first. */
export function nodeBinaryCandidates(repositoryDir: string, arch: string): string[] {
  const modules = join(repositoryDir, 'node_modules');
  const platformPackage = `node-linux-${arch}`;
  return [
    join(modules, platformPackage, 'bin', 'node'),
    join(modules, 'node', 'node_modules', platformPackage, 'bin', 'node'),
    join(modules, 'node', 'bin', 'node'),
  ];
}

/** The Node for images: the one that `npm ci` brought, else the one that runs this, if it is of the right version. */
export async function findNodeBinary(repositoryDir: string): Promise<NodeBinary> {
  for (const candidate of [...nodeBinaryCandidates(repositoryDir, process.arch), process.execPath]) {
    if (!existsSync(candidate)) continue;
    const version = (await attempt(candidate, ['--version'])).stdout.trim();
    if (version.startsWith(`v${versions.node}.`)) return { path: realpathSync(candidate), version };
  }
  throw new CannotRunHere(`there is no Node ${versions.node} binary to put into images`, 'run: npm ci');
}
