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
  /** moments of the logins that are remembered, oldest first */
  grantedMs(): number[];
}

export interface IdentifyBudgetOptions {
  /** logins in any stretch of `windowMs` */
  perDay: number;
  windowMs: number;
  /** Discord takes one in 5 s; a little less, so that the jitter of a network does not refuse a client that keeps to it */
  minIntervalMs?: number;
  /** moments of earlier logins, oldest first */
  earlierMs?: readonly number[];
}

const MIN_INTERVAL_MS = 4_750;

/** a sliding window; remembers `perDay` moments and no more */
export function createIdentifyBudget(options: IdentifyBudgetOptions): IdentifyBudget {
  const { perDay, windowMs, minIntervalMs = MIN_INTERVAL_MS, earlierMs = [] } = options;
  // A ring: the place of the next login holds the moment of the one `perDay` logins ago.
  const grantedMs = new Float64Array(perDay).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  const remember = (atMs: number): void => {
    grantedMs[next] = atMs;
    next = (next + 1) % perDay;
    lastMs = atMs;
  };
  for (const atMs of earlierMs) remember(atMs);
  return {
    grantedMs: () => [...grantedMs.subarray(next), ...grantedMs.subarray(0, next)].filter(Number.isFinite),
    take(nowMs) {
      const oldestMs = grantedMs[next];
      if (oldestMs === undefined || nowMs - oldestMs < windowMs) return 'exhausted';
      if (nowMs - lastMs < minIntervalMs) return 'too-soon';
      remember(nowMs);
      return 'granted';
    },
  };
}
