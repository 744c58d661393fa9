// A binding and a provider that use every field that matters to their schemas, to be taken as they are or made wrong.
import type { SeksBinding, SeksProvider } from '../../crds/src/index.ts';

export function sampleBinding(namespace: string): SeksBinding {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksBinding',
    metadata: { name: 'research', namespace },
    spec: {
      agent: 'researcher',
      podSelector: { matchLabels: { app: 'research' } },
      serviceAccountName: 'research',
      credentials: [
        {
          name: 'openai',
          provider: 'openai',
          containers: ['planner'],
          sources: [
            { tier: 'user', secretRef: { name: 'alice-keys', key: 'openai' } },
            { tier: 'builder', secretRef: { name: 'builder-keys', key: 'openai' } },
          ],
          allow: [{ methods: ['POST'], paths: ['/v1/responses'] }],
          env: { key: ['OPENAI_API_KEY'], baseUrl: ['OPENAI_BASE_URL'] },
        },
      ],
      suspend: false,
      expiresAt: '2099-12-31T00:00:00Z',
    },
  };
}

/** the binding's spec, and as `credential` its first credential, as things that may be made wrong */
export function looseSpec(
  object: SeksBinding,
): Record<string, unknown> & { credential: Record<string, unknown> } {
  const spec = object.spec as unknown as Record<string, unknown>;
  const [credential] = object.spec.credentials as unknown as Record<string, unknown>[];
  if (credential === undefined) throw new Error('the sample has no credential');
  return new Proxy(spec, {
    get: (target, name) => (name === 'credential' ? credential : Reflect.get(target, name)),
  }) as Record<string, unknown> & { credential: Record<string, unknown> };
}

export function sampleProvider(): SeksProvider {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name: 'seks-it-provider' },
    spec: {
      displayName: 'Sample',
      upstreams: [{ host: 'api.example.com', port: 8443, network: 'Private' }],
      auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
      env: { key: ['SAMPLE_KEY'], baseUrl: ['SAMPLE_URL'], baseUrlPath: '/v1' },
      fakeToken: 'sample_{token:40}',
      usage: { format: 'OpenAI' },
      caBundle: '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
    },
  };
}
