// A slow reader slows its sender down; the memory in between stays flat.
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { WebSocket } from 'ws';

import { type RelayRig, startRelayRig } from './testing/relay-rig.ts';

const MESSAGE = Buffer.alloc(1_048_576, 7);
const MESSAGES = 200;
/** relay, streams and the kernel's socket buffers of two connections, in both processes' stead */
const MAX_IN_FLIGHT_MESSAGES = 40;

let rig: RelayRig;

beforeAll(async () => {
  rig = await startRelayRig();
});
afterEach(() => rig.reset());
afterAll(async () => rig.close());

describe.each([
  ['agent', 'provider'],
  ['provider', 'agent'],
] as const)('a slow %s', (reader, writer) => {
  test('200 MiB pass, with a bounded part of them on the way', async () => {
    const pair = await rig.pair();
    const inFlight = new InFlight();
    const [received] = await Promise.all([
      readSlowly(pair[reader], inFlight),
      writeAll(pair[writer], inFlight),
    ]);
    expect(received).toBe(MESSAGES);
    expect(inFlight.most).toBeLessThan(MAX_IN_FLIGHT_MESSAGES);
  }, 30_000);

  test('a reader that leaves while its sender is paused takes the sender along', async () => {
    const pair = await rig.pair();
    pair[reader].pause();
    const inFlight = new InFlight();
    const left = new Promise<void>((resolve) => pair[writer].on('close', () => resolve()));
    const written = writeAll(pair[writer], inFlight);
    await stalled(inFlight);
    pair[reader].terminate();
    await Promise.all([left, written]);
    await pair.record.closed;
    expect(inFlight.sent).toBeLessThan(MESSAGES);
  }, 30_000);
});

class InFlight {
  sent = 0;
  received = 0;
  most = 0;

  note(): void {
    this.most = Math.max(this.most, this.sent - this.received);
  }
}

/** takes one message in a while; that is what being slow means here */
async function readSlowly(socket: WebSocket, inFlight: InFlight): Promise<number> {
  return new Promise((resolve) => {
    socket.on('message', () => {
      inFlight.received += 1;
      inFlight.note();
      if (inFlight.received === MESSAGES) resolve(inFlight.received);
      socket.pause();
      void delay(4).then(() => socket.resume());
    });
  });
}

/** writes as fast as the socket takes it; gives up when it closes */
async function writeAll(socket: WebSocket, inFlight: InFlight): Promise<void> {
  for (let i = 0; i < MESSAGES; i += 1) {
    const failed = await new Promise<Error | null | undefined>((resolve) => socket.send(MESSAGE, resolve));
    if (failed) return;
    inFlight.sent += 1;
    inFlight.note();
  }
}

/** until nothing more is taken from the writer */
async function stalled(inFlight: InFlight): Promise<void> {
  let before = -1;
  while (inFlight.sent !== before || inFlight.sent === 0) {
    before = inFlight.sent;
    await delay(100);
  }
}
