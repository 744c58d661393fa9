// The variables that one credential brings into one container.
import { AGENT_PORT } from '@seks/crds';
import type { InterceptMode, Provider, SeksCredential } from '@seks/crds';

import type { PlacedContainer, RawPod } from './raw-pod.ts';
import { placedContainers } from './raw-pod.ts';

export interface Variable {
  name: string;
  value: string;
}

/** containers that get the credential: the named ones, else all but ephemeral ones */
export function chosenContainers(pod: RawPod, credential: SeksCredential): PlacedContainer[] {
  return placedContainers(pod).filter(
    ({ list, container }) =>
      list !== 'ephemeralContainers' && (credential.containers?.includes(container.name) ?? true),
  );
}

/** a credential with what decides about its variables */
export interface BoundCredential {
  credential: SeksCredential;
  /** with the binding's parameters filled in */
  provider: Provider;
  modes: readonly InterceptMode[];
}

/** names that get the fake token: the binding's, else the provider's */
export function keyNames({ credential, provider }: BoundCredential): readonly string[] {
  return credential.env?.key ?? provider.spec.env.key;
}

/** every variable of the credential; `env` of the binding replaces the provider's names, its constants stay */
export function variablesOf(bound: BoundCredential, token: string): Variable[] {
  const { name: provider, spec } = bound.provider;
  const baseUrl = `http://127.0.0.1:${AGENT_PORT}/${provider}${spec.env.baseUrlPath ?? ''}`;
  return [
    ...keyNames(bound).map((name) => ({ name, value: token })),
    ...baseUrlNames(bound).map((name) => ({ name, value: baseUrl })),
    ...(spec.env.constants ?? []),
  ];
}

/** names in the binding count in any mode: whoever wrote them wants them */
function baseUrlNames({ credential, provider, modes }: BoundCredential): readonly string[] {
  if (credential.env !== undefined) return credential.env.baseUrl ?? [];
  return modes.includes('BaseURL') ? (provider.spec.env.baseUrl ?? []) : [];
}
