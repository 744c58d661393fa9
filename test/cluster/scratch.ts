import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unmountBelow } from './local/mounts.ts';

/**
 * Runs `work` with a folder of its own that is gone afterwards. It lies in the cache, so that results can be renamed
 * into place. The caller holds a lock for `purpose`: folders of the same purpose are what an interrupted run left.
 */
export async function withScratchDir<T>(
  cacheDir: string,
  purpose: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const parent = join(cacheDir, 'tmp');
  mkdirSync(parent, { recursive: true });
  for (const entry of readdirSync(parent)) {
    if (isScratchOf(entry, purpose)) await remove(join(parent, entry));
  }
  const folder = mkdtempSync(join(parent, `${purpose}-`));
  try {
    return await work(folder);
  } finally {
    await remove(folder);
  }
}

/** The purpose, a dash and six characters: `tools-helm` must not take `tools-helm-x-AbCdEf` for its own. */
export function isScratchOf(entry: string, purpose: string): boolean {
  return entry.startsWith(`${purpose}-`) && /^[A-Za-z0-9]{6}$/.test(entry.slice(purpose.length + 1));
}

/** What was bootstrapped in it may still be mounted from the machine; never delete through a mount. */
async function remove(folder: string): Promise<void> {
  const busy = await unmountBelow([folder]);
  if (busy.length === 0) rmSync(folder, { recursive: true, force: true });
}
