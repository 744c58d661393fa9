import { describe, expect, test } from '@jest/globals';
import { clusterPaths } from '../paths.ts';
import { apiServer, auditPolicyText, controllerManager, etcd, scheduler } from './control-plane.ts';

const options = {
  paths: clusterPaths({ HOME: '/home/x' }),
  program: (name: string): string => `/bin/${name}`,
  auditLog: false,
};

describe('the API server', () => {
  test('keeps no audit log unless asked to', () => {
    expect(apiServer(options).args.join(' ')).not.toContain('audit');
    expect(apiServer({ ...options, auditLog: true }).args.join(' ')).toContain('--audit-log-path=');
  });

  test('never turns an admission plugin off', () => {
    expect(apiServer(options).args.join(' ')).not.toContain('disable-admission-plugins');
  });

  test('never logs bodies', () => {
    expect(auditPolicyText).toContain('level: Metadata');
    expect(auditPolicyText).not.toMatch(/level: Request/);
  });
});

test('only the API server can be reached from outside the machine, and it only on the bridge', () => {
  const args = [etcd, controllerManager, scheduler].flatMap((component) => component(options).args);
  const addresses = args.filter((arg) => /(bind-address|listen-\w+-urls)=/.test(arg));
  expect(addresses).toHaveLength(4);
  for (const address of addresses) expect(address).toContain('127.0.0.1');
});
