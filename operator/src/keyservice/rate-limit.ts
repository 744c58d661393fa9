// A token bucket for each pod, so that one crash loop does not spend the KMS quota of all others.

export interface RateLimit {
  /** takes one token of the key's bucket; otherwise says in how many `milliseconds` there is one again */
  take(key: string): { ok: true } | { ok: false; retryAfterMs: number };
}

/** buckets of `burst` tokens that refill at one per `refillMs` */
export function createRateLimit(
  limits: { burst: number; refillMs: number; maxKeys?: number },
  clock: () => number,
): RateLimit {
  const { burst, refillMs } = limits;
  const maxKeys = limits.maxKeys ?? 50_000;
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    take(key) {
      const nowMs = clock();
      const known = buckets.get(key);
      const tokens =
        known === undefined
          ? burst
          : Math.min(burst, known.tokens + Math.max(0, nowMs - known.atMs) / refillMs);
      // Deleted first, so that the map stays in order of last use.
      buckets.delete(key);
      for (const [oldest, bucket] of buckets) {
        const isFull = bucket.tokens + (nowMs - bucket.atMs) / refillMs >= burst;
        if (!isFull && buckets.size < maxKeys) break;
        buckets.delete(oldest);
      }
      if (tokens < 1) {
        // As it was: adding up small refills would also add up their rounding.
        buckets.set(key, { tokens: known?.tokens ?? 0, atMs: Math.min(known?.atMs ?? nowMs, nowMs) });
        return { ok: false, retryAfterMs: Math.ceil((1 - tokens) * refillMs) };
      }
      buckets.set(key, { tokens: tokens - 1, atMs: nowMs });
      return { ok: true };
    },
  };
}
