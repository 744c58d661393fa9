// Reads a request's body into memory, where a policy or a rewrite needs it whole: each bounded, and all together too.
import type { IncomingMessage } from 'node:http';

import { SeksError } from '@seks/crds';

import type { Scheduler } from '../lease/scheduler.ts';
import { type ByteBudget, createByteBudget } from './byte-budget.ts';

export interface BodyPoolOptions {
  /** of one body; default 16 MiB */
  maxBytesEach?: number;
  /** of all that are held at a time; default 64 MiB */
  maxBytesTogether?: number;
  /** longest wait for the next bytes; default 60 s */
  idleTimeoutMs?: number;
  scheduler: Scheduler;
}

/** a body in memory; counts against the pool until it is released */
export interface PooledBody {
  readonly bytes: Buffer;
  /** `bytes` must not be used any more; a second call does nothing */
  release(): void;
}

export interface BodyPool {
  /**
   * Reads a body to its end. After an error part of the body may be unread, so the connection must be closed after the answer.
   *
   * @returns undefined if the client went away before the end, so that there is nobody to answer
   * @throws SeksError SEKS_BODY_TOO_LARGE, SEKS_BODY_POOL_FULL, SEKS_BODY_TIMEOUT
   */
  read(request: IncomingMessage): Promise<PooledBody | undefined>;
  /** memory held by bodies now */
  readonly heldBytes: number;
}

const MEBIBYTE = 1_048_576;
const FIRST_BYTES = 16_384;
const NOTHING = Buffer.alloc(0);

/** a pool for all requests of this process */
export function createBodyPool(options: BodyPoolOptions): BodyPool {
  const { maxBytesEach = 16 * MEBIBYTE, maxBytesTogether = 64 * MEBIBYTE, idleTimeoutMs = 60_000 } = options;
  const budget = createByteBudget(maxBytesTogether);
  return {
    async read(request) {
      const declared = request.headers['content-length'];
      const declaredBytes = declared === undefined ? undefined : Number(declared);
      const space = new BodySpace(budget, maxBytesEach);
      try {
        // What is too large as declared is not read in vain; what is begun is sure to have room.
        if (declaredBytes !== undefined) space.reserve(declaredBytes);
        if (await receive(request, space, idleTimeoutMs, options.scheduler)) return space.finish();
      } catch (cause) {
        space.release();
        throw cause;
      }
      space.release();
      return undefined;
    },
    get heldBytes() {
      return budget.taken;
    },
  };
}

/** one growing buffer: a list of chunks would let a client make millions of tiny ones */
class BodySpace {
  readonly #budget: ByteBudget;
  readonly #maxBytes: number;
  #buffer: Buffer = NOTHING;
  #reserved = 0;
  #length = 0;

  constructor(budget: ByteBudget, maxBytes: number) {
    this.#budget = budget;
    this.#maxBytes = maxBytes;
  }

  /** makes sure that there is room for that many bytes in all */
  reserve(bytes: number): void {
    // Not a number, too: fails closed.
    if (!(bytes <= this.#maxBytes)) throw new SeksError('SEKS_BODY_TOO_LARGE');
    if (bytes <= this.#reserved) return;
    if (!this.#budget.take(bytes - this.#reserved)) throw new SeksError('SEKS_BODY_POOL_FULL');
    this.#reserved = bytes;
  }

  append(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#reserved) {
      if (length > this.#maxBytes) throw new SeksError('SEKS_BODY_TOO_LARGE');
      this.reserve(Math.min(this.#maxBytes, Math.max(length, this.#reserved * 2, FIRST_BYTES)));
    }
    // Most bodies come in one piece, which is kept as it is.
    if (length === chunk.length && length === this.#reserved) this.#buffer = chunk;
    else this.#copy(chunk);
    this.#length = length;
  }

  #copy(chunk: Buffer): void {
    if (this.#buffer.length < this.#reserved) {
      const larger = Buffer.allocUnsafe(this.#reserved);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.#length);
  }

  finish(): PooledBody {
    return { bytes: this.#buffer.subarray(0, this.#length), release: () => this.release() };
  }

  release(): void {
    this.#budget.give(this.#reserved);
    // So that a second call gives nothing back.
    this.#reserved = 0;
    this.#buffer = NOTHING;
  }
}

/** fills the space; false if the client went away */
function receive(
  request: IncomingMessage,
  space: BodySpace,
  idleTimeoutMs: number,
  scheduler: Scheduler,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let lastMs = scheduler.nowMs();
    const stop = (): void => {
      cancelTimer();
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
    };
    const fail = (error: unknown): void => {
      stop();
      request.pause();
      reject(error instanceof Error ? error : new SeksError('SEKS_INTERNAL', undefined, { cause: error }));
    };
    // One timer that looks at the clock, not one for each chunk.
    const watch = (delayMs: number): (() => void) =>
      scheduler.after(delayMs, () => {
        const idleMs = scheduler.nowMs() - lastMs;
        if (idleMs >= idleTimeoutMs) fail(new SeksError('SEKS_BODY_TIMEOUT'));
        else cancelTimer = watch(idleTimeoutMs - idleMs);
      });
    let cancelTimer = watch(idleTimeoutMs);
    const onData = (chunk: Buffer): void => {
      lastMs = scheduler.nowMs();
      try {
        space.append(chunk);
      } catch (cause) {
        fail(cause);
      }
    };
    const onEnd = (): void => {
      stop();
      resolve(request.complete);
    };
    const onClose = (): void => {
      stop();
      resolve(false);
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    // It may have gone before anybody listened.
    if (request.destroyed && !request.readableEnded) onClose();
  });
}
