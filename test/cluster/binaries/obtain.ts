import { accessSync, chmodSync, constants, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from '../command.ts';
import { CannotRunHere } from '../failures.ts';
import { withMachineLock } from '../machine-lock.ts';
import type { Environment } from '../paths.ts';
import type { Progress } from '../progress.ts';
import { withScratchDir } from '../scratch.ts';
import { toolSources, type Download, type ToolSet, type ToolSource } from './catalogue.ts';
import { fetchChecked } from './download.ts';
import { findGo, goBuild } from './go-build.ts';

export interface ObtainContext {
  readonly cacheDir: string;
  readonly env: Environment;
  readonly progress: Progress;
}

/** Folder names carry the version, so that a changed version is a cache miss and never a stale hit. */
export function toolDir(cacheDir: string, set: ToolSet): string {
  return join(cacheDir, 'bin', `${set}-${toolSources[set].version}`);
}

/** Where a binary is, or will be: in the folder that the environment names, else in the cache. */
export function toolFile(cacheDir: string, env: Environment, set: ToolSet, binary: string): string {
  const named = env['SEKS_KUBE_BIN_DIR'];
  if (named !== undefined && named !== '' && isExecutable(join(named, binary))) return join(named, binary);
  return join(toolDir(cacheDir, set), binary);
}

/**
 * Sees to it that all binaries of a set exist: those named by the environment, else the cache, else the official
 * download, else a build from Go modules.
 */
export async function obtainTools(set: ToolSet, context: ObtainContext): Promise<void> {
  if (missingBinaries(set, context).length === 0) return;
  const lock = {
    timeoutMs: 60 * 60_000,
    onWait: (holder: string) => context.progress.say(`${holder} is already making ${set}; waiting for it`),
  };
  await withMachineLock(`tools-${set}`, lock, async () => {
    const missing = missingBinaries(set, context);
    if (missing.length === 0) return;
    const source = toolSources[set];
    await withScratchDir(context.cacheDir, `tools-${set}`, async (scratch) => {
      const downloaded = await context.progress.step(`download ${set} ${source.version}`, () =>
        downloadAll(source, missing, scratch),
      );
      if (!downloaded) {
        context.progress.say(`no official download of ${set} can be reached from here`);
        await context.progress.step(`build ${set} ${source.version} from Go modules`, (note) =>
          goBuild(source, join(context.cacheDir, 'build', `${set}-${source.version}`), scratch, note),
        );
      }
      for (const binary of missing)
        install(join(scratch, binary), join(toolDir(context.cacheDir, set), binary));
    });
  });
}

/** Refuses early, before minutes of building, when neither cache, download nor build can give the binaries. */
export async function checkToolsObtainable(set: ToolSet, context: ObtainContext): Promise<void> {
  const missing = missingBinaries(set, context)[0];
  if (missing === undefined) return;
  const download = toolSources[set].download(missing, architecture());
  if (download !== undefined && (await canReach(download))) return;
  await findGo();
}

export function missingBinaries(set: ToolSet, context: Pick<ObtainContext, 'cacheDir' | 'env'>): string[] {
  return toolSources[set].binaries.filter(
    (binary) => !isExecutable(toolFile(context.cacheDir, context.env, set, binary)),
  );
}

/** As Go and the download sites call it. */
export function architecture(arch: string = process.arch): string {
  if (arch === 'x64') return 'amd64';
  if (arch === 'arm64') return 'arm64';
  throw new CannotRunHere(
    `the processor architecture ${arch} is not supported`,
    'use an x86_64 or arm64 machine',
  );
}

async function canReach(download: Download): Promise<boolean> {
  try {
    return (await fetch(download.checksumUrl, { signal: AbortSignal.timeout(3_000) })).ok;
  } catch {
    return false;
  }
}

async function downloadAll(
  source: ToolSource,
  binaries: readonly string[],
  scratch: string,
): Promise<boolean> {
  for (const binary of binaries) {
    const download = source.download(binary, architecture());
    if (download === undefined) return false;
    const bytes = await fetchChecked(download);
    if (bytes === undefined) return false;
    if (download.memberOfArchive === undefined) {
      writeFileSync(join(scratch, binary), bytes);
    } else {
      const archive = join(scratch, 'archive.tar.gz');
      writeFileSync(archive, bytes);
      await run('tar', ['-xzf', archive, '-C', scratch, download.memberOfArchive]);
      if (download.memberOfArchive !== basename(download.memberOfArchive)) {
        renameSync(join(scratch, download.memberOfArchive), join(scratch, binary));
      }
    }
  }
  return true;
}

/** A binary appears under its name whole or not at all. */
function install(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true });
  const temporary = `${to}.${process.pid}.new`;
  renameSync(from, temporary);
  chmodSync(temporary, 0o755);
  renameSync(temporary, to);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
