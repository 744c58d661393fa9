// Which credentials a pod gets from the bindings that select it, with a new fake token for each container.
import { SeksError, interceptModes, makeFakeToken } from '@seks/crds';
import type { InjectedBinding, Provider, SeksBinding, SeksCredential, Secret } from '@seks/crds';

import { boundProvider, limitsProblem } from '../policy/bound-provider.ts';
import type { Claim } from './env-change.ts';
import type { RawPod } from './raw-pod.ts';
import { chosenContainers, variablesOf } from './variables.ts';
import type { BoundCredential } from './variables.ts';

/** what one credential brings to one pod */
interface Grant extends BoundCredential {
  /** by container name */
  tokens: ReadonlyMap<string, Secret<'fake-token'>>;
}

export interface BindingGrants {
  binding: SeksBinding;
  grants: readonly Grant[];
}

export interface GrantDeps {
  provider: (name: string) => Provider;
  randomBytes: (size: number) => Uint8Array;
}

/**
 * makes the tokens
 *
 * @throws SeksError SEKS_PROVIDER_UNKNOWN, SEKS_PROVIDER_INVALID, SEKS_PARAMETER_INVALID
 */
export function grantCredentials(
  pod: RawPod,
  bindings: readonly SeksBinding[],
  deps: GrantDeps,
): BindingGrants[] {
  return bindings.map((binding) => ({
    binding,
    grants: binding.spec.credentials.map((credential) => {
      const provider = boundProvider(credential, deps.provider);
      const modes = interceptModes(provider, credential.intercept);
      const tokens = chosenContainers(pod, credential).map(
        ({ container }) =>
          [container.name, makeFakeToken(provider.spec.fakeToken, deps.randomBytes)] as const,
      );
      return { credential, provider, modes, tokens: new Map(tokens) };
    }),
  }));
}

/** the config's entry of a binding; a credential that no container of the pod gets is left out, with its key */
export function injectedBinding({ binding, grants }: BindingGrants): InjectedBinding {
  const { uid, name } = binding.metadata;
  if (uid === undefined) throw new SeksError('SEKS_INTERNAL', `The SeksBinding ${name} has no uid.`);
  return {
    uid,
    name,
    agent: binding.spec.agent ?? name,
    credentials: grants
      .filter(({ tokens }) => tokens.size > 0)
      .map(({ credential, tokens }) => ({
        name: credential.name,
        provider: credential.provider,
        sources: injectedSources(credential),
        tokens: [...tokens].map(([container, token]) => ({ container, sha256: token.sha256() })),
      })),
  };
}

/** sources as they stand in the config */
export function injectedSources(
  credential: SeksCredential,
): InjectedBinding['credentials'][number]['sources'] {
  return credential.sources.map(({ tier, secretRef }) => ({
    tier,
    secret: secretRef.name,
    key: secretRef.key,
  }));
}

/** what the credentials claim in one container, in the order of bindings and credentials */
export function claimsIn(container: string, granted: readonly BindingGrants[]): Claim[] {
  return granted.flatMap(({ binding, grants }) =>
    grants.flatMap((grant) => {
      const owner = `${binding.metadata.name}/${grant.credential.name}`;
      const variables = grant.tokens.get(container)?.reveal((token) => variablesOf(grant, token.toString()));
      return (variables ?? []).map((variable) => ({ ...variable, owner }));
    }),
  );
}

/** what the author of binding or pod should know, although the pod may start */
export function grantWarnings(granted: readonly BindingGrants[], nowMs: number): string[] {
  return granted.flatMap(({ binding: { metadata, spec }, grants }) => [
    ...(spec.suspend === true
      ? [`SeksBinding ${metadata.name} is suspended; its keys do not work now.`]
      : []),
    ...(spec.expiresAt !== undefined && !(Date.parse(spec.expiresAt) > nowMs)
      ? [`SeksBinding ${metadata.name} has expired; its keys do not work now.`]
      : []),
    ...grants
      .filter(({ tokens }) => tokens.size === 0)
      .map(({ credential }) => `No container of the pod is named by ${metadata.name}/${credential.name}.`),
    ...grants.flatMap(({ credential, provider }) => {
      const unkept = limitsProblem(provider, credential);
      return unkept === undefined
        ? []
        : [`${metadata.name}/${credential.name} gets no key: ${unkept.message}`];
    }),
  ]);
}
