// One direction of a relay: passes messages on in order, and stops reading when the other side reads slower.
import { WebSocket } from 'ws';

import type { Message } from './message.ts';
import { memoryFull, type RelayMemory } from './relay-memory.ts';

/** so much may wait for a slow reader before the sender is paused */
const HIGH_WATER_BYTES = 1_048_576;
const HIGH_WATER_FRAMES = 1_024;
/** and when it is down to this, the sender goes on */
const LOW_WATER_BYTES = 262_144;
const LOW_WATER_FRAMES = 256;
/** what waits to be written costs more than its bytes: an empty pong, two bytes long, is two objects and an entry in a queue */
const FRAME_COST_BYTES = 256;
/** pausing lets the rest of what was read pass, thousands of empty frames; no honest peer has so many under way */
const MAX_FRAMES_BEFORE_CONTROL = 4 * HIGH_WATER_FRAMES;
const MAX_CONTROL_BYTES = 125;

export interface LaneOptions {
  from: WebSocket;
  to: WebSocket;
  memory: RelayMemory;
  /** what to send instead; nothing if undefined */
  transform: (message: Message) => Message | undefined;
  /** `transform` sees what comes when `to` is closing, too */
  untilEnd?: boolean;
  /** what to send instead of the payload of a ping, a pong or a close frame; not longer than it */
  control?: ((payload: Buffer) => Buffer) | undefined;
  /** `transform` or `control` threw, or there is no memory left */
  broken: (cause: unknown) => void;
}

/** from one side to the other */
export class Lane {
  readonly #options: LaneOptions;
  #paused = false;
  #ended = false;
  /** waiting to be written */
  #frames = 0;
  #bytes = 0;
  /** messages that were passed on */
  messages = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  message(data: Buffer, binary: boolean): void {
    const { to, transform, untilEnd = false, broken } = this.#options;
    // When one side is closing, the rest of the other is of no use to it.
    if (!this.#isOpen && !untilEnd) return;
    let message: Message | undefined;
    try {
      message = transform({ data, binary });
    } catch (cause) {
      broken(cause);
      return;
    }
    if (message === undefined || !this.#isOpen) return;
    const written = this.#enter(message.data.length);
    if (written === undefined) {
      broken(memoryFull());
      return;
    }
    this.messages += 1;
    to.send(message.data, { binary: message.binary }, written);
    this.#pauseIfFull();
  }

  ping(payload: Buffer): void {
    this.#passControl(payload, (sent, written) => this.#options.to.ping(sent, undefined, written));
  }

  pong(payload: Buffer): void {
    this.#passControl(payload, (sent, written) => this.#options.to.pong(sent, undefined, written));
  }

  /** the payload of a control frame as it may be sent; undefined if it may not */
  control(payload: Buffer): Buffer | undefined {
    const { control, broken } = this.#options;
    if (control === undefined) return payload;
    try {
      // RFC 6455 §5.5: a longer one cannot be sent.
      return control(payload).subarray(0, MAX_CONTROL_BYTES);
    } catch (cause) {
      broken(cause);
      return undefined;
    }
  }

  /** reads on for good; a paused side would not see the answer to its close frame */
  release(): void {
    this.#paused = false;
    this.#options.from.resume();
  }

  /** both connections are gone */
  end(): void {
    this.#ended = true;
    this.#options.memory.give(this.#bytes);
  }

  get #isOpen(): boolean {
    return this.#options.to.readyState === WebSocket.OPEN;
  }

  // A flood of them is dropped where a message would end the connection: not every ping needs an answer (RFC 6455 §5.5.3).
  #passControl(payload: Buffer, send: (payload: Buffer, written: () => void) => void): void {
    if (!this.#isOpen || this.#frames >= MAX_FRAMES_BEFORE_CONTROL) return;
    const sent = this.control(payload);
    const written = sent === undefined ? undefined : this.#enter(sent.length);
    if (sent === undefined || written === undefined) return;
    send(sent, written);
    this.#pauseIfFull();
  }

  /** one frame more is under way; to be called when it is written. Undefined: there is no memory left */
  #enter(length: number): (() => void) | undefined {
    const bytes = length + FRAME_COST_BYTES;
    if (!this.#options.memory.take(bytes)) return undefined;
    this.#frames += 1;
    this.#bytes += bytes;
    return () => {
      if (this.#ended) return;
      this.#options.memory.give(bytes);
      this.#frames -= 1;
      this.#bytes -= bytes;
      if (this.#paused && this.#isDrained()) this.release();
    };
  }

  #pauseIfFull(): void {
    if (this.#paused) return;
    const isFull = this.#bytes > HIGH_WATER_BYTES || this.#frames > HIGH_WATER_FRAMES;
    if (!isFull && !this.#options.memory.scarce) return;
    this.#paused = true;
    this.#options.from.pause();
  }

  // While memory is scarce nothing may wait but what was read already.
  #isDrained(): boolean {
    if (this.#frames === 0) return true;
    if (this.#options.memory.scarce) return false;
    return this.#bytes < LOW_WATER_BYTES && this.#frames < LOW_WATER_FRAMES;
  }
}
