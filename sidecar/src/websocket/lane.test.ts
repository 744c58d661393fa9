// Back-pressure by count and by what all connections hold, without connections.
import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import { WebSocket } from 'ws';

import { Lane, type LaneOptions } from './lane.ts';
import { createRelayMemory } from './relay-memory.ts';

const NOTHING = Buffer.alloc(0);

interface Rig {
  lane: Lane;
  memory: ReturnType<typeof createRelayMemory>;
  /** frames that were sent and are not written */
  waiting: (() => void)[];
  isPaused: () => boolean;
  close: () => void;
  broken: unknown[];
}

function start(maxBytes?: number, more: Partial<LaneOptions> = {}): Rig {
  const memory = createRelayMemory(maxBytes);
  const waiting: (() => void)[] = [];
  const broken: unknown[] = [];
  const [from, to] = [{ paused: false }, { readyState: WebSocket.OPEN as number }];
  const send = (_data: unknown, _options: unknown, written: () => void): void => void waiting.push(written);
  const lane = new Lane({
    from: Object.assign(from, {
      pause: () => void (from.paused = true),
      resume: () => void (from.paused = false),
    }) as unknown as WebSocket,
    to: Object.assign(to, { send, ping: send, pong: send }) as unknown as WebSocket,
    memory,
    transform: (message) => message,
    broken: (cause) => broken.push(cause),
    ...more,
  });
  const close = (): void => void (to.readyState = WebSocket.CLOSING);
  return { lane, memory, waiting, isPaused: () => from.paused, close, broken };
}

function write(waiting: (() => void)[], count: number): void {
  for (const written of waiting.splice(0, count)) written();
}

describe.each(['message', 'ping', 'pong'] as const)('empty frames: %s', (kind) => {
  const pass = (lane: Lane): void =>
    kind === 'message' ? lane.message(NOTHING, false) : lane[kind](NOTHING);

  test('by the thousand pause their sender until most are written', () => {
    const { lane, waiting, isPaused } = start();
    for (let i = 0; i < 1_024; i += 1) pass(lane);
    expect(isPaused()).toBe(false);
    pass(lane);
    expect(isPaused()).toBe(true);
    write(waiting, 769);
    expect(isPaused()).toBe(true);
    write(waiting, 1);
    expect(isPaused()).toBe(false);
  });
});

test('of pings that were read already no more wait than some thousands', () => {
  const { lane, waiting, memory, broken } = start();
  for (let i = 0; i < 100_000; i += 1) lane.ping(NOTHING);
  expect(waiting).toHaveLength(4_096);
  expect(broken).toEqual([]);
  write(waiting, waiting.length);
  expect(memory.taken).toBe(0);
});

describe('the memory of all connections', () => {
  test('counts what waits, and is given back when it is written, or at the end', () => {
    const { lane, memory, waiting } = start();
    lane.message(Buffer.alloc(1_000), true);
    lane.message(Buffer.alloc(500), true);
    const { taken } = memory;
    expect(taken).toBeGreaterThan(1_500);
    write(waiting, 1);
    expect(memory.taken).toBeLessThan(taken - 1_000);
    lane.end();
    write(waiting, 1);
    expect(memory.taken).toBe(0);
  });

  test('when it is scarce nothing waits behind what was read', () => {
    const { lane, memory, waiting, isPaused } = start(10_000);
    memory.take(6_000);
    lane.message(NOTHING, false);
    lane.message(NOTHING, false);
    expect(isPaused()).toBe(true);
    write(waiting, 1);
    expect(isPaused()).toBe(true);
    write(waiting, 1);
    expect(isPaused()).toBe(false);
  });

  test('when there is none left a message ends the connection with 1009, and a ping is dropped', () => {
    const { lane, waiting, broken } = start(1_000);
    lane.ping(Buffer.alloc(100));
    lane.message(Buffer.alloc(1_000), true);
    expect(waiting).toHaveLength(1);
    expect(broken).toEqual([expect.objectContaining({ code: 'SEKS_BODY_POOL_FULL', closeCode: 1009 })]);
    lane.message(NOTHING, true);
    lane.ping(Buffer.alloc(125));
    lane.ping(Buffer.alloc(125));
    expect(waiting).toHaveLength(3);
    expect(broken).toHaveLength(1);
  });
});

describe('when the receiver is closing', () => {
  test.each([
    [false, 0],
    [true, 1],
  ])('messages are looked at: %s', (untilEnd, count) => {
    let seen = 0;
    const transform: LaneOptions['transform'] = (message) => {
      seen += 1;
      return message;
    };
    const { lane, waiting, close } = start(undefined, { transform, untilEnd });
    close();
    lane.message(NOTHING, false);
    expect(seen).toBe(count);
    expect(waiting).toHaveLength(0);
    expect(lane.messages).toBe(0);
  });

  test('by the message that is looked at, it is not sent any more', () => {
    const closed = start(undefined, {
      transform(message) {
        closed.close();
        return message;
      },
    });
    closed.lane.message(NOTHING, false);
    expect(closed.waiting).toHaveLength(0);
  });
});

test('an error of the transform is told', () => {
  const { lane, broken } = start(undefined, {
    transform() {
      throw new SeksError('SEKS_MODEL_DENIED');
    },
  });
  lane.message(NOTHING, false);
  expect(broken).toEqual([expect.objectContaining({ code: 'SEKS_MODEL_DENIED' })]);
});
