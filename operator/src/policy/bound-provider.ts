// What a credential of a binding makes of its provider: hosts with the binding's parameters, and whether its limits can be kept.
// Webhook, controller and key service must give the same answer.
import { SeksError, fillParameters } from '@seks/crds';
import type { Provider, SeksCredential } from '@seks/crds';

/**
 * the credential's provider, with the binding's parameters in its hosts
 *
 * @throws SeksError SEKS_PROVIDER_UNKNOWN, SEKS_PROVIDER_INVALID, SEKS_PARAMETER_INVALID
 */
export function boundProvider(credential: SeksCredential, provider: (name: string) => Provider): Provider {
  return fillParameters(provider(credential.provider), credential.parameters);
}

/**
 * Why the credential's models or limits could not be enforced at this provider, or `undefined` if they can. S7: a limit that nothing
 * counts against is refused as a whole, not left out.
 */
export function limitsProblem({ spec, name }: Provider, credential: SeksCredential): SeksError | undefined {
  const { models, limits } = credential;
  if (models !== undefined && spec.modelFrom === undefined) {
    return unenforceable(`Requests to ${name} name no model, so models could not be kept.`);
  }
  if (limits?.usdPerDay !== undefined && (spec.prices === undefined || spec.usage === undefined)) {
    return unenforceable(
      `Provider ${name} has no prices or reports no tokens, which limits.usdPerDay needs.`,
    );
  }
  if (limits?.tokensPerDay !== undefined && spec.usage === undefined) {
    return unenforceable(`Provider ${name} reports no tokens, which limits.tokensPerDay needs.`);
  }
  return undefined;
}

function unenforceable(detail: string): SeksError {
  return new SeksError('SEKS_LIMIT_UNENFORCEABLE', detail);
}
