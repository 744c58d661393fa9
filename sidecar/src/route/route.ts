// From path and token to the provider's own path. The route decides where a request goes, never the request (S6).
import { SeksError } from '@seks/crds';

import type { TokenEntry } from '../credential/tokens.ts';
import type { Target } from '../request/target.ts';

/** path of a request as the provider will see it */
export interface UpstreamTarget {
  /** raw path and query, to be sent */
  url: string;
  /** path without percent-encoding, to be matched by the policy */
  plainPath: string;
}

/** the provider name that a path starts with, if this pod has that provider */
export function providerOf(target: Target, providers: ReadonlySet<string>): string | undefined {
  const end = target.path.indexOf('/', 1);
  const first = end === -1 ? target.path.slice(1) : target.path.slice(1, end);
  return providers.has(first) ? first : undefined;
}

/**
 * maps `/{provider}/rest` to `/rest`; a path without provider belongs to the token's provider as it stands, because some
 * SDKs cannot carry a path prefix
 *
 * @throws SeksError if path and token name different providers, or neither names one
 */
export function routeRequest(
  target: Target,
  token: TokenEntry | undefined,
  providers: ReadonlySet<string>,
): UpstreamTarget {
  const named = providerOf(target, providers);
  if (token === undefined)
    throw new SeksError(named === undefined ? 'SEKS_ROUTE_UNKNOWN' : 'SEKS_TOKEN_MISSING');
  if (named === undefined) return { url: target.path + target.query, plainPath: target.plainPath };
  if (named !== token.provider) throw new SeksError('SEKS_TOKEN_WRONG_PROVIDER');
  // A provider name holds no percent sign, so both forms of the path start with the same bytes.
  const skip = named.length + 1;
  return {
    url: (target.path.slice(skip) || '/') + target.query,
    plainPath: target.plainPath.slice(skip) || '/',
  };
}
