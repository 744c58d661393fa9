import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { applyNeededSettings, readSettings, restoreSettings } from './host-settings.ts';

test('settings are changed, and put back as they were', () => {
  const root = mkdtempSync(join(tmpdir(), 'sys-'));
  for (const [name, value] of [
    ['net/ipv4/ip_forward', '0\n'],
    ['vm/overcommit_memory', '2\n'],
  ] as const) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), value);
  }
  const before = readSettings(root);
  expect(before).toEqual({ 'net/ipv4/ip_forward': '0', 'vm/overcommit_memory': '2' });
  applyNeededSettings(root);
  expect(readSettings(root)).toEqual({ 'net/ipv4/ip_forward': '1', 'vm/overcommit_memory': '2' });
  restoreSettings(before, root);
  expect(readFileSync(join(root, 'net/ipv4/ip_forward'), 'utf8')).toBe('0');
});
