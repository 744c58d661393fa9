import { describe, expect, test } from '@jest/globals';
import { injectionConfig } from '@seks/crds';
import type { InjectionConfig } from '@seks/crds';

import { SETTINGS } from './fixtures.ts';
import { buildSidecar, buildVolumes } from './sidecar.ts';

function config(overrides: Partial<InjectionConfig> = {}): InjectionConfig {
  const source = (secret: string, key: string) => ({ tier: 'user' as const, secret, key });
  const credential = (
    name: string,
    ...sources: InjectionConfig['bindings'][0]['credentials'][0]['sources']
  ) => ({
    name,
    provider: 'openai',
    sources,
    tokens: [{ container: 'planner', sha256: 'h' }],
  });
  return {
    version: 1,
    namespace: 'agents',
    serviceAccountName: 'research',
    issuedAtSeconds: 1,
    sidecar: SETTINGS.sidecar,
    keyService: SETTINGS.keyService,
    interception: { aliases: ['api.openai.com'], proxied: [] },
    bindings: [
      {
        uid: 'u1',
        name: 'b1',
        agent: 'a',
        credentials: [credential('x', source('zoe', 'k2'), source('amy', 'k'))],
      },
      {
        uid: 'u2',
        name: 'b2',
        agent: 'a',
        credentials: [credential('y', source('zoe', 'k1'), source('amy', 'k'))],
      },
    ],
    ...overrides,
  };
}

describe('buildSidecar', () => {
  const sidecar = buildSidecar(config());

  test('is a native sidecar that outlasts the wait for a lease', () => {
    expect(sidecar['restartPolicy']).toBe('Always');
    expect(sidecar['startupProbe']).toMatchObject({
      periodSeconds: 1,
      httpGet: { path: '/readyz', port: 15090 },
    });
    expect((sidecar['startupProbe'] as { failureThreshold: number }).failureThreshold).toBeGreaterThan(120);
    expect(sidecar['livenessProbe']).toMatchObject({ httpGet: { path: '/healthz', port: 15090 } });
  });

  test('S1: sets every field of the restricted Pod Security Standard', () => {
    expect(sidecar.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: 64021,
      runAsNonRoot: true,
      runAsUser: 64021,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(sidecar['terminationMessagePolicy']).toBe('File');
  });

  test('hands the config over in one variable and empties NODE_OPTIONS', () => {
    const [first, ...rest] = sidecar.env ?? [];
    expect(first?.name).toBe('SEKS_CONFIG');
    expect(injectionConfig.parse(JSON.parse(first?.value ?? ''))).toEqual(config());
    expect(rest).toContainEqual({ name: 'NODE_OPTIONS' });
    expect(rest.map(({ name }) => name)).toEqual(['POD_NAME', 'POD_NAMESPACE', 'POD_UID', 'NODE_OPTIONS']);
  });

  test('S1: reads its keys, and writes to memory only', () => {
    expect(sidecar.volumeMounts).toEqual([
      { name: 'seks-private', mountPath: '/var/run/seks/private', readOnly: true },
      { name: 'seks-private-run', mountPath: '/var/run/seks/run' },
      { name: 'seks-public', mountPath: '/var/run/seks/public' },
    ]);
  });

  test('escapes what the kubelet would expand', () => {
    const url = 'https://seks.example/$(POD_NAME)';
    const { env } = buildSidecar(config({ keyService: { url, caBundle: '' } }));
    expect(env?.[0]?.value).toContain('https://seks.example/$$(POD_NAME)');
  });

  test('fills requests from limits, as the API server would, and leaves empty lists out', () => {
    const withLimits = {
      ...SETTINGS.sidecar,
      resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } },
    };
    expect(buildSidecar(config({ sidecar: withLimits }))['resources']).toEqual({
      limits: { memory: '1Gi' },
      requests: { cpu: '1', memory: '1Gi' },
    });
    const without = { ...SETTINGS.sidecar, resources: { requests: {}, limits: {} } };
    expect(buildSidecar(config({ sidecar: without }))['resources']).toEqual({});
  });
});

describe('buildVolumes', () => {
  test('projects only the named keys, each Secret once and optional, and the token', () => {
    const secret = (name: string, ...keys: string[]) => ({
      secret: { name, optional: true, items: keys.map((key) => ({ key, path: `sealed/${name}/${key}` })) },
    });
    expect(buildVolumes(config())).toEqual([
      {
        name: 'seks-private',
        projected: {
          defaultMode: 0o444,
          sources: [
            secret('amy', 'k'),
            secret('zoe', 'k1', 'k2'),
            {
              serviceAccountToken: {
                audience: 'seks-keyservice',
                expirationSeconds: 3600,
                path: 'token/keyservice',
              },
            },
          ],
        },
      },
      { name: 'seks-private-run', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'seks-public', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
    ]);
  });
});
