// `kubectl seks validate`: would the cluster accept these sealed Secrets where their manifests put them? Offline, so it
// cannot say whether a KMS would unwrap them, nor whether the ciphertext is intact.
import { LABEL_SEALED, checkContext, headerOf, parseEnvelope, readContext } from '@seks/crds';

import { CliError, EXIT_FINDINGS, EXIT_OK, toCliError } from './cli-error.ts';
import { say } from './io.ts';
import type { Io } from './io.ts';
import { readSecrets } from './manifest.ts';
import type { SecretManifest, SecretValue } from './manifest.ts';
import { readInput } from './read-input.ts';

export interface ValidateOptions {
  /** namespace of Secrets whose manifest names none, as with kustomize */
  namespace?: string;
}

interface Verdict {
  place: string;
  /** what is wrong; absent: nothing */
  problem?: string;
  hint?: string | undefined;
}

/** checks each sealed Secret of the files and prints one line for each value; returns the exit code */
export async function validate(paths: readonly string[], options: ValidateOptions, io: Io): Promise<number> {
  const verdicts: Verdict[] = [];
  // One after the other: `-` may be one of them, and the lines follow the arguments.
  for (const path of paths) {
    const text = await readInput(path, io);
    verdicts.push(...verdictsOn(path, text, options));
  }
  for (const { place, problem, hint } of verdicts) {
    io.out(`${place}: ${problem === undefined ? 'ok' : `error: ${problem}`}\n`);
    if (hint !== undefined) io.out(`${place}: hint: ${hint}\n`);
  }
  const bad = verdicts.filter(({ problem }) => problem !== undefined).length;
  if (verdicts.length === 0) say(io, 'note', `no Secret with the label ${LABEL_SEALED}: "true" was found`);
  else say(io, 'note', `sealed values: ${verdicts.length}, with problems: ${bad}`);
  return bad === 0 ? EXIT_OK : EXIT_FINDINGS;
}

function verdictsOn(path: string, text: string, options: ValidateOptions): Verdict[] {
  try {
    return readSecrets(text).flatMap((secret) => onSecret(path, secret, options));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [{ place: path, problem: error.message, hint: error.hint }];
  }
}

function onSecret(path: string, secret: SecretManifest, options: ValidateOptions): Verdict[] {
  const namespace = secret.namespace ?? options.namespace;
  const place = `${path}: ${namespace ?? '-'}/${secret.name ?? '-'}`;
  if (!secret.labelled) {
    if (!secret.values.some(({ value }) => isEnvelope(value))) return [];
    const problem = `it holds an envelope but no label ${LABEL_SEALED}: "true"`;
    return [{ place, problem, hint: 'add the label, so that nobody takes the envelope for a key' }];
  }
  if (secret.values.length === 0) return [{ place, problem: 'it is labelled as sealed but has no values' }];
  return secret.values.map(({ key, value }) => ({
    place: `${place}[${key}]`,
    ...onValue(value, { namespace, secret: secret.name, key }),
  }));
}

function onValue(
  value: SecretValue['value'],
  { namespace, secret, key }: { namespace: string | undefined; secret: string | undefined; key: string },
): Omit<Verdict, 'place'> {
  if ('problem' in value) return { problem: value.problem };
  if (namespace === undefined)
    return { problem: 'the manifest names no namespace', hint: 'give --namespace' };
  if (secret === undefined) return { problem: 'the manifest names no Secret', hint: 'set metadata.name' };
  try {
    const header = headerOf(parseEnvelope(value.text));
    // A manifest does not say which provider the key is used with; the key service checks that.
    checkContext(header, { namespace, secret, key, provider: readContext(header).provider });
    return {};
  } catch (error) {
    const { message, hint } = toCliError(error);
    return { problem: message, hint };
  }
}

function isEnvelope(value: SecretValue['value']): boolean {
  try {
    if ('text' in value) parseEnvelope(value.text);
    return 'text' in value;
  } catch {
    return false;
  }
}
