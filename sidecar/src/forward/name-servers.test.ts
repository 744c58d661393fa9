import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { firstNameServers } from './name-servers.ts';

let runDirectory: string;

beforeEach(async () => {
  runDirectory = await mkdtemp(join(tmpdir(), 'seks-run-'));
});

afterEach(() => rm(runDirectory, { recursive: true }));

function ask(...current: string[]): Promise<readonly string[]> {
  return firstNameServers({ runDirectory, current, randomBytes });
}

test('S6: a restarted sidecar keeps the name servers of the first start', async () => {
  const first = ['10.96.0.10', '10.96.0.11:5353', 'fd00::a', '[fd00::b]:53'];
  expect(await ask(...first)).toEqual(first);
  expect(await ask('203.0.113.6')).toEqual(first);
  const { mode } = await stat(join(runDirectory, 'name-servers.json'));
  expect(mode & 0o777).toBe(0o600);
});

test.each(['', '[]', '{"a":1}', '["evil.example"]', '["10.0.0.1', '[1]'])(
  'what is no list of addresses is replaced: %s',
  async (text) => {
    await writeFile(join(runDirectory, 'name-servers.json'), text);
    expect(await ask('10.96.0.10')).toEqual(['10.96.0.10']);
    expect(await readFile(join(runDirectory, 'name-servers.json'), 'utf8')).toBe('["10.96.0.10"]');
  },
);
