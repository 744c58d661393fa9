// How often a bot may log in. Discord resets the token of a bot that identifies more than 1000 times in 24 hours, which
// ends every user of it; an agent in a crash loop must not be able to do that.

/** what becomes of one more login */
export type IdentifyDecision =
  | 'granted'
  /** too soon after the last one: try again in seconds */
  | 'too-soon'
  /** no more in this window */
  | 'exhausted';

/** counts the logins of one credential */
export interface IdentifyBudget {
  /** asks for one login; only a granted one is counted. `nowMs` never goes back */
  take(nowMs: number): IdentifyDecision;
}

export interface IdentifyBudgetOptions {
  /** logins in any stretch of `windowMs` */
  perDay: number;
  windowMs: number;
  /** Discord takes one in 5 s; a little less, so that the jitter of a network does not refuse a client that keeps to it */
  minIntervalMs?: number;
}

const MIN_INTERVAL_MS = 4_750;

/** a sliding window; remembers `perDay` moments and no more */
export function createIdentifyBudget(options: IdentifyBudgetOptions): IdentifyBudget {
  const { perDay, windowMs, minIntervalMs = MIN_INTERVAL_MS } = options;
  // A ring: the place of the next login holds the moment of the one `perDay` logins ago.
  const grantedMs = new Float64Array(perDay).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    take(nowMs) {
      const oldestMs = grantedMs[next];
      if (oldestMs === undefined || nowMs - oldestMs < windowMs) return 'exhausted';
      if (nowMs - lastMs < minIntervalMs) return 'too-soon';
      grantedMs[next] = nowMs;
      next = (next + 1) % perDay;
      lastMs = nowMs;
      return 'granted';
    },
  };
}
