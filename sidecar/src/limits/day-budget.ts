// What may be spent in a UTC day. Here each pod has the whole amount for itself. The interface is what a share of one amount for
// all pods will have too: a budget is asked, told what was used, and may be changed while requests run.

/** an amount that is used up during a day */
export interface DayBudget {
  /** what is left; may be negative, because what a request costs is known when it has ended */
  left(nowMs: number): number;
  spend(amount: number, nowMs: number): void;
  /** time in `ms` until there is something to spend again */
  renewsInMs(nowMs: number): number;
}

/** what was used in one day */
export interface DayCount {
  /** UTC days since 1970 */
  day: number;
  spent: number;
}

const DAY_MS = 86_400_000;

/** a budget of one pod; `nowMs` is time of day */
export class PodDayBudget implements DayBudget {
  /** amount for a day; undefined: no limit, but what is spent is still counted, for the day on which there is one */
  limit: number | undefined;
  #day: number;
  #spent: number;

  /** @param from what was counted before the process began */
  constructor(limit: number | undefined, from: DayCount = { day: -1, spent: 0 }) {
    this.limit = limit;
    this.#day = from.day;
    this.#spent = from.spent;
  }

  /** what was spent on the latest day */
  get count(): DayCount {
    return { day: this.#day, spent: this.#spent };
  }

  left(nowMs: number): number {
    this.#startDay(nowMs);
    return this.limit === undefined ? Number.POSITIVE_INFINITY : this.limit - this.#spent;
  }

  spend(amount: number, nowMs: number): void {
    this.#startDay(nowMs);
    this.#spent += amount;
  }

  renewsInMs(nowMs: number): number {
    // After a clock was set back, the amount comes again only on the day after the latest that was seen.
    return (Math.max(this.#day, dayOf(nowMs)) + 1) * DAY_MS - nowMs;
  }

  #startDay(nowMs: number): void {
    const day = dayOf(nowMs);
    // A clock that was set back must not give the day's amount a second time.
    if (day <= this.#day) return;
    this.#day = day;
    this.#spent = 0;
  }
}

/** UTC days since 1970 */
function dayOf(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}
