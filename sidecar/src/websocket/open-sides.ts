// The two open sides of a relay, and all that passes between them; relay.ts opens and closes them.
import type { Duplex } from 'node:stream';

import type { WebSocket } from 'ws';

import { FrameMeter } from './frame-meter.ts';
import { Lane } from './lane.ts';
import type { RelayOptions } from './relay-options.ts';

export type Side = 'agent' | 'upstream';

export interface OpenSidesOptions {
  agent: WebSocket;
  upstream: WebSocket;
  /** what `ws` reads the sides from */
  sockets: Record<Side, Duplex | undefined>;
  settings: Pick<
    RelayOptions,
    'memory' | 'scheduler' | 'toUpstream' | 'toClient' | 'controlToClient' | 'idleTimeoutMs'
  >;
  /** a frame could not be passed on */
  broken: (cause: unknown) => void;
  /** there is no memory left for what a side sends; called for each chunk of it */
  overflow: (offender: Side) => void;
  /** there was no frame in either direction for the idle time */
  idle: () => void;
}

/** both sides, and frames pass */
export class OpenSides {
  readonly agent: WebSocket;
  readonly upstream: WebSocket;
  readonly toUpstream: Lane;
  readonly toClient: Lane;
  /** what comes from each side */
  readonly received: Record<Side, FrameMeter>;
  readonly #options: OpenSidesOptions;
  #lastFrameMs = 0;
  #cancelIdle: (() => void) | undefined;

  constructor(options: OpenSidesOptions) {
    const { agent, upstream, settings, broken } = options;
    const { memory, toUpstream, toClient, controlToClient, idleTimeoutMs } = settings;
    this.#options = options;
    this.agent = agent;
    this.upstream = upstream;
    this.toUpstream = new Lane({ from: agent, to: upstream, memory, transform: toUpstream, broken });
    this.toClient = new Lane({
      from: upstream,
      to: agent,
      memory,
      transform: toClient,
      untilEnd: true,
      control: controlToClient,
      broken,
    });
    this.received = { agent: this.#meter('agent'), upstream: this.#meter('upstream') };
    this.#pass();
    if (idleTimeoutMs !== undefined) {
      this.#lastFrameMs = settings.scheduler.nowMs();
      this.#watchIdle(idleTimeoutMs, idleTimeoutMs);
    }
  }

  /** reads on for good, on both sides */
  release(): void {
    this.toUpstream.release();
    this.toClient.release();
  }

  /** both connections are gone */
  end(): void {
    this.#cancelIdle?.();
    const { toUpstream, toClient, received } = this;
    for (const part of [toUpstream, toClient, received.agent, received.upstream]) part.end();
  }

  #meter(side: Side): FrameMeter {
    const { sockets, settings, overflow } = this.#options;
    const meter = new FrameMeter(settings.memory, () => overflow(side));
    // Before `ws`, so that a message is not counted twice while it is passed on. And `prepend`, because `on` would start the flow.
    sockets[side]?.prependListener('data', (chunk: Buffer) => meter.receive(chunk));
    return meter;
  }

  #pass(): void {
    const { agent, upstream, toUpstream: up, toClient: down } = this;
    const { scheduler, idleTimeoutMs } = this.#options.settings;
    const touch = idleTimeoutMs === undefined ? undefined : () => (this.#lastFrameMs = scheduler.nowMs());
    // `ws` hands over Buffers as long as binaryType is left alone.
    agent.on('message', (data, binary) => {
      touch?.();
      up.message(data as Buffer, binary);
    });
    upstream.on('message', (data, binary) => {
      touch?.();
      down.message(data as Buffer, binary);
    });
    agent.on('ping', (payload) => {
      touch?.();
      up.ping(payload);
    });
    agent.on('pong', (payload) => {
      touch?.();
      up.pong(payload);
    });
    upstream.on('ping', (payload) => {
      touch?.();
      down.ping(payload);
    });
    upstream.on('pong', (payload) => {
      touch?.();
      down.pong(payload);
    });
  }

  /** one timer that looks back, instead of one that is set again by each frame */
  #watchIdle(idleTimeoutMs: number, delayMs: number): void {
    const { settings, idle } = this.#options;
    this.#cancelIdle = settings.scheduler.after(delayMs, () => {
      const restMs = this.#lastFrameMs + idleTimeoutMs - settings.scheduler.nowMs();
      if (restMs > 0) this.#watchIdle(idleTimeoutMs, restMs);
      else idle();
    });
  }
}
