import { describe, expect, test } from '@jest/globals';

import { readConfig } from './config.ts';

const injection = {
  version: 1,
  namespace: 'agents',
  serviceAccountName: 'research',
  issuedAtSeconds: 1,
  sidecar: { image: 'i', imagePullPolicy: 'Always', resources: { requests: {}, limits: {} } },
  keyService: { url: 'https://seks-keyservice.seks.svc.cluster.local:8443', caBundle: 'CANARY-ca' },
  interception: { aliases: ['api.telegram.org'], proxied: [] },
  bindings: [],
};
const env = { SEKS_CONFIG: JSON.stringify(injection), POD_NAME: 'p', POD_NAMESPACE: 'agents' };

describe('readConfig', () => {
  test('reads what the webhook wrote', () => {
    expect(readConfig(env)).toEqual({ injection, podName: 'p', namespace: 'agents' });
  });

  test.each([
    ['no pod name', { POD_NAME: undefined }, 'POD_NAME is not set'],
    ['an empty namespace', { POD_NAMESPACE: '' }, 'POD_NAMESPACE is not set'],
    ['no config', { SEKS_CONFIG: undefined }, 'SEKS_CONFIG is not set'],
    ['a config that is no JSON', { SEKS_CONFIG: 'CANARY' }, 'SEKS_CONFIG is not JSON'],
    [
      'another version',
      { SEKS_CONFIG: JSON.stringify({ ...injection, version: 2 }) },
      'version (invalid_value)',
    ],
    ['several mistakes', { SEKS_CONFIG: '{"version":1,"bindings":"CANARY"}' }, 'bindings (invalid_type)'],
    ['the config of another namespace', { POD_NAMESPACE: 'other' }, 'of another namespace'],
  ])('S7: refuses %s, and quotes nothing', (_, change, detail) => {
    let caught: unknown;
    try {
      readConfig({ ...env, ...change });
    } catch (cause) {
      caught = cause;
    }
    expect(caught).toMatchObject({
      code: 'SEKS_CONFIG_INVALID',
      message: expect.stringContaining(detail) as unknown,
    });
    expect((caught as Error).message).not.toContain('CANARY');
  });
});
