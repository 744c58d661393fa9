// Which pod is asking: a projected, pod-bound ServiceAccount token, checked by the API server.
import { createHash } from 'node:crypto';

import { AUDIENCE_KEYSERVICE, SeksError } from '@seks/crds';
import type { Secret } from '@seks/crds';

import { KubeApiError } from '../kube/conflict.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import type { TokenReview } from '../kube/objects.ts';
import { TOKEN_REVIEWS } from '../kube/resources.ts';
import { createSingleflight } from '../kube/singleflight.ts';

export interface PodIdentity {
  namespace: string;
  podName: string;
  podUid: string;
  serviceAccountName: string;
}

/** checks a token; rejects with SEKS_LEASE_TOKEN_INVALID, or _NOT_READY while the API server does not answer */
export type IdentifyPod = (token: Secret<'pod-token'>) => Promise<PodIdentity>;

const EXTRA_POD_NAME = 'authentication.kubernetes.io/pod-name';
const EXTRA_POD_UID = 'authentication.kubernetes.io/pod-uid';
/** a token whose pod is gone is refused by the API server; this is how late we may notice */
const CACHE_TTL_MS = 60_000;
const MAX_CACHED = 50_000;

/** asks TokenReview, once for each token in a minute; refusals are never kept */
export function createPodIdentifier(deps: {
  api: Pick<KubeApi, 'create'>;
  clock: () => number;
}): IdentifyPod {
  const { api, clock } = deps;
  const cache = new Map<string, { identity: PodIdentity; untilMs: number }>();
  const once = createSingleflight<PodIdentity>();

  return async (token) => {
    const expiresMs = token.reveal((bytes) => plausibleUntilMs(bytes.toString('latin1'), clock()));
    // By hash: the cache is no second place where tokens are kept.
    const key = token.reveal((bytes) => createHash('sha256').update(bytes).digest('base64url'));
    const known = cache.get(key);
    if (known !== undefined && known.untilMs > clock()) return known.identity;
    cache.delete(key);
    return await once(key, async () => {
      const identity = identityOf(await review(api, token));
      for (const oldest of cache.keys()) {
        if (cache.size < MAX_CACHED) break;
        cache.delete(oldest);
      }
      cache.set(key, { identity, untilMs: Math.min(clock() + CACHE_TTL_MS, expiresMs) });
      return identity;
    });
  };
}

async function review(api: Pick<KubeApi, 'create'>, token: Secret<'pod-token'>): Promise<TokenReview> {
  try {
    const audiences = [AUDIENCE_KEYSERVICE];
    return await token.reveal(async (bytes) => {
      return await api.create(TOKEN_REVIEWS, { spec: { token: bytes.toString('latin1'), audiences } });
    });
  } catch (cause) {
    // Its own rights may be missing (403) or the API server away: neither says anything about the pod's token.
    const detail =
      cause instanceof KubeApiError ? `TokenReview was answered with ${cause.status}.` : undefined;
    throw new SeksError('SEKS_KEYSERVICE_NOT_READY', detail ?? 'TokenReview was not answered.', { cause });
  }
}

function identityOf(review: TokenReview): PodIdentity {
  const { authenticated, audiences, user } = review.status ?? {};
  if (authenticated !== true) throw invalid('The API server does not accept it.');
  if (audiences?.includes(AUDIENCE_KEYSERVICE) !== true) throw invalid('It has another audience.');
  const [, , namespace, serviceAccountName, ...rest] = (user?.username ?? '').split(':');
  const isServiceAccount = user?.username?.startsWith('system:serviceaccount:') === true && rest.length === 0;
  if (!isServiceAccount || !namespace || !serviceAccountName) throw invalid('It is not of a ServiceAccount.');
  const podName = user?.extra?.[EXTRA_POD_NAME]?.[0];
  const podUid = user?.extra?.[EXTRA_POD_UID]?.[0];
  // A token from `kubectl create token` is of the ServiceAccount as a whole, and so of every pod that runs as it.
  if (!podName || !podUid) throw invalid('It is not bound to a pod.');
  return { namespace, podName, podUid, serviceAccountName };
}

/** refuses what TokenReview would refuse too, at no cost to the API server; returns the expiry in `ms` */
function plausibleUntilMs(token: string, nowMs: number): number {
  const claims = parseClaims(token.split('.')[1] ?? '');
  const audiences = [claims?.aud].flat();
  if (!audiences.includes(AUDIENCE_KEYSERVICE)) throw invalid('It has another audience.');
  const expiresMs = typeof claims?.exp === 'number' ? claims.exp * 1000 : 0;
  if (expiresMs <= nowMs) throw invalid('It has expired.');
  return expiresMs;
}

function parseClaims(part: string): { aud?: unknown; exp?: unknown } | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}

function invalid(detail: string): SeksError {
  return new SeksError('SEKS_LEASE_TOKEN_INVALID', detail);
}
