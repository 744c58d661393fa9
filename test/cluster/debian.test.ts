import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { withoutStartingServices } from './debian.ts';

const policyIn = (): string => join(mkdtempSync(join(tmpdir(), 'policy-')), 'policy-rc.d');

test('services are refused during the work only', async () => {
  const policy = policyIn();
  await withoutStartingServices(policy, () => {
    expect(readFileSync(policy, 'utf8')).toContain('exit 101');
    expect(statSync(policy).mode & 0o111).toBe(0o111);
    return Promise.resolve();
  });
  expect(existsSync(policy)).toBe(false);
});

test("an administrator's policy comes back, even when the work fails", async () => {
  const policy = policyIn();
  writeFileSync(policy, '#!/bin/sh\nexit 104\n');
  await expect(withoutStartingServices(policy, () => Promise.reject(new Error('apt')))).rejects.toThrow(
    'apt',
  );
  expect(readFileSync(policy, 'utf8')).toBe('#!/bin/sh\nexit 104\n');
});

test('what an interrupted run left is cleaned up', async () => {
  const policy = policyIn();
  writeFileSync(`${policy}.seks-aside`, 'the administrator\n');
  writeFileSync(policy, '#!/bin/sh\n# written by test/cluster/debian.ts\nexit 101\n');
  await withoutStartingServices(policy, () => Promise.resolve());
  expect(readFileSync(policy, 'utf8')).toBe('the administrator\n');
  expect(existsSync(`${policy}.seks-aside`)).toBe(false);
});
