// Whether what was used today survives the process.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { COUNT_FILE, type Counts, createCountWriter, readCounts } from './count-file.ts';

const EMPTY: Counts = { spendings: new Map(), logins: new Map() };
const COUNTS: Counts = {
  spendings: new Map([
    ['uid/openai', { tokens: { day: 20_000, spent: 123 }, nanoUsd: { day: 20_000, spent: 4.5e9 } }],
    ['uid/other', { tokens: { day: -1, spent: 0 }, nanoUsd: { day: -1, spent: 0 } }],
  ]),
  logins: new Map([['uid/discord', [1_700_000_000_000, 1_700_000_005_000.5]]]),
};

let runDirectory: string;

beforeEach(async () => {
  runDirectory = await mkdtemp(join(tmpdir(), 'seks-counts-'));
});

afterEach(async () => {
  await rm(runDirectory, { recursive: true });
});

function start(directory = runDirectory) {
  const scheduler = createManualScheduler();
  const state = { counts: COUNTS, asked: 0, failures: [] as unknown[] };
  const writer = createCountWriter({
    runDirectory: directory,
    scheduler,
    randomBytes,
    counts: () => {
      state.asked += 1;
      return state.counts;
    },
    failed: (cause) => state.failures.push(cause),
  });
  return { scheduler, state, writer };
}

function write(content: string): Promise<void> {
  return writeFile(join(runDirectory, COUNT_FILE), content);
}

describe('counts', () => {
  test('of a pod that has none are empty', async () => {
    expect(await readCounts(runDirectory)).toEqual(EMPTY);
  });

  test('are read as they were written, and are nobody else’s to read', async () => {
    const { writer, state } = start();
    writer.changed();
    await writer.flush();
    expect(await readCounts(runDirectory)).toEqual(COUNTS);
    expect((await stat(join(runDirectory, COUNT_FILE))).mode & 0o777).toBe(0o600);
    expect(await readdir(runDirectory)).toEqual([COUNT_FILE]);
    expect(state.failures).toEqual([]);
  });

  test('are written a second after a change, however many there were', async () => {
    const { writer, state, scheduler } = start();
    for (let i = 0; i < 1000; i += 1) writer.changed();
    await scheduler.advance(999);
    expect(state.asked).toBe(0);
    await scheduler.advance(1);
    expect(state.asked).toBe(1);
    expect(scheduler.pending()).toEqual([]);
    await writer.flush();
    expect(state.asked).toBe(1);
    expect(await readCounts(runDirectory)).toEqual(COUNTS);
  });

  test('that change while they are written are written again', async () => {
    const { writer, state } = start();
    writer.changed();
    const first = writer.flush();
    state.counts = EMPTY;
    writer.changed();
    await first;
    await writer.flush();
    expect(await readCounts(runDirectory)).toEqual(EMPTY);
  });

  test('that cannot be written are told of, and written with the next change or at the end', async () => {
    const missing = join(runDirectory, 'missing');
    const { writer, state } = start(missing);
    writer.changed();
    await writer.flush();
    expect(state.failures).toMatchObject([{ code: 'ENOENT' }]);
    await writer.flush();
    expect(state.failures).toHaveLength(2);
    await mkdir(missing);
    writer.changed();
    await writer.flush();
    expect(state.failures).toHaveLength(2);
    expect(await readCounts(missing)).toEqual(COUNTS);
    await writer.flush();
    expect(state.asked).toBe(3);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"version":2,"spendings":[],"logins":[]}',
    '{"version":1,"spendings":{},"logins":[]}',
    '{"version":1,"spendings":[["a",{}]],"logins":[]}',
    '{"version":1,"spendings":[["a",{"tokens":{"day":1.5,"spent":0},"nanoUsd":{"day":1,"spent":0}}]],"logins":[]}',
    '{"version":1,"spendings":[["a",{"tokens":{"day":1,"spent":null},"nanoUsd":{"day":1,"spent":0}}]],"logins":[]}',
    '{"version":1,"spendings":[[1,{"tokens":{"day":1,"spent":0},"nanoUsd":{"day":1,"spent":0}}]],"logins":[]}',
    '{"version":1,"spendings":[],"logins":[["a",["1"]]]}',
    '{"version":1,"spendings":[]}',
  ])('S7: that are not ours end the process, because zero would be too little: %j', async (content) => {
    await write(content);
    await expect(readCounts(runDirectory)).rejects.toMatchObject({ code: 'SEKS_INTERNAL' });
  });

  test('S7: a file that cannot be read is no reason to count from zero', async () => {
    await mkdir(join(runDirectory, COUNT_FILE));
    await expect(readCounts(runDirectory)).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
