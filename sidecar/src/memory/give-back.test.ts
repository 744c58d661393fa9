// When memory is given back: once after each busy time, and never in the midst of work.
import { expect, test } from '@jest/globals';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { giveBackWhenQuiet } from './give-back.ts';

const MEBIBYTE = 1024 * 1024;

function start(residentMiB = 120) {
  const scheduler = createManualScheduler();
  const state = { cpuMs: 900, residentMiB, collections: 0 };
  const stop = giveBackWhenQuiet({
    scheduler,
    cpuMs: () => state.cpuMs,
    residentBytes: () => state.residentMiB * MEBIBYTE,
    collect: () => {
      state.collections += 1;
      state.cpuMs += 60;
    },
  });
  /** five seconds in which so much CPU time is used */
  const pass = async (cpuMs: number): Promise<number> => {
    state.cpuMs += cpuMs;
    await scheduler.advance(5_000);
    return state.collections;
  };
  /** so many seconds in which nearly nothing is done */
  const rest = async (seconds: number): Promise<number> => {
    for (let i = 0; i < seconds / 5; i += 1) await pass(10);
    return state.collections;
  };
  return { state, stop, pass, rest, scheduler };
}

test('collects when work is followed by fifty seconds of quiet, and then not again', async () => {
  const { pass, rest } = start();
  expect(await pass(5_000)).toBe(0);
  expect(await rest(45)).toBe(0);
  expect(await rest(5)).toBe(1);
  expect(await rest(600)).toBe(1);
});

test('collects once after each busy time', async () => {
  const { pass, rest } = start();
  for (const collections of [1, 2, 3]) {
    expect(await pass(2_000)).toBe(collections - 1);
    expect(await rest(60)).toBe(collections);
  }
});

test('does not while there is work, however little at a time', async () => {
  const { pass, rest } = start();
  await pass(5_000);
  for (let i = 0; i < 20; i += 1) {
    expect(await rest(45)).toBe(0);
    expect(await pass(25)).toBe(0);
  }
});

test('does not for a little work: the pause would be a greater part of it', async () => {
  const { pass, rest } = start();
  await pass(1_500);
  expect(await rest(120)).toBe(0);
});

test('does not where there is nothing to win', async () => {
  const { pass, rest } = start(80);
  await pass(5_000);
  expect(await rest(120)).toBe(0);
});

test('ends', async () => {
  const { pass, rest, stop, scheduler } = start();
  await pass(5_000);
  stop();
  expect(scheduler.pending()).toEqual([]);
  expect(await rest(120)).toBe(0);
});
