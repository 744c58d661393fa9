// SeksBinding and SeksProvider on a real API server: what it refuses and how it says so, what `kubectl get` shows, and that
// everything we hand out as an example is accepted.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { SeksBinding, SeksProvider } from '../../crds/src/index.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kubectl, mustKubectl, readObjects, renderChart, ROOT, temporaryNamespace } from './kubernetes.ts';

const CRDS = ['seksbindings.seks.ai', 'seksproviders.seks.ai'];
const DRY_RUN = '--dry-run=server';

let namespace: Awaited<ReturnType<typeof temporaryNamespace>>;
let ownCrds: KubernetesObject[] = [];

beforeAll(async () => {
  namespace = await temporaryNamespace();
  const rendered = await renderChart(namespace.name, ['crds.keep=false']);
  const present = await kubectl(['get', 'crd', '-o', 'name', ...CRDS]);
  if (present.code !== 0) {
    ownCrds = rendered.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(ownCrds.map(({ metadata }) => metadata.name)).toEqual(CRDS);
    await mustKubectl(['create', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: ownCrds });
  }
  await mustKubectl(['wait', '--for=condition=Established', 'crd', ...CRDS, '--timeout=60s']);
  await waitUntil(
    async () => (await kubectl(['-n', namespace.name, 'get', 'seksbindings,seksproviders'])).code === 0,
    { what: 'the API server to serve SeksBindings and SeksProviders', timeoutMs: 60_000 },
  );
}, 180_000);

afterAll(async () => {
  await namespace.remove();
  for (const { metadata } of ownCrds) {
    await mustKubectl(['delete', 'crd', metadata.name, '--ignore-not-found']);
  }
}, 120_000);

describe('SeksBinding', () => {
  test('a complete binding is accepted', async () => {
    expect(await dryRun(binding())).toMatchObject({ code: 0 });
  });

  type Change = (spec: ReturnType<typeof looseSpec>) => void;
  const refused: [string, RegExp, Change][] = [
    ['no podSelector', /spec\.podSelector: Required value/, (spec) => delete spec['podSelector']],
    ['an empty podSelector', /spec\.podSelector: .*must not be empty/, (spec) => (spec['podSelector'] = {})],
    [
      'a podSelector with empty matchLabels',
      /spec\.podSelector: .*must not be empty/,
      (spec) => (spec['podSelector'] = { matchLabels: {} }),
    ],
    [
      'In without values',
      /spec\.podSelector\.matchExpressions\[0\]: .*values must be given for In and NotIn/,
      (spec) => (spec['podSelector'] = { matchExpressions: [{ key: 'app', operator: 'In' }] }),
    ],
    [
      'Exists with values',
      /spec\.podSelector\.matchExpressions\[0\]: .*values must be given for In and NotIn/,
      (spec) =>
        (spec['podSelector'] = { matchExpressions: [{ key: 'app', operator: 'Exists', values: ['x'] }] }),
    ],
    ['no credentials', /spec\.credentials: Required value/, (spec) => delete spec['credentials']],
    [
      'an empty list of credentials',
      /spec\.credentials: .*at least 1 item/,
      (spec) => (spec['credentials'] = []),
    ],
    [
      'two credentials of one name',
      /spec\.credentials\[1\]: Duplicate value.*openai/,
      (spec) => (spec['credentials'] = [spec.credential, spec.credential]),
    ],
    [
      'a credential without provider',
      /spec\.credentials\[0\]\.provider: Required value/,
      (spec) => delete spec.credential['provider'],
    ],
    [
      'a provider in capitals',
      /spec\.credentials\[0\]\.provider: Invalid value: "OpenAI"/,
      (spec) => (spec.credential['provider'] = 'OpenAI'),
    ],
    [
      'a credential without sources',
      /spec\.credentials\[0\]\.sources: .*at least 1 item/,
      (spec) => (spec.credential['sources'] = []),
    ],
    [
      'an unknown tier',
      /spec\.credentials\[0\]\.sources\[0\]\.tier: Unsupported value: "team"/,
      (spec) => (spec.credential['sources'] = [{ tier: 'team', secretRef: { name: 'a', key: 'b' } }]),
    ],
    [
      'a Secret key that leaves its folder',
      /spec\.credentials\[0\]\.sources\[0\]\.secretRef: .*key must not be '\.' or start with '\.\.'/,
      (spec) => (spec.credential['sources'] = [{ tier: 'user', secretRef: { name: 'a', key: '..data' } }]),
    ],
    [
      'an unknown method',
      /spec\.credentials\[0\]\.allow\[0\]\.methods\[0\]: Unsupported value: "CONNECT"/,
      (spec) => (spec.credential['allow'] = [{ methods: ['CONNECT'], paths: ['/v1'] }]),
    ],
    [
      'a path with a query',
      /spec\.credentials\[0\]\.allow\[0\]\.paths\[0\]: Invalid value: "\/v1\?x"/,
      (spec) => (spec.credential['allow'] = [{ paths: ['/v1?x'] }]),
    ],
    [
      'a variable that is no name',
      /spec\.credentials\[0\]\.env\.key\[0\]: Invalid value: "OPENAI-KEY"/,
      (spec) => (spec.credential['env'] = { key: ['OPENAI-KEY'] }),
    ],
    [
      'an agent with capitals',
      /spec\.agent: Invalid value: "Research"/,
      (spec) => (spec['agent'] = 'Research'),
    ],
    [
      'an expiry that is no time',
      /spec\.expiresAt: .*must be of type date-time/,
      (spec) => (spec['expiresAt'] = 'soon'),
    ],
    [
      'a field of a later version',
      /unknown field "spec\.credentials\[0\]\.limits"/,
      (spec) => (spec.credential['limits'] = { requestsPerMinute: 1 }),
    ],
  ];

  test.each(refused)('refused, and the message names the field: %s', async (_, message, change) => {
    const object = binding();
    change(looseSpec(object));
    const answer = await dryRun(object);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(message);
  });

  test('kubectl get shows state, agent, pods and age, and more with -o wide', async () => {
    await mustKubectl(['-n', namespace.name, 'create', '-f', '-'], {
      ...binding(),
      metadata: { name: 'columns' },
      spec: { ...binding().spec, suspend: true, expiresAt: '2099-01-01T00:00:00Z' },
    });
    const status = {
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'BindingSuspended',
          message: 'The SeksBinding is suspended.',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
      pods: { matched: 3, injected: 2, outdated: 1 },
    };
    const patch = ['patch', 'skb', 'columns', '--subresource=status', '--type=merge', '--patch'];
    await mustKubectl(['-n', namespace.name, ...patch, JSON.stringify({ status })]);

    const row = ['columns', 'False', 'BindingSuspended', 'researcher', '2'];
    expect(await table('-n', namespace.name, 'skb', 'columns')).toEqual([
      ['NAME', 'READY', 'REASON', 'AGENT', 'PODS', 'AGE'],
      [...row, AGE],
    ]);
    expect(await table('-n', namespace.name, 'skb', 'columns', '-o', 'wide')).toEqual([
      ['NAME', 'READY', 'REASON', 'AGENT', 'PODS', 'OUTDATED', 'SUSPENDED', 'EXPIRES', 'AGE'],
      [...row, '1', 'true', expect.any(String), AGE],
    ]);
  });

  test('kubectl explain tells what a field does', async () => {
    expect(await mustKubectl(['explain', 'seksbinding.spec.podSelector'])).toMatch(
      /An\s+empty\s+selector\s+is\s+refused/,
    );
    expect(await mustKubectl(['explain', 'skb.spec.credentials.allow'])).toMatch(
      /an\s+empty\s+list\s+allows\s+nothing/,
    );
  });

  test('the category seks lists bindings and providers', async () => {
    expect((await kubectl(['-n', namespace.name, 'get', 'seks'])).code).toBe(0);
  });
});

describe('SeksProvider', () => {
  test('a complete provider is accepted, and columns show where it leads', async () => {
    const { name } = namespace;
    await mustKubectl(['create', '--validate=strict', '-f', '-'], { ...provider(), metadata: { name } });
    try {
      expect(await table('skp', name, '-o', 'wide')).toEqual([
        ['NAME', 'DISPLAY NAME', 'HOST', 'NETWORK', 'AGE'],
        [name, 'Sample', 'api.example.com', 'Private', AGE],
      ]);
    } finally {
      await mustKubectl(['delete', 'skp', name]);
    }
  });

  type Change = (spec: Record<string, unknown>) => void;
  const refused: [string, RegExp, Change][] = [
    ['no upstream', /spec\.upstreams: Required value/, (spec) => delete spec['upstreams']],
    [
      'S6: an IP address as host',
      /spec\.upstreams\[0\]\.host: .*must be a DNS name, not an IP address/,
      (spec) => (spec['upstreams'] = [{ host: '169.254.169.254' }]),
    ],
    [
      'S6: a host with a port or path',
      /spec\.upstreams\[0\]\.host: Invalid value: "api\.example\.com\/x"/,
      (spec) => (spec['upstreams'] = [{ host: 'api.example.com/x' }]),
    ],
    [
      'a key in a header that frames the request',
      /spec\.auth\[0\]\.header\.name: .*frames or routes the request/,
      (spec) => (spec['auth'] = [{ header: { name: 'transfer-encoding' } }]),
    ],
    [
      'a header in capitals',
      /spec\.auth\[0\]\.header\.name: Invalid value: "X-Api-Key"/,
      (spec) => (spec['auth'] = [{ header: { name: 'X-Api-Key' } }]),
    ],
    ['no variable', /spec\.env\.key: .*at least 1 item/, (spec) => (spec['env'] = { key: [] })],
    [
      'a fake token without its random part',
      /spec\.fakeToken: .*must hold \{token\}/,
      (spec) => (spec['fakeToken'] = 'sk-fixed-token'),
    ],
    [
      'a fake token that is too short to be random',
      /spec\.fakeToken: .*must hold \{token\}/,
      (spec) => (spec['fakeToken'] = 'sk-{token:8}'),
    ],
    [
      'a caBundle that is no PEM',
      /spec\.caBundle: .*must hold PEM certificates/,
      (spec) => (spec['caBundle'] = 'insecure'),
    ],
  ];

  test.each(refused)('refused, and the message names the field: %s', async (_, message, change) => {
    const object = provider();
    change(object.spec as unknown as Record<string, unknown>);
    const answer = await dryRun(object);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(message);
  });
});

describe('what we hand out is accepted', () => {
  const filesIn = (folder: string): string[] =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => `${folder}/${name}`);

  test.each(filesIn('crds/providers'))('%s', async (path) => {
    for (const object of await readObjects(path)) expect(await dryRun(object)).toMatchObject({ code: 0 });
  });

  test.each(filesIn('examples'))('%s', async (path) => {
    const objects = await readObjects(path);
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) {
      // Its namespace does not exist here; ours does.
      if (object.metadata.namespace !== undefined) object.metadata.namespace = namespace.name;
      if (object.kind === 'Namespace') object.metadata.name = `${namespace.name}-example`;
      expect(await dryRun(object)).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

const AGE: unknown = expect.stringMatching(/^\d+s$/);

/** cells of what `kubectl get` prints */
async function table(...args: string[]): Promise<string[][]> {
  const text = await mustKubectl(['get', ...args]);
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s{2,}/));
}

async function dryRun(object: unknown): ReturnType<typeof kubectl> {
  const place = (object as KubernetesObject).metadata.namespace === undefined ? [] : ['-n', namespace.name];
  return kubectl([...place, 'create', DRY_RUN, '--validate=strict', '-f', '-'], object);
}

function binding(): SeksBinding {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksBinding',
    metadata: { name: 'research', namespace: namespace.name },
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
function looseSpec(object: SeksBinding): Record<string, unknown> & { credential: Record<string, unknown> } {
  const spec = object.spec as unknown as Record<string, unknown>;
  const [credential] = object.spec.credentials as unknown as Record<string, unknown>[];
  if (credential === undefined) throw new Error('the sample has no credential');
  return new Proxy(spec, {
    get: (target, name) => (name === 'credential' ? credential : Reflect.get(target, name)),
  }) as Record<string, unknown> & { credential: Record<string, unknown> };
}

function provider(): SeksProvider {
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
