// `kubectl seks seal`: a provider key becomes a sealed Secret that may be committed to Git.
import { BUILT_IN_PROVIDERS, checkSealContext, sealContextFor, sealKey } from '@seks/crds';
import type { SealContext, Secret, WrappedDataKey } from '@seks/crds';
import type { Kms } from '@seks/operator/kms';

import { CliError } from './cli-error.ts';
import { isMissing, say } from './io.ts';
import type { Io } from './io.ts';
import { mergeIntoManifest, secretManifest } from './manifest.ts';
import { readPlainKey } from './plain-key.ts';
import { sealingKeys } from './sealing-keys.ts';
import type { SealingKeyOptions } from './sealing-keys.ts';

export interface SealOptions extends SealingKeyOptions {
  provider: string;
  namespace: string;
  name: string;
  key: string;
  scope: SealContext['scope'];
  fromFile?: string;
  literal?: string;
  mergeInto?: string;
  output?: 'yaml' | 'json';
  raw?: boolean;
}

/** seals one key and prints the manifest, or merges it into a file */
export async function seal(options: SealOptions, io: Io): Promise<void> {
  checkCombinations(options);
  const ctx = contextOf(options);
  if (!BUILT_IN_PROVIDERS.some(({ name }) => name === options.provider)) {
    say(
      io,
      'note',
      `provider ${options.provider} is not built in; the cluster needs a SeksProvider of that name`,
    );
  }
  // Before the key is asked for: a typed key should not be lost to an unreachable cluster.
  const keys = await sealingKeys(options, io);
  const plaintext = await readPlainKey(options, io);
  try {
    const envelope = await sealFor(keys, plaintext, ctx, io);
    await write(envelope, options, io);
  } finally {
    plaintext.erase();
  }
}

function checkCombinations(options: SealOptions): void {
  const given = (names: readonly (keyof SealOptions)[]): boolean =>
    names.filter((name) => options[name] !== undefined && options[name] !== false).length > 1;
  if (given(['fromFile', 'literal'])) throw new CliError('--from-file and --literal exclude each other');
  if (given(['raw', 'mergeInto', 'output'])) {
    throw new CliError('--raw, --merge-into and --output exclude each other', {
      hint: 'the file to merge into keeps its format; --raw prints the envelope alone',
    });
  }
}

function contextOf({ scope, namespace, name, key, provider }: SealOptions): SealContext {
  const found = { namespace, secret: name, key, provider };
  const problem = checkSealContext(sealContextFor('strict', found));
  if (problem !== undefined) {
    throw new CliError(problem, {
      hint: 'use the names as they stand in the cluster: --namespace, --name, --key, --provider',
    });
  }
  return sealContextFor(scope, found);
}

async function sealFor(
  [first, ...others]: [Kms, ...Kms[]],
  plaintext: Secret<'provider-key'>,
  ctx: SealContext,
  io: Io,
): Promise<string> {
  const { dataKey, wrapped } = await first.wrap(ctx, io.signal);
  try {
    const more = await Promise.all(others.map(async (kms) => kms.wrapExisting(dataKey, ctx, io.signal)));
    const edks: WrappedDataKey[] = [wrapped, ...more];
    if (new Set(edks.map(({ kid }) => kid)).size < edks.length) {
      throw new CliError('two of the sealing keys are the same', {
        hint: 'name each --cert and --aws-key-id once',
      });
    }
    return await sealKey(plaintext, ctx, { dataKey, edks }, (size) => io.randomBytes(size));
  } finally {
    dataKey.erase();
  }
}

async function write(envelope: string, options: SealOptions, io: Io): Promise<void> {
  const { namespace, name: secret, key, mergeInto: path } = options;
  if (options.raw === true) return io.out(`${envelope}\n`);
  const sealed = { namespace, secret, key, envelope };
  if (path === undefined) return io.out(secretManifest(sealed, options.output ?? 'yaml'));
  const before = await io.readFile(path).catch((cause: unknown) => {
    if (isMissing(cause)) return Buffer.alloc(0);
    throw new CliError(`the file to merge into, ${path}, cannot be read`, { cause });
  });
  await io.replaceFile(
    path,
    mergeIntoManifest(before.toString(), sealed, path.endsWith('.json') ? 'json' : 'yaml'),
  );
  say(io, 'note', `${before.length === 0 ? 'wrote' : 'updated'} ${path}: ${namespace}/${secret}[${key}]`);
}
