// One direction of a relay: passes messages on in order, and stops reading when the other side reads slower.
import { WebSocket } from 'ws';

import type { Message } from './message.ts';

/** so much may wait for a slow reader before the sender is paused */
const HIGH_WATER_BYTES = 1_048_576;
/** and when it is down to this, the sender goes on */
const LOW_WATER_BYTES = 262_144;
const MAX_CONTROL_BYTES = 125;

export interface LaneOptions {
  from: WebSocket;
  to: WebSocket;
  /** what to send instead; nothing if undefined */
  transform: (message: Message) => Message | undefined;
  /** what to send instead of the payload of a ping, a pong or a close frame; not longer than it */
  control?: ((payload: Buffer) => Buffer) | undefined;
  /** `transform` or `control` threw */
  broken: (cause: unknown) => void;
}

/** from one side to the other */
export class Lane {
  readonly #from: WebSocket;
  readonly #to: WebSocket;
  readonly #transform: LaneOptions['transform'];
  readonly #control: LaneOptions['control'];
  readonly #broken: LaneOptions['broken'];
  #paused = false;
  /** messages that were passed on */
  messages = 0;

  constructor({ from, to, transform, control, broken }: LaneOptions) {
    this.#from = from;
    this.#to = to;
    this.#transform = transform;
    this.#control = control;
    this.#broken = broken;
  }

  message(data: Buffer, binary: boolean): void {
    // When one side is closing, the rest of the other is of no use to anybody.
    if (this.#to.readyState !== WebSocket.OPEN) return;
    let message: Message | undefined;
    try {
      message = this.#transform({ data, binary });
    } catch (cause) {
      this.#broken(cause);
      return;
    }
    if (message === undefined) return;
    this.messages += 1;
    this.#to.send(message.data, { binary: message.binary }, this.#written);
    this.#pauseIfFull();
  }

  /** pings and pongs count for back-pressure too: a flood of them must not fill the memory */
  ping(payload: Buffer): void {
    const sent = this.#to.readyState === WebSocket.OPEN ? this.control(payload) : undefined;
    if (sent === undefined) return;
    this.#to.ping(sent, undefined, this.#written);
    this.#pauseIfFull();
  }

  pong(payload: Buffer): void {
    const sent = this.#to.readyState === WebSocket.OPEN ? this.control(payload) : undefined;
    if (sent === undefined) return;
    this.#to.pong(sent, undefined, this.#written);
    this.#pauseIfFull();
  }

  /** the payload of a control frame as it may be sent; undefined if it may not */
  control(payload: Buffer): Buffer | undefined {
    if (this.#control === undefined) return payload;
    try {
      // RFC 6455 §5.5: a longer one cannot be sent.
      return this.#control(payload).subarray(0, MAX_CONTROL_BYTES);
    } catch (cause) {
      this.#broken(cause);
      return undefined;
    }
  }

  /** reads on for good; a paused side would not see the answer to its close frame */
  release(): void {
    this.#paused = false;
    this.#from.resume();
  }

  #pauseIfFull(): void {
    if (this.#paused || this.#to.bufferedAmount <= HIGH_WATER_BYTES) return;
    this.#paused = true;
    this.#from.pause();
  }

  readonly #written = (): void => {
    if (this.#paused && this.#to.bufferedAmount < LOW_WATER_BYTES) this.release();
  };
}
