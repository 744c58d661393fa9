// Waiting times between attempts: decorrelated jitter, so that replicas that failed together do not retry together.

export interface Backoff {
  /** `milliseconds` to wait before the next attempt; never less than what the server asked for */
  next(retryAfterMs?: number): number;
  /** the next failure starts from the shortest wait again */
  reset(): void;
}

/** no server may send us away for longer than this */
const MAX_RETRY_AFTER_MS = 120_000;

/** decorrelated jitter between `minMs` and `maxMs`; `random` gives numbers in [0, 1) */
export function createBackoff(limits: { minMs: number; maxMs: number }, random: () => number): Backoff {
  let previousMs = limits.minMs;
  return {
    next(retryAfterMs = 0) {
      const highMs = Math.min(limits.maxMs, previousMs * 3);
      previousMs = limits.minMs + random() * Math.max(0, highMs - limits.minMs);
      return Math.max(previousMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
    },
    reset: () => void (previousMs = limits.minMs),
  };
}
