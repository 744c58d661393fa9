// Whether a running pod would be injected the same way today, for the count of outdated pods.
import { createHash } from 'node:crypto';

import type { InjectedCredential, InjectionConfig, Provider, SeksBinding, SeksCredential } from '@seks/crds';

import { canonicalJson } from './canonical-json.ts';
import { injectedSources } from './grants.ts';
import { parsePod } from './raw-pod.ts';
import type { RawEnvVar, RawPod } from './raw-pod.ts';
import { chosenContainers, keyNames, variablesOf } from './variables.ts';

export interface CurrentRequest {
  /** config of the pod's verified seal */
  config: InjectionConfig;
  binding: SeksBinding;
  /** the pod as JSON */
  pod: unknown;
  /** throws SeksError for a provider that cannot be used, which counts as outdated */
  provider: (name: string) => Provider;
}

/** false once the pod needs a restart to get the binding as it is now: credentials, sources, containers, variables */
export function bindingCurrent({ config, binding, pod: raw, provider }: CurrentRequest): boolean {
  const injected = config.bindings.find(({ uid }) => uid === binding.metadata.uid);
  if (injected === undefined || injected.agent !== (binding.spec.agent ?? binding.metadata.name))
    return false;
  try {
    const pod = parsePod(raw);
    const wanted = binding.spec.credentials.filter((c) => injectedContainers(config, pod, c).size > 0);
    return (
      wanted.length === injected.credentials.length &&
      wanted.every((credential) => {
        const found = injected.credentials.find(({ name }) => name === credential.name);
        return found !== undefined && credentialCurrent(config, credential, found, pod, provider);
      })
    );
  } catch {
    return false;
  }
}

function credentialCurrent(
  config: InjectionConfig,
  credential: SeksCredential,
  found: InjectedCredential,
  pod: RawPod,
  provider: (name: string) => Provider,
): boolean {
  const containers = injectedContainers(config, pod, credential);
  return (
    found.provider === credential.provider &&
    canonicalJson(found.sources) === canonicalJson(injectedSources(credential)) &&
    found.tokens.length === containers.size &&
    found.tokens.every(({ container, sha256 }) => {
      const env = containers.get(container);
      return env !== undefined && variablesCurrent(credential, provider(credential.provider), env, sha256);
    })
  );
}

function variablesCurrent(
  credential: SeksCredential,
  provider: Provider,
  env: readonly RawEnvVar[],
  sha256: string,
): boolean {
  const holders = env.filter(({ value = '' }) => digest(value) === sha256);
  const token = holders[0]?.value;
  return (
    token !== undefined &&
    holders.length === new Set(keyNames(credential, provider)).size &&
    variablesOf(credential, provider, token).every(({ name, value }) =>
      env.some((variable) => variable.name === name && (variable.value ?? '') === value),
    )
  );
}

/**
 * Containers that the credential is for, with their variables. Those without any token are left out where the binding names
 * none: another webhook added them after ours, and a restart would not change that.
 */
function injectedContainers(
  config: InjectionConfig,
  pod: RawPod,
  credential: SeksCredential,
): Map<string, readonly RawEnvVar[]> {
  const served = new Set(
    config.bindings.flatMap(({ credentials }) =>
      credentials.flatMap(({ tokens }) => tokens.map(({ container }) => container)),
    ),
  );
  return new Map(
    chosenContainers(pod, credential)
      .filter(({ container: { name } }) => credential.containers !== undefined || served.has(name))
      .map(({ container }) => [container.name, container.env ?? []]),
  );
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}
