// Requests per minute over a sliding minute, in buckets of one second: a fixed window would let twice the limit pass around its border.

/** one more than a minute has: the first second is over only in part, and what happened at its end must count a whole minute */
const BUCKETS = 61;
const BUCKET_MS = 1_000;

/** counts what happened in the last 60 to 61 seconds; time must not run backwards */
export class RateWindow {
  readonly #counts = new Uint32Array(BUCKETS);
  #bucket = 0;
  #total = 0;

  /** how many were counted in the last minute */
  count(nowMs: number): number {
    this.#advance(nowMs);
    return this.#total;
  }

  add(nowMs: number): void {
    this.#advance(nowMs);
    const at = this.#bucket % BUCKETS;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#total += 1;
  }

  /** time in `ms` until fewer than `limit` are counted; 0 if that is so now */
  waitMs(limit: number, nowMs: number): number {
    let excess = this.count(nowMs) - limit + 1;
    if (excess <= 0) return 0;
    for (let age = BUCKETS - 1; age >= 0; age -= 1) {
      const bucket = this.#bucket - age;
      excess -= this.#counts[((bucket % BUCKETS) + BUCKETS) % BUCKETS] ?? 0;
      if (excess <= 0) return (bucket + BUCKETS) * BUCKET_MS - nowMs;
    }
    return BUCKETS * BUCKET_MS;
  }

  #advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    const steps = Math.min(bucket - this.#bucket, BUCKETS);
    for (let step = 1; step <= steps; step += 1) {
      const at = (bucket - steps + step) % BUCKETS;
      this.#total -= this.#counts[at] ?? 0;
      this.#counts[at] = 0;
    }
    if (bucket > this.#bucket) this.#bucket = bucket;
  }
}
