// One opened provider key with all that is derived from it, and the requests that it is being used for.
import type { Secret, SeksError } from '@seks/crds';

import { createKeyBreaker, type KeyBreaker } from '../limits/key-breaker.ts';
import { type Needles, needlesOf } from '../scrub/needles.ts';

/** a provider key in use */
export class KeyVault {
  readonly key: Secret<'provider-key'>;
  /** what the scrubber looks for */
  readonly needles: Needles;
  /** opens when the provider refuses the key again and again */
  readonly breaker: KeyBreaker = createKeyBreaker();
  // Slots that are used again and again. A Set would be the obvious thing, but its table, which is old, holds on to what was
  // deleted: every request would survive into the old generation, at a quarter of the whole CPU time for collecting it there.
  readonly #running: (((reason: SeksError) => void) | undefined)[] = [];
  readonly #free: number[] = [];
  #retired = false;

  /** @throws SeksError if what was sealed cannot be a key */
  constructor(key: Secret<'provider-key'>) {
    this.key = key;
    this.needles = needlesOf(key);
  }

  /**
   * registers a request that uses the key
   *
   * @param cut breaks the request off
   * @returns to be called once, when the request has ended
   */
  begin(cut: (reason: SeksError) => void): () => void {
    const slot = this.#free.pop() ?? this.#running.length;
    this.#running[slot] = cut;
    return () => {
      this.#running[slot] = undefined;
      this.#free.push(slot);
      this.#eraseIfUnused();
    };
  }

  /** whether a request uses the key */
  get inUse(): boolean {
    return this.#free.length < this.#running.length;
  }

  /** breaks off all requests that use the key: it may not be used any more */
  cut(reason: SeksError): void {
    for (const cut of this.#running) cut?.(reason);
  }

  /** no new request will come; the key is erased when the last one has ended, because the scrubber needs it until then */
  retire(): void {
    this.#retired = true;
    this.#eraseIfUnused();
  }

  #eraseIfUnused(): void {
    if (!this.#retired || this.inUse) return;
    this.key.erase();
    for (const form of this.needles.forms) form.fill(0);
  }
}
