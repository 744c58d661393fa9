// Under which names the API server accepts tokens. A pod's projected token that names one of them is an API token, just
// as one that names none (S2); the only place where these names can be read is a token that the API server made.

import { SeksError } from '@seks/crds';

/** audiences and issuer of the ServiceAccount token in an Authorization header; none if it holds no JWT (RFC 7519) */
export function audiencesOfAuthorization(authorization: string | undefined): string[] {
  const payload = authorization?.split('.')[1];
  if (payload === undefined) return [];
  const claims = parse(payload);
  return [claims?.aud, claims?.iss].flat().filter((name): name is string => typeof name === 'string');
}

/**
 * as {@link audiencesOfAuthorization}, for a process that runs as a ServiceAccount
 *
 * @throws SeksError SEKS_CONFIG_INVALID if there are none: API tokens could not be told from others then
 */
export function requireApiAudiences(authorization: string | undefined): string[] {
  const names = audiencesOfAuthorization(authorization);
  if (names.length > 0) return names;
  throw new SeksError('SEKS_CONFIG_INVALID', 'The ServiceAccount token of this pod names no audience.');
}

function parse(payload: string): { aud?: unknown; iss?: unknown } | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}
