// The limits of one credential in one pod, asked before the key is touched (S15).
import { type Limits, SeksError } from '@seks/crds';

import { parseUsd } from '../usage/dollars.ts';
import { type DayCount, PodDayBudget } from './day-budget.ts';
import { RateWindow } from './rate-window.ts';

/** the right to have one request running */
export interface Permit {
  /** gives the place back; only the first call counts */
  release(): void;
}

export interface LimitClocks {
  /** monotonic, in `ms` */
  nowMs: () => number;
  /** time of day in `ms` since 1970: days are UTC days */
  wallClock: () => number;
}

/** what one credential has used today */
export interface Spending {
  tokens: DayCount;
  nanoUsd: DayCount;
}

/** where spendings outlive the process */
export interface SpendingRecord {
  /** of an earlier process in this pod */
  earlier(key: string): Spending | undefined;
  /** something was spent */
  changed: () => void;
}

const PICODOLLARS_PER_NANODOLLAR = 1_000n;
/** a place becomes free when some request ends; nobody knows when */
const CONCURRENCY_RETRY_MS = 1_000;

/** keeps count over all leases of a pod's life; a lease only changes the limits themselves */
export class CredentialLimits {
  readonly #clocks: LimitClocks;
  readonly #rate = new RateWindow();
  readonly #tokens: PodDayBudget;
  readonly #nanoUsd: PodDayBudget;
  readonly #changed: () => void;
  #limits: Limits = {};
  #running = 0;

  constructor(clocks: LimitClocks, earlier?: Spending, changed: () => void = () => undefined) {
    this.#clocks = clocks;
    this.#tokens = new PodDayBudget(undefined, earlier?.tokens);
    this.#nanoUsd = new PodDayBudget(undefined, earlier?.nanoUsd);
    this.#changed = changed;
  }

  /** what was used today */
  get spending(): Spending {
    return { tokens: this.#tokens.count, nanoUsd: this.#nanoUsd.count };
  }

  /** takes over the limits of a new lease */
  change(limits: Limits | undefined): void {
    this.#limits = limits ?? {};
    this.#tokens.limit = this.#limits.tokensPerDay;
    this.#nanoUsd.limit = nanoUsdOf(this.#limits.usdPerDay);
  }

  /**
   * lets one request begin
   *
   * @throws SeksError SEKS_LIMIT_*, with the time after which it may be tried again
   */
  enter(): Permit {
    this.checkBudgets();
    const { requestsPerMinute, concurrentRequests } = this.#limits;
    if (concurrentRequests !== undefined && this.#running >= concurrentRequests) {
      throw exceeded('SEKS_LIMIT_CONCURRENCY', CONCURRENCY_RETRY_MS);
    }
    if (requestsPerMinute !== undefined) {
      const nowMs = this.#clocks.nowMs();
      const waitMs = this.#rate.waitMs(requestsPerMinute, nowMs);
      if (waitMs > 0) throw exceeded('SEKS_LIMIT_REQUESTS', waitMs);
      this.#rate.add(nowMs);
    }
    this.#running += 1;
    return this.#permit();
  }

  /**
   * whether more may be spent today; asked again within a WebSocket, where one request carries many calls
   *
   * @throws SeksError SEKS_LIMIT_TOKENS, SEKS_LIMIT_COST
   */
  checkBudgets(): void {
    if (this.#tokens.limit === undefined && this.#nanoUsd.limit === undefined) return;
    const nowMs = this.#clocks.wallClock();
    if (this.#tokens.left(nowMs) <= 0) throw exceeded('SEKS_LIMIT_TOKENS', this.#tokens.renewsInMs(nowMs));
    if (this.#nanoUsd.left(nowMs) <= 0) throw exceeded('SEKS_LIMIT_COST', this.#nanoUsd.renewsInMs(nowMs));
  }

  /** counts what an answer used */
  spend(tokens: number, picodollars: bigint): void {
    const nowMs = this.#clocks.wallClock();
    this.#tokens.spend(tokens, nowMs);
    this.#nanoUsd.spend(Number(picodollars / PICODOLLARS_PER_NANODOLLAR), nowMs);
    this.#changed();
  }

  #permit(): Permit {
    let held = true;
    return {
      release: () => {
        if (held) this.#running -= 1;
        held = false;
      },
    };
  }
}

/** limits by credential, for as long as the process lives */
export interface LimitKeeper {
  limitsFor: (key: string) => CredentialLimits;
  /** what each credential has used; those of an earlier process that nobody has asked for yet are not among them */
  spendings(): [key: string, Spending][];
}

/** @param record left out: what is counted ends with the process */
export function createLimitKeeper(clocks: LimitClocks, record?: SpendingRecord): LimitKeeper {
  // Bounded: the credentials that the pod was injected with.
  const known = new Map<string, CredentialLimits>();
  return {
    limitsFor(key) {
      let found = known.get(key);
      if (found === undefined) {
        found = new CredentialLimits(clocks, record?.earlier(key), record?.changed);
        known.set(key, found);
      }
      return found;
    },
    spendings: () => [...known].map(([key, { spending }]) => [key, spending]),
  };
}

function nanoUsdOf(usd: string | undefined): number | undefined {
  if (usd === undefined) return undefined;
  // What cannot be read is no limit that could be kept: nothing may be spent then (S7).
  return Number((parseUsd(usd) ?? 0n) / PICODOLLARS_PER_NANODOLLAR);
}

function exceeded(
  code: 'SEKS_LIMIT_REQUESTS' | 'SEKS_LIMIT_CONCURRENCY' | 'SEKS_LIMIT_TOKENS' | 'SEKS_LIMIT_COST',
  retryAfterMs: number,
): SeksError {
  return new SeksError(code, undefined, { retryAfterMs });
}
