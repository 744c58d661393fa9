import { describe, expect, test } from '@jest/globals';

import { parseConfig, serviceNames } from './config.ts';
import type { Role } from './config.ts';

const CONTROLLER = { SEKS_NAMESPACE: 'seks', SEKS_SIDECAR_IMAGE: 'registry.example/sidecar@sha256:aa' };
const KEYSERVICE = { SEKS_NAMESPACE: 'seks' };

function problems(role: Role, env: Record<string, string | undefined>): string[] {
  const parsed = parseConfig(role, env);
  return parsed.ok ? [] : parsed.problems;
}

function config(role: Role, env: Record<string, string | undefined>): object {
  const parsed = parseConfig(role, env);
  if (!parsed.ok) throw new Error(parsed.problems.join());
  return parsed.config;
}

test('the controller needs a namespace and an image, the rest has defaults', () => {
  expect(config('controller', { ...CONTROLLER, SEKS_LOG_LEVEL: '', PATH: '/bin' })).toEqual({
    role: 'controller',
    namespace: 'seks',
    clusterDomain: 'cluster.local',
    logLevel: 'info',
    adminPort: 8080,
    kube: { kind: 'in-cluster' },
    instance: 'seks',
    webhookPort: 9443,
    sidecar: {
      image: 'registry.example/sidecar@sha256:aa',
      imagePullPolicy: 'IfNotPresent',
      resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '256Mi' } },
    },
  });
});

test('the key service needs a namespace', () => {
  expect(config('keyservice', { ...KEYSERVICE, KUBECONFIG: '/k', HOSTNAME: 'pod-1' })).toMatchObject({
    role: 'keyservice',
    kube: { kind: 'file', path: '/k' },
    instance: 'pod-1',
    listenPort: 8443,
    leaseTtlSeconds: 900,
    kms: [{ kms: 'local' }],
  });
});

test('takes JSON for the KMS list and the resources', () => {
  const aws = {
    kms: 'aws',
    region: 'eu-west-1',
    keyIds: ['arn:aws:kms:eu-west-1:1:key/a'],
    endpoint: 'http://moto:5000',
  };
  const kms = [aws, { kms: 'local' }];
  expect(config('keyservice', { ...KEYSERVICE, SEKS_KMS: JSON.stringify(kms) })).toMatchObject({ kms });
  const resources = { requests: { cpu: '1' }, limits: {} };
  expect(
    config('controller', { ...CONTROLLER, SEKS_SIDECAR_RESOURCES: JSON.stringify(resources) }),
  ).toMatchObject({
    sidecar: { resources },
  });
});

describe('every problem is told, with its variable', () => {
  test('all at once', () => {
    const env = {
      SEKS_NAMESPACE: 'Not A Name',
      SEKS_LOG_LEVEL: 'loud',
      SEKS_ADMIN_PORT: '0',
      SEKS_SIDECAR_IMAGE_PULL_POLICY: 'Sometimes',
      SEKS_SIDECAR_RESOURCES: '{"requests":{}}',
    };
    expect(problems('controller', env).map((line) => line.split(':')[0])).toEqual([
      'SEKS_NAMESPACE',
      'SEKS_LOG_LEVEL',
      'SEKS_ADMIN_PORT',
      'SEKS_SIDECAR_IMAGE',
      'SEKS_SIDECAR_IMAGE_PULL_POLICY',
      'SEKS_SIDECAR_RESOURCES.limits',
    ]);
  });

  test.each<[Role, Record<string, string>, string]>([
    ['keyservice', { SEKS_NAMESPACE: '' }, 'SEKS_NAMESPACE: must be set'],
    ['controller', { SEKS_SIDECAR_IMAGE: '' }, 'SEKS_SIDECAR_IMAGE: must be set'],
    ['keyservice', { SEKS_LEASE_TTL_SECONDS: '5' }, 'SEKS_LEASE_TTL_SECONDS: '],
    ['keyservice', { SEKS_LEASE_TTL_SECONDS: 'soon' }, 'SEKS_LEASE_TTL_SECONDS: '],
    ['keyservice', { SEKS_KMS: 'local' }, 'SEKS_KMS: must be JSON'],
    ['keyservice', { SEKS_KMS: '[]' }, 'SEKS_KMS: must list at least one KMS'],
    ['keyservice', { SEKS_KMS: '[{"kms":"local"},{"kms":"local"}]' }, 'SEKS_KMS: may list "local" only once'],
    ['keyservice', { SEKS_KMS: '[{"kms":"vault"}]' }, 'SEKS_KMS.0.kms: '],
    [
      'keyservice',
      { SEKS_KMS: '[{"kms":"aws","keyIds":["alias/x"]}]' },
      'SEKS_KMS.0.keyIds.0: must be the full ARN',
    ],
    ['keyservice', { SEKS_KMS: '[{"kms":"local","extra":1}]' }, 'SEKS_KMS.0: '],
    ['keyservice', { SEKS_CLUSTER_DOMAIN: '-' }, 'SEKS_CLUSTER_DOMAIN: must be a DNS name'],
  ])('%s %j', (role, env, expected) => {
    const base = role === 'controller' ? CONTROLLER : KEYSERVICE;
    const [first, ...more] = problems(role, { ...base, ...env });
    expect(first).toContain(expected);
    expect(more).toEqual([]);
  });
});

test('the names of the Services are below the domains that the CA may issue for', () => {
  const parsed = parseConfig('keyservice', { ...KEYSERVICE, SEKS_CLUSTER_DOMAIN: 'corp.example' });
  if (!parsed.ok) throw new Error('invalid');
  const names = serviceNames(parsed.config);
  expect(names).toEqual({
    webhook: ['seks-webhook.seks.svc', 'seks-webhook.seks.svc.corp.example'],
    keyservice: ['seks-keyservice.seks.svc', 'seks-keyservice.seks.svc.corp.example'],
    keyserviceUrl: 'https://seks-keyservice.seks.svc.corp.example:8443',
    caDomains: ['seks.svc', 'seks.svc.corp.example'],
  });
});
