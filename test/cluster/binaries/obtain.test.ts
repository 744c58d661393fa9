import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CannotRunHere } from '../failures.ts';
import { architecture, missingBinaries, toolFile } from './obtain.ts';

function folderWith(binary: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'bin-'));
  writeFileSync(join(folder, binary), '#!/bin/sh\n');
  chmodSync(join(folder, binary), 0o755);
  return folder;
}

test('a binary that the environment names comes before the cache', () => {
  const named = folderWith('helm');
  expect(toolFile('/cache', { SEKS_KUBE_BIN_DIR: named }, 'helm', 'helm')).toBe(join(named, 'helm'));
  expect(missingBinaries('helm', { cacheDir: '/cache', env: { SEKS_KUBE_BIN_DIR: named } })).toEqual([]);
});

test('what the named folder lacks is looked for in the cache, under its version', () => {
  const named = folderWith('helm');
  const file = toolFile('/cache', { SEKS_KUBE_BIN_DIR: named }, 'coredns', 'coredns');
  expect(file).toMatch(/^\/cache\/bin\/coredns-v[\d.]+\/coredns$/);
  expect(missingBinaries('coredns', { cacheDir: '/cache', env: {} })).toEqual(['coredns']);
});

test('a file that cannot be run is not taken', () => {
  const named = folderWith('helm');
  chmodSync(join(named, 'helm'), 0o644);
  expect(readFileSync(join(named, 'helm'), 'utf8')).toContain('sh');
  expect(missingBinaries('helm', { cacheDir: '/cache', env: { SEKS_KUBE_BIN_DIR: named } })).toEqual([
    'helm',
  ]);
});

test('architecture', () => {
  expect(architecture('x64')).toBe('amd64');
  expect(architecture('arm64')).toBe('arm64');
  expect(() => architecture('mips')).toThrow(CannotRunHere);
});
