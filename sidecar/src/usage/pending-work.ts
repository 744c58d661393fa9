// Work that a provider goes on with after it has answered, such as background responses, deferred completions and batches. The answer
// names it and tells no usage; that comes when the result is fetched, by a GET whose path ends in the name.

/** remembers work that has not told its usage */
export interface PendingWork {
  /** @param owner whose key it runs on */
  begun(owner: string, id: string): void;
  has(owner: string, id: string): boolean;
  /** its usage was told; from then on a GET shows it again */
  told(owner: string, id: string): void;
}

/** an agent that begins more at once gets the oldest for nothing; each is a request, and those can be limited */
const MAX_PENDING = 10_000;
const HEAD_BYTES = 512;
/** APIs put it first; the second is xAI's */
const ID = /"(?:id|request_id)" *: *"([\w.:-]{1,128})"/;

/** for the whole process: leases change meanwhile */
export function createPendingWork(): PendingWork {
  const pending = new Set<string>();
  return {
    begun(owner, id) {
      pending.add(`${owner} ${id}`);
      for (const oldest of pending) {
        if (pending.size <= MAX_PENDING) return;
        pending.delete(oldest);
      }
    },
    has: (owner, id) => pending.has(`${owner} ${id}`),
    told: (owner, id) => void pending.delete(`${owner} ${id}`),
  };
}

/** the name of the work in an answer, from its first bytes */
export class WorkName {
  readonly #head = Buffer.allocUnsafe(HEAD_BYTES);
  #bytes = 0;

  observe(chunk: Buffer): void {
    if (this.#bytes < HEAD_BYTES) this.#bytes += chunk.copy(this.#head, this.#bytes);
  }

  /** undefined if it names none */
  find(): string | undefined {
    return ID.exec(this.#head.toString('latin1', 0, this.#bytes))?.[1];
  }
}
