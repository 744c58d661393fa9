// Recognises a Kubernetes ServiceAccount token (a JWS in compact form) by its claims, so that none needs to be known.
import { fingerprint, type Fingerprint } from './fingerprint.ts';

export const TOKEN_NAME = 'Kubernetes API token';
export const MAX_TOKEN_BYTES = 8_192;

/** how a token begins: `{"alg":"RS256",…` and `{"alg":"ES256",…` in base64, as far as a window reaches */
const BEGINNINGS = ['{"alg":"RS256"', '{"alg":"ES256"'];

export const ALGORITHM_WINDOWS: ReadonlySet<number> = new Set(
  BEGINNINGS.map((text): Fingerprint =>
    fingerprint(text, Buffer.from(Buffer.from(text).toString('base64url'))),
  ).map(({ window }) => window),
);

export function isServiceAccountToken(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, MAX_TOKEN_BYTES);
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]{16,}/.exec(text)?.[1];
  if (payload === undefined) return false;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && 'kubernetes.io' in claims;
  } catch {
    return false;
  }
}
