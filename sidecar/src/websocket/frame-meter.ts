// Counts the memory that `ws` holds for a message that has not come to its end. `ws` bounds one message; a thousand connections that
// each send most of a long one and then wait would still take all there is. It tells nobody before a message is whole, so the frames
// are followed here (RFC 6455 §5.2), on their way past.
import type { RelayMemory } from './relay-memory.ts';

/** each chunk and each fragment is a Buffer object of its own: many tiny ones cost more than their bytes */
const CHUNK_COST_BYTES = 512;
const FRAGMENT_COST_BYTES = 128;
const MASK_BYTES = 4;
const OPCODE_CLOSE = 0x08;

/** of what one side sends */
export class FrameMeter {
  readonly #memory: RelayMemory;
  readonly #full: () => void;
  #stopped = false;
  /** bytes held, as they should be taken, and as they are */
  #held = 0;
  #taken = 0;
  /** a message began with a fragment, and its last has not come */
  #fragmented = false;
  #final = false;
  #opcode = 0;
  /** bytes of the frame's head: seen, in all, and of the extended length */
  #headSeen = 0;
  #headBytes = 2;
  #lengthBytes = 0;
  #payloadLength = 0;
  #payloadLeft = 0;

  /** @param full called for each chunk for which there is no memory left */
  constructor(memory: RelayMemory, full: () => void) {
    this.#memory = memory;
    this.#full = full;
  }

  receive(chunk: Buffer): void {
    if (this.#stopped) return;
    this.#follow(chunk);
    const underWay = this.#fragmented || this.#headSeen > 0 || this.#payloadLeft > 0;
    // The whole chunk, also where a message ended within: what follows is kept as a view, and that keeps all of it.
    if (underWay) this.#held += chunk.length + CHUNK_COST_BYTES;
    const more = this.#held - this.#taken;
    if (more > 0 && !this.#memory.take(more)) {
      this.#held = this.#taken;
      this.#full();
      return;
    }
    if (more < 0) this.#memory.give(-more);
    this.#taken = this.#held;
  }

  /** `ws` reads no more; but what it has it keeps until the connection is gone */
  stop(): void {
    this.#stopped = true;
  }

  /** the connection is gone */
  end(): void {
    this.#stopped = true;
    this.#memory.give(this.#taken);
    this.#taken = 0;
  }

  #follow(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#stopped;) {
      if (this.#payloadLeft === 0) {
        this.#readHead(chunk[at] ?? 0);
        at += 1;
      } else {
        const bytes = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= bytes;
        at += bytes;
        if (this.#payloadLeft === 0) this.#endFrame();
      }
    }
  }

  #readHead(byte: number): void {
    const at = this.#headSeen;
    this.#headSeen += 1;
    if (at === 0) {
      this.#final = (byte & 0x80) !== 0;
      this.#opcode = byte & 0x0f;
      this.#headBytes = 2;
    } else if (at === 1) {
      const length = byte & 0x7f;
      this.#lengthBytes = length === 127 ? 8 : length === 126 ? 2 : 0;
      this.#payloadLength = this.#lengthBytes === 0 ? length : 0;
      this.#headBytes = 2 + this.#lengthBytes + ((byte & 0x80) === 0 ? 0 : MASK_BYTES);
    } else if (at < 2 + this.#lengthBytes) {
      this.#payloadLength = this.#payloadLength * 256 + byte;
    }
    if (this.#headSeen < this.#headBytes) return;
    this.#headSeen = 0;
    this.#payloadLeft = this.#payloadLength;
    if (this.#payloadLeft === 0) this.#endFrame();
  }

  #endFrame(): void {
    if (this.#opcode === OPCODE_CLOSE) this.#stopped = true;
    // Pings may stand between the fragments of a message (RFC 6455 §5.4), and end nothing.
    else if (this.#opcode < OPCODE_CLOSE) this.#fragmented = !this.#final;
    if (this.#fragmented) this.#held += FRAGMENT_COST_BYTES;
    else this.#held = 0;
  }
}
