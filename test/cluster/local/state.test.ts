import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readState, writeState } from './state.ts';

const file = join(mkdtempSync(join(tmpdir(), 'state-')), 'state.json');
const state = {
  createdAt: '2026-01-01T00:00:00Z',
  settingsBefore: { 'net/ipv4/ip_forward': '0' },
  foreignKubeChains: false,
  foreignKubeletDir: false,
};

test('what is written is read', () => {
  writeState(file, state);
  expect(readState(file)).toEqual(state);
});

test('no state, or a torn one, is none', () => {
  expect(readState('/nonexistent')).toBeUndefined();
  writeFileSync(file, '{"createdAt": "2026');
  expect(readState(file)).toBeUndefined();
});

test("what an older version did not note is taken for somebody else's, and stays", () => {
  writeFileSync(
    file,
    JSON.stringify({ createdAt: state.createdAt, settingsBefore: {}, foreignKubeChains: false }),
  );
  expect(readState(file)?.foreignKubeletDir).toBe(true);
});
