// Stops asking when the provider refuses the key again and again: Discord bans the whole address after 10,000 refusals in ten
// minutes, and others lock the account. A new key closes it at once, because it comes with a new breaker.
import { SeksError } from '@seks/crds';

/** watches whether a key is still taken */
export interface KeyBreaker {
  /** @throws SeksError SEKS_UPSTREAM_BREAKER_OPEN with the time after which one request is let through to try */
  check(nowMs: number): void;
  /** the status of an answer to a request that carried the key */
  answered(status: number, nowMs: number): void;
}

/** refusals in a row after which it opens */
const THRESHOLD = 5;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 15 * 60_000;
const UNAUTHORIZED = 401;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;

/** a breaker for one key */
export function createKeyBreaker(): KeyBreaker {
  let refusals = 0;
  let pauseMs = FIRST_PAUSE_MS;
  let openUntilMs = 0;
  /** one was let through to try, and its answer has not come yet */
  let tries = false;
  return {
    check(nowMs) {
      if (refusals < THRESHOLD) return;
      if (nowMs < openUntilMs) {
        throw new SeksError('SEKS_UPSTREAM_BREAKER_OPEN', undefined, { retryAfterMs: openUntilMs - nowMs });
      }
      // This one tries; the others wait for what comes of it.
      openUntilMs = nowMs + pauseMs;
      tries = true;
    },
    answered(status, nowMs) {
      // These say nothing of the key: they come before it is looked at.
      if (status === TOO_MANY_REQUESTS || status >= SERVER_ERROR) return;
      if (status !== UNAUTHORIZED) {
        refusals = 0;
        pauseMs = FIRST_PAUSE_MS;
        tries = false;
        return;
      }
      refusals += 1;
      if (refusals < THRESHOLD) return;
      // Refusals of requests that were on their way when it opened are no news, and must not make the pause longer.
      if (refusals > THRESHOLD && !tries) return;
      if (tries) pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      tries = false;
      openUntilMs = nowMs + pauseMs;
    },
  };
}
