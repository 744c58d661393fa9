import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { shimPids } from './containers.ts';

function procWith(commandLines: Record<string, string[]>): string {
  const proc = mkdtempSync(join(tmpdir(), 'proc-'));
  for (const [pid, words] of Object.entries(commandLines)) {
    mkdirSync(join(proc, pid));
    writeFileSync(join(proc, pid, 'cmdline'), `${words.join('\0')}\0`);
  }
  mkdirSync(join(proc, 'self'));
  return proc;
}

test("only shims of our socket are ours, not another containerd's, nor a program that mentions it", () => {
  const ours = '/run/seks-test-cluster/containerd.sock';
  const proc = procWith({
    '10': ['/usr/bin/containerd-shim-runc-v2', '-namespace', 'k8s.io', '-address', ours],
    '11': [
      '/usr/bin/containerd-shim-runc-v2',
      '-namespace',
      'moby',
      '-address',
      '/run/containerd/containerd.sock',
    ],
    '12': ['grep', '-address', ours],
    '13': [],
  });
  expect(shimPids(ours, proc)).toEqual([10]);
});
