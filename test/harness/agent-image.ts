// The build context of the agent image: scripts, scenarios, and the SDKs.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from '../cluster/command.ts';
import type { Progress } from '../cluster/progress.ts';
import { ensureAgentPackages } from './agent-packages.ts';

const agentDir = join(import.meta.dirname, '..', 'agent');
/** Python of the agent base image, Debian 12 */
const pythonVersion = '3.11';

export interface AgentContext {
  readonly cacheDir: string;
  /** hash of all that goes into the image */
  readonly hash: string;
  readonly progress: Progress;
}

/** a folder with all that the Dockerfile copies; made once for each content */
export async function ensureAgentContext({ cacheDir, hash, progress }: AgentContext): Promise<string> {
  const folder = join(cacheDir, 'agent-image', hash);
  if (existsSync(folder)) return folder;
  const packages = await ensureAgentPackages({ pinsFolder: agentDir, cacheDir, pythonVersion, progress });
  const making = `${folder}.${process.pid}.new`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(join(making, '..'), { recursive: true });
  // Hard links: hundreds of megabytes that differ in no byte.
  await run('cp', ['--recursive', '--link', packages, making]);
  for (const file of ['chat.mjs', 'chat.py', 'loop.mjs']) cpSync(join(agentDir, file), join(making, file));
  for (const source of ['search', 'scenarios']) {
    cpSync(join(agentDir, source), join(making, source), {
      recursive: true,
      filter: (path) => !basename(path).endsWith('.test.ts') && basename(path) !== '__pycache__',
    });
  }
  renameSync(making, folder);
  return folder;
}
