// Takes the payloads out of AWS's binary event streams as they pass. A frame is its length, the length of its headers and a
// checksum of both; then headers, payload, and a checksum of all. The headers say nothing that counts here.
import { crc32 } from 'node:zlib';

const LENGTHS_BYTES = 8;
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** a larger payload is passed over: far more than an event with text or usage has */
const MAX_PAYLOAD_BYTES = 1_048_576;

/** gets each payload whole; the bytes are its own only during the call */
export type PayloadListener = (bytes: Buffer, start: number, end: number) => void;

type Part = 'prelude' | 'headers' | 'payload' | 'checksum';

/** reads the frames of one stream, however they are cut; never throws, and holds at most one payload */
export class EventStreamFrames {
  readonly #onPayload: PayloadListener;
  readonly #prelude = Buffer.alloc(PRELUDE_BYTES);
  #part: Part = 'prelude';
  /** bytes that are still to come of this part */
  #left = PRELUDE_BYTES;
  #payloadBytes = 0;
  /** for payloads that do not come in one piece; one after the other */
  #held = Buffer.alloc(0);
  /** what came was no frame: nobody knows where the next would begin */
  #isLost = false;

  constructor(onPayload: PayloadListener) {
    this.#onPayload = onPayload;
  }

  /** reads on */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isLost) {
      const end = Math.min(at + this.#left, chunk.length);
      if (this.#part === 'prelude') chunk.copy(this.#prelude, PRELUDE_BYTES - this.#left, at, end);
      else if (this.#part === 'payload') this.#takePayload(chunk, at, end);
      this.#left -= end - at;
      at = end;
      // Headers and payload may be empty.
      while (this.#left === 0 && !this.#isLost) this.#enterNext();
    }
  }

  #enterNext(): void {
    if (this.#part === 'prelude') this.#enter('headers', this.#readPrelude());
    else if (this.#part === 'headers') this.#enter('payload', this.#payloadBytes);
    else if (this.#part === 'payload') this.#enter('checksum', CHECKSUM_BYTES);
    else this.#enter('prelude', PRELUDE_BYTES);
  }

  #enter(part: Part, bytes: number): void {
    this.#part = part;
    this.#left = bytes;
  }

  /** returns the length of the headers */
  #readPrelude(): number {
    const headerBytes = this.#prelude.readUInt32BE(4);
    this.#payloadBytes = this.#prelude.readUInt32BE(0) - PRELUDE_BYTES - headerBytes - CHECKSUM_BYTES;
    // The other checksum would cost a pass over all bytes, and no client takes a stream that fails it.
    const isFrame =
      crc32(this.#prelude.subarray(0, LENGTHS_BYTES)) === this.#prelude.readUInt32BE(LENGTHS_BYTES);
    this.#isLost = !isFrame || this.#payloadBytes < 0;
    return headerBytes;
  }

  #takePayload(chunk: Buffer, start: number, end: number): void {
    const bytes = this.#payloadBytes;
    if (bytes > MAX_PAYLOAD_BYTES) return;
    if (end - start === bytes) {
      this.#onPayload(chunk, start, end);
      return;
    }
    if (this.#held.length < bytes) this.#held = Buffer.allocUnsafe(bytes);
    chunk.copy(this.#held, bytes - this.#left, start, end);
    if (this.#left === end - start) this.#onPayload(this.#held, 0, bytes);
  }
}
