// What is held of messages that are not whole yet, frame by frame.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { FrameMeter } from './frame-meter.ts';
import { createRelayMemory, type RelayMemory } from './relay-memory.ts';

const OF_A_CHUNK = 512;
const OF_A_FRAGMENT = 128;
const TEXT = 0x1;
const REST = 0x0;
const PING = 0x9;
const CLOSE = 0x8;

function frame(opcode: number, length: number, { fin = true, masked = true } = {}): Buffer {
  const mask = masked ? 0x80 : 0;
  const head = [(fin ? 0x80 : 0) | opcode];
  if (length < 126) head.push(mask | length);
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 255);
  else
    head.push(mask | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255);
  return Buffer.concat([Buffer.from(head), Buffer.alloc((masked ? 4 : 0) + length, 0xff)]);
}

function start(maxBytes?: number): { memory: RelayMemory; meter: FrameMeter; full: () => number } {
  const memory = createRelayMemory(maxBytes);
  let full = 0;
  return { memory, meter: new FrameMeter(memory, () => (full += 1)), full: () => full };
}

describe('a meter', () => {
  test('counts what came of a long frame, and nothing when it is whole', () => {
    const { memory, meter } = start();
    const long = frame(TEXT, 100_000);
    meter.receive(long.subarray(0, 60_000));
    expect(memory.taken).toBe(60_000 + OF_A_CHUNK);
    meter.receive(long.subarray(60_000, 90_000));
    expect(memory.taken).toBe(90_000 + 2 * OF_A_CHUNK);
    meter.receive(long.subarray(90_000));
    expect(memory.taken).toBe(0);
  });

  test('counts fragments until the last, and pings between them', () => {
    const { memory, meter } = start();
    meter.receive(frame(TEXT, 1_000, { fin: false }));
    const first = 1_000 + 8 + OF_A_CHUNK + OF_A_FRAGMENT;
    expect(memory.taken).toBe(first);
    // The chunk stays in memory for as long as one byte of it is kept.
    meter.receive(frame(PING, 0));
    expect(memory.taken).toBe(first + 6 + OF_A_CHUNK + OF_A_FRAGMENT);
    meter.receive(frame(REST, 0, { fin: false }));
    expect(memory.taken).toBeGreaterThan(first);
    meter.receive(frame(REST, 10));
    expect(memory.taken).toBe(0);
  });

  test('counts the whole chunk in which the next message begins', () => {
    const { memory, meter } = start();
    meter.receive(Buffer.concat([frame(TEXT, 5_000), frame(TEXT, 5_000).subarray(0, 1)]));
    expect(memory.taken).toBe(5_009 + OF_A_CHUNK);
  });

  test('of many bytes that come one by one counts what each costs', () => {
    const { memory, meter } = start();
    for (const byte of frame(TEXT, 100).subarray(0, 50)) meter.receive(Buffer.of(byte));
    expect(memory.taken).toBe(50 * (1 + OF_A_CHUNK));
  });

  test.each([
    ['pings', PING],
    ['messages', TEXT],
  ])('holds nothing between whole %s, however many', (_, opcode) => {
    const { memory, meter } = start(1_000);
    for (let i = 0; i < 1_000; i += 1) meter.receive(frame(opcode, 100));
    expect(memory.taken).toBe(0);
  });

  test('tells of each chunk for which there is no room, and takes no more for it', () => {
    const { memory, meter, full } = start(2_000);
    meter.receive(frame(TEXT, 1_000, { fin: false }));
    expect(full()).toBe(0);
    for (let i = 0; i < 3; i += 1) meter.receive(frame(REST, 1_000, { fin: false }));
    expect(full()).toBe(3);
    expect(memory.taken).toBeLessThanOrEqual(2_000);
    meter.end();
    expect(memory.taken).toBe(0);
  });

  test('follows nothing behind a close frame, and keeps what was taken until the end', () => {
    const { memory, meter } = start();
    meter.receive(frame(TEXT, 1_000, { fin: false }));
    const { taken } = memory;
    meter.receive(frame(CLOSE, 2));
    meter.receive(frame(REST, 1_000));
    meter.receive(frame(TEXT, 9_000, { fin: false }));
    expect(memory.taken).toBeLessThan(taken + 1_000);
    expect(memory.taken).toBeGreaterThanOrEqual(taken);
    meter.end();
    meter.end();
    expect(memory.taken).toBe(0);
  });

  test('gives back all that it took, wherever chunks begin and end', () => {
    const frames = fc.record({
      opcode: fc.constantFrom(TEXT, PING),
      length: fc.oneof(fc.nat(125), fc.constantFrom(126, 200, 65_535, 65_536)),
      masked: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(frames, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40_000 })),
        (list, cuts) => {
          const { memory, meter } = start();
          const bytes = Buffer.concat(
            list.map(({ opcode, length, masked }) =>
              frame(opcode, opcode === PING ? length % 126 : length, { masked }),
            ),
          );
          let at = 0;
          for (const cut of cuts) {
            meter.receive(bytes.subarray(at, at + cut));
            at += cut;
          }
          if (at < bytes.length) meter.receive(bytes.subarray(at));
          expect(memory.taken).toBe(0);
        },
      ),
    );
  });
});
