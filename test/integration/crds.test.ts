// SeksBinding and SeksProvider on a real API server: what it refuses and how it says so, what `kubectl get` shows, and that
// everything we hand out as an example is accepted.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { mustKubectl, readObjects, ROOT } from './kubernetes.ts';
import { installCrds, type OwnCrds } from './own-crds.ts';
import { looseSpec, sampleBinding, sampleProvider } from './sample-resources.ts';

let crds: OwnCrds;
let namespace: string;

beforeAll(async () => {
  crds = await installCrds();
  ({ namespace } = crds);
}, 180_000);

afterAll(async () => {
  await crds.remove();
}, 120_000);

describe('SeksBinding', () => {
  test('a complete binding is accepted', async () => {
    expect(await crds.dryRun(sampleBinding(namespace))).toMatchObject({ code: 0 });
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
      /unknown field "spec\.credentials\[0\]\.quota"/,
      (spec) => (spec.credential['quota'] = { requestsPerMonth: 1 }),
    ],
    [
      'an unknown intercept mode',
      /spec\.credentials\[0\]\.intercept\[0\]: Unsupported value: "DNS"/,
      (spec) => (spec.credential['intercept'] = ['DNS']),
    ],
    [
      'S6: a parameter that is more than one DNS label',
      /spec\.credentials\[0\]\.parameters\.tenant: Invalid value: "a\.evil"/,
      (spec) => (spec.credential['parameters'] = { tenant: 'a.evil' }),
    ],
    [
      'a budget of nothing',
      /spec\.credentials\[0\]\.limits: .*usdPerDay must be more than 0/,
      (spec) => (spec.credential['limits'] = { usdPerDay: '0.00' }),
    ],
  ];

  test.each(refused)('refused, and the message names the field: %s', async (_, message, change) => {
    const object = sampleBinding(namespace);
    change(looseSpec(object));
    const answer = await crds.dryRun(object);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(message);
  });

  test('kubectl get shows state, agent, pods and age, and more with -o wide', async () => {
    await mustKubectl(['-n', namespace, 'create', '-f', '-'], {
      ...crds.inGroup(sampleBinding(namespace)),
      metadata: { name: 'columns' },
      spec: { ...sampleBinding(namespace).spec, suspend: true, expiresAt: '2099-01-01T00:00:00Z' },
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
    const patch = [
      'patch',
      `seksbindings.${crds.group}`,
      'columns',
      '--subresource=status',
      '--type=merge',
      '--patch',
    ];
    await mustKubectl(['-n', namespace, ...patch, JSON.stringify({ status })]);

    const row = ['columns', 'False', 'BindingSuspended', 'researcher', '2'];
    expect(await table('-n', namespace, `seksbindings.${crds.group}`, 'columns')).toEqual([
      ['NAME', 'READY', 'REASON', 'AGENT', 'PODS', 'AGE'],
      [...row, AGE],
    ]);
    expect(await table('-n', namespace, `seksbindings.${crds.group}`, 'columns', '-o', 'wide')).toEqual([
      ['NAME', 'READY', 'REASON', 'AGENT', 'PODS', 'OUTDATED', 'SUSPENDED', 'EXPIRES', 'AGE'],
      [...row, '1', 'true', expect.any(String), AGE],
    ]);
  });

  test('kubectl explain tells what a field does', async () => {
    expect((await crds.explain('seksbinding.spec.podSelector')).stdout).toMatch(
      /An\s+empty\s+selector\s+is\s+refused/,
    );
    expect((await crds.explain('seksbinding.spec.credentials.allow')).stdout).toMatch(
      /an\s+empty\s+list\s+allows\s+nothing/,
    );
  });
});

test('both kinds have a short name and the category seks', async () => {
  const text = await mustKubectl([
    'api-resources',
    `--api-group=${crds.group}`,
    '--no-headers',
    '--categories=seks',
  ]);
  expect(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/).slice(0, 2)),
  ).toEqual([
    ['seksbindings', 'skb'],
    ['seksproviders', 'skp'],
  ]);
});

describe('SeksProvider', () => {
  test('a complete provider is accepted, and columns show where it leads', async () => {
    await mustKubectl(['create', '--validate=strict', '-f', '-'], {
      ...crds.inGroup(sampleProvider()),
      metadata: { name: namespace },
    });
    expect(await table(`seksproviders.${crds.group}`, namespace, '-o', 'wide')).toEqual([
      ['NAME', 'DISPLAY NAME', 'HOST', 'NETWORK', 'AGE'],
      [namespace, 'Sample', 'api.example.com', 'Private', AGE],
    ]);
  });

  type Change = (spec: Record<string, unknown>) => void;
  const refused: [string, RegExp, Change][] = [
    ['no upstream', /spec\.upstreams: Required value/, (spec) => delete spec['upstreams']],
    [
      'S6: an IP address as host',
      /spec\.upstreams\[0\]\.host: Invalid value: "169\.254\.169\.254"/,
      (spec) => (spec['upstreams'] = [{ host: '169.254.169.254' }]),
    ],
    [
      'S6: a wildcard as first host',
      /spec\.upstreams: .*the first upstream must be one host that gets the credential/,
      (spec) => (spec['upstreams'] = [{ host: '*.example.com' }]),
    ],
    [
      'a host that stands twice',
      /spec\.upstreams: .*each host must stand once/,
      (spec) => (spec['upstreams'] = [{ host: 'api.example.com' }, { host: 'api.example.com', port: 8443 }]),
    ],
    [
      'two places for a credential in one entry',
      /spec\.auth\[0\]: .*must name exactly one place/,
      (spec) => (spec['auth'] = [{ header: { name: 'x-key' }, query: { name: 'key' } }]),
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
    const object = sampleProvider();
    change(object.spec as unknown as Record<string, unknown>);
    const answer = await crds.dryRun(object);
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
    for (const object of await readObjects(path))
      expect(await crds.dryRun(object)).toMatchObject({ code: 0 });
  });

  test.each(filesIn('examples'))('%s', async (path) => {
    const objects = await readObjects(path);
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) {
      // Its namespace does not exist here; ours does.
      if (object.metadata.namespace !== undefined) object.metadata.namespace = namespace;
      if (object.kind === 'Namespace') object.metadata.name = `${namespace}-example`;
      expect(await crds.dryRun(object)).toMatchObject({ code: 0, stderr: '' });
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
