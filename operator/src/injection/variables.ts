// The variables that one credential brings into one container.
import { AGENT_PORT } from '@seks/crds';
import type { Provider, SeksCredential } from '@seks/crds';

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

/** names that get the fake token: the binding's, else the provider's */
export function keyNames(credential: SeksCredential, { spec }: Provider): readonly string[] {
  return credential.env?.key ?? spec.env.key;
}

/** every variable of the credential; `env` of the binding replaces the provider's names, its constants stay */
export function variablesOf(credential: SeksCredential, provider: Provider, token: string): Variable[] {
  const { env } = provider.spec;
  const baseUrl = `http://127.0.0.1:${AGENT_PORT}/${provider.name}${env.baseUrlPath ?? ''}`;
  const baseUrlNames = credential.env === undefined ? env.baseUrl : credential.env.baseUrl;
  return [
    ...keyNames(credential, provider).map((name) => ({ name, value: token })),
    ...(baseUrlNames ?? []).map((name) => ({ name, value: baseUrl })),
    ...(env.constants ?? []),
  ];
}
