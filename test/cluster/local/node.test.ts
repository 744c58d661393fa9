import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { clusterPaths } from '../paths.ts';
import { coreDns, hasCniPlugins, kubelet, kubeProxy } from './node.ts';

const paths = clusterPaths({ HOME: '/home/x' });
const program = (name: string): string => `/bin/${name}`;

test('a process is started anew when the text of its configuration changes', () => {
  const { spec, files } = kubelet(paths, program);
  expect(spec.reads).toEqual(Object.values(files));
});

test('nobody reaches the kubelet without credentials', () => {
  const config = JSON.parse(kubelet(paths, program).spec.reads?.[0] ?? '') as Record<string, unknown>;
  expect(config).toMatchObject({
    readOnlyPort: 0,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
    authorization: { mode: 'Webhook' },
  });
});

test('the machine keeps its conntrack limits', () => {
  const config = JSON.parse(kubeProxy(paths, program).spec.reads?.[0] ?? '') as Record<string, unknown>;
  expect(config).toMatchObject({ mode: 'iptables', conntrack: { maxPerCore: 0, min: 0 } });
});

test('cluster DNS listens on the bridge only', () => {
  expect(coreDns(paths, program).spec.reads?.[0]).toContain('bind 10.231.0.1\n');
});

test('the CNI plugins are found by one of them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cni-'));
  expect(hasCniPlugins([folder])).toBe(false);
  writeFileSync(join(folder, 'bridge'), '');
  expect(hasCniPlugins(['/nonexistent', folder])).toBe(true);
});
