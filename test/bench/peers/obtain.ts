// Other people's proxies, installed once for each version and kept in the cache. One that cannot be installed is reported, with the
// reason, and the others run.
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { withMachineLock } from '../../cluster/machine-lock.ts';
import type { Progress } from '../../cluster/progress.ts';

export interface Peer {
  name: string;
  version: string;
  /** what is run, below the peer's folder */
  program: string;
  /** fills the folder, which is empty and stays where it is: virtual environments of Python cannot be moved */
  install(folder: string, note: (text: string) => void): Promise<void>;
}

export interface ObtainOptions {
  peersDir: string;
  mayInstall: boolean;
  progress: Progress;
}

/** is written last, so that an interrupted installation is not taken for one */
const COMPLETE = '.complete';
const LOCK_TIMEOUT_MS = 45 * 60_000;

/**
 * the path of a peer's program, which is installed first if need be
 *
 * @throws Error with the reason why there is none
 */
export async function obtainPeer(
  peer: Peer,
  { peersDir, mayInstall, progress }: ObtainOptions,
): Promise<string> {
  const folder = join(peersDir, `${peer.name}-${peer.version}`);
  const program = join(folder, peer.program);
  const isThere = (): boolean => existsSync(join(folder, COMPLETE)) && existsSync(program);
  if (isThere()) return program;
  if (!mayInstall) throw new Error('not installed yet, and --no-install was given');
  const lock = {
    timeoutMs: LOCK_TIMEOUT_MS,
    onWait: (holder: string) => progress.say(`${holder} is installing ${peer.name}; waiting for it`),
  };
  await withMachineLock(`bench-peer-${peer.name}`, lock, async () => {
    if (isThere()) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await progress.step(`install ${peer.name} ${peer.version}`, (note) => peer.install(folder, note));
    if (!existsSync(program)) throw new Error(`the installation brought no ${peer.program}`);
    await writeFile(join(folder, COMPLETE), '');
  });
  return program;
}
