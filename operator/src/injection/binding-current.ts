// Whether a running pod would be injected the same way today, for the count of outdated pods.
import { createHash } from 'node:crypto';

import { interceptModes } from '@seks/crds';
import type { InjectedCredential, InjectionConfig, Provider, SeksBinding, SeksCredential } from '@seks/crds';

import { boundProvider } from '../policy/bound-provider.ts';
import { canonicalJson } from './canonical-json.ts';
import { injectedSources } from './grants.ts';
import { interceptionOf } from './interception.ts';
import { parsePod } from './raw-pod.ts';
import type { RawEnvVar, RawPod } from './raw-pod.ts';
import { servedContainers } from './sidecar.ts';
import { chosenContainers, keyNames, variablesOf } from './variables.ts';
import type { BoundCredential } from './variables.ts';

export interface CurrentRequest {
  /** config of the pod's verified seal */
  config: InjectionConfig;
  binding: SeksBinding;
  /** the pod as JSON */
  pod: unknown;
  /** throws SeksError for a provider that cannot be used, which counts as outdated */
  provider: (name: string) => Provider;
}

/** false once the pod needs a restart to get the binding as it is now: credentials, sources, containers, variables, hosts */
export function bindingCurrent({ config, binding, pod: raw, provider }: CurrentRequest): boolean {
  const injected = config.bindings.find(({ uid }) => uid === binding.metadata.uid);
  if (injected === undefined || injected.agent !== (binding.spec.agent ?? binding.metadata.name))
    return false;
  try {
    const pod = parsePod(raw);
    const wanted = binding.spec.credentials
      .filter((credential) => injectedContainers(config, pod, credential).size > 0)
      .map((credential) => bind(credential, provider));
    return (
      wanted.length === injected.credentials.length &&
      hostsCurrent(config, wanted) &&
      wanted.every((bound) => {
        const found = injected.credentials.find(({ name }) => name === bound.credential.name);
        return found !== undefined && credentialCurrent(config, bound, found, pod);
      })
    );
  } catch {
    return false;
  }
}

function bind(credential: SeksCredential, lookup: (name: string) => Provider): BoundCredential {
  const provider = boundProvider(credential, lookup);
  return { credential, provider, modes: interceptModes(provider, credential.intercept) };
}

/** Hosts of other bindings of the pod stand in the config, too: beside them, one that is no longer needed does no harm. */
function hostsCurrent(
  { bindings, interception }: InjectionConfig,
  wanted: readonly BoundCredential[],
): boolean {
  const now = interceptionOf(wanted);
  if (bindings.length === 1) return canonicalJson(now) === canonicalJson(interception);
  return (
    now.aliases.every((host) => interception.aliases.includes(host)) &&
    now.proxied.every((host) => interception.proxied.includes(host))
  );
}

function credentialCurrent(
  config: InjectionConfig,
  bound: BoundCredential,
  found: InjectedCredential,
  pod: RawPod,
): boolean {
  const { credential } = bound;
  const containers = injectedContainers(config, pod, credential);
  return (
    found.provider === credential.provider &&
    canonicalJson(found.sources) === canonicalJson(injectedSources(credential)) &&
    found.tokens.length === containers.size &&
    found.tokens.every(({ container, sha256 }) => {
      const env = containers.get(container);
      return env !== undefined && variablesCurrent(bound, env, sha256);
    })
  );
}

function variablesCurrent(bound: BoundCredential, env: readonly RawEnvVar[], sha256: string): boolean {
  const holders = env.filter(({ value = '' }) => digest(value) === sha256);
  const token = holders[0]?.value;
  return (
    token !== undefined &&
    holders.length === new Set(keyNames(bound)).size &&
    variablesOf(bound, token).every(({ name, value }) =>
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
  const served = servedContainers(config);
  return new Map(
    chosenContainers(pod, credential)
      .filter(({ container: { name } }) => credential.containers !== undefined || served.has(name))
      .map(({ container }) => [container.name, container.env ?? []]),
  );
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}
