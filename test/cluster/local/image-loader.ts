import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeFileAtomically } from '../atomic-file.ts';
import { StepFailed } from '../failures.ts';
import type { ContainerRuntime } from './containers.ts';

/** What an archive made by `buildImage` holds; written beside it, because reading it out of the archive is slow. */
export interface ArchiveNote {
  readonly tag: string;
  readonly imageId: string;
}

export const archiveNotePath = (archive: string): string => `${archive}.json`;

export function readArchiveNote(archive: string): ArchiveNote | undefined {
  const { tag, imageId } = (readJsonFile(archiveNotePath(archive)) ?? {}) as Partial<ArchiveNote>;
  return tag === undefined || imageId === undefined ? undefined : { tag, imageId };
}

/** Imports an archive, unless the very image is there already: importing a large one takes seconds. */
export async function loadIntoNode(
  archive: string,
  runtime: ContainerRuntime,
  stateDir: string,
): Promise<'imported' | 'present'> {
  if (!(await runtime.isReady())) throw new StepFailed('the local cluster is not running; bring it up first');
  const note = readArchiveNote(archive);
  // In containerd's own folder, so that forgetting the images forgets this, too.
  const record = join(stateDir, 'containerd', 'loaded', `${encodeURIComponent(note?.tag ?? '')}.id`);
  if (note !== undefined && readText(record) === note.imageId && (await runtime.hasImage(note.tag)))
    return 'present';
  await runtime.importImage(archive);
  if (note !== undefined) writeFileAtomically(record, note.imageId);
  return 'imported';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
