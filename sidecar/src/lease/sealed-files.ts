// The sealed values and the key service token, as the kubelet keeps them up to date in the private volume.
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

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
  UNUSABLE_CODES,
  type UnusableCode,
} from '@seks/crds';

import { codeOf } from '../forward/upstream-error.ts';

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
  /** remembers that what stands at the source cannot be opened, until something else stands there */
  reject(source: InjectedSource, envelope: Envelope, problem: SeksError): void;
  /** changes whenever the kubelet has refreshed the volume */
  version(): Promise<string>;
}

/** the private volume, mounted at `directory` */
export function createPrivateFiles(directory: string): PrivateFiles {
  const rejected = new Map<string, { envelope: Envelope; problem: SeksError }>();
  const pathOf = ({ secret, key }: InjectedSource): string => join(directory, SEALED_DIRECTORY, secret, key);
  return {
    async token() {
      const text = await readIfPresent(join(directory, KEYSERVICE_TOKEN_FILE));
      if (text === undefined)
        throw new SeksError('SEKS_INTERNAL', 'The pod has no token for the key service.');
      return new Secret('pod-token', text.trim());
    },
    async source(source) {
      const text = await readIfPresent(pathOf(source));
      if (text === undefined) return { report: { state: 'missing' } };
      const finding = describeSource(text);
      const known = rejected.get(pathOf(source));
      const isKnown = known !== undefined && isDeepStrictEqual(known.envelope, finding.envelope);
      return isKnown ? unusable(known.problem) : finding;
    },
    reject(source, envelope, problem) {
      rejected.set(pathOf(source), { envelope, problem });
    },
    async version() {
      // The kubelet writes a new directory and then renames the link `..data` to it: one step for all files.
      return readlink(join(directory, '..data')).catch(() => '');
    },
  };
}

/** whether the key service has to be told of the error, because it cannot find it itself */
export function isUnusable(error: SeksError): error is SeksError & { code: UnusableCode } {
  return UNUSABLE_CODES.some((code) => code === error.code);
}

function unusable(problem: SeksError): SourceFinding {
  const code = isUnusable(problem) ? problem.code : 'SEKS_SECRET_NOT_SEALED';
  return { report: { state: 'unusable', code }, problem };
}

function describeSource(text: string): SourceFinding {
  try {
    const envelope = parseEnvelope(text);
    return { report: { state: 'sealed', header: headerOf(envelope) }, envelope };
  } catch (cause) {
    return unusable(toSeksError(cause));
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    // Whatever it is, an envelope is not that long.
    return bytes.subarray(0, MAX_ENVELOPE_BYTES + 1).toString('utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new SeksError('SEKS_INTERNAL', 'A file of the private volume cannot be read.', { cause });
  }
}
