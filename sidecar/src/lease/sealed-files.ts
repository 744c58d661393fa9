// The sealed values and the key service token, as the kubelet keeps them up to date in the private volume.
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

import {
  type Envelope,
  headerOf,
  KEYSERVICE_TOKEN_FILE,
  MAX_ENVELOPE_BYTES,
  parseEnvelope,
  SEALED_DIRECTORY,
  Secret,
  SeksError,
  toSeksError,
  type InjectedSource,
  type SourceReport,
} from '@seks/crds';

/** what stands at one source's path */
export interface SourceFinding {
  /** what the key service is told */
  report: SourceReport;
  envelope?: Envelope;
  /** what exactly is wrong with a value that is no envelope */
  problem?: SeksError;
}

/** reads the private volume */
export interface PrivateFiles {
  token(): Promise<Secret<'pod-token'>>;
  source(source: InjectedSource): Promise<SourceFinding>;
  /** changes whenever the kubelet has refreshed the volume */
  version(): Promise<string>;
}

/** the private volume, mounted at `directory` */
export function createPrivateFiles(directory: string): PrivateFiles {
  return {
    async token() {
      return new Secret('pod-token', (await readFile(join(directory, KEYSERVICE_TOKEN_FILE), 'utf8')).trim());
    },
    async source({ secret, key }) {
      return describeSource(await readIfPresent(join(directory, SEALED_DIRECTORY, secret, key)));
    },
    async version() {
      // The kubelet writes a new directory and then renames the link `..data` to it: one step for all files.
      return readlink(join(directory, '..data')).catch(() => '');
    },
  };
}

function describeSource(text: string | undefined): SourceFinding {
  if (text === undefined) return { report: { state: 'missing' } };
  try {
    const envelope = parseEnvelope(text);
    return { report: { state: 'sealed', header: headerOf(envelope) }, envelope };
  } catch (cause) {
    return { report: { state: 'not-sealed' }, problem: toSeksError(cause) };
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    // Whatever it is, an envelope is not that long.
    return bytes.subarray(0, MAX_ENVELOPE_BYTES + 1).toString('utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new SeksError('SEKS_INTERNAL', 'A file of the private volume cannot be read.', { cause });
  }
}
