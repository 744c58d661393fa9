import { describe, expect, test } from '@jest/globals';
import type { Provider, SeksCredential } from '@seks/crds';
import { applyPatch as applyWithLibrary } from 'rfc6902';

import {
  MAIL,
  MAIL_VARIABLES,
  NAMESPACE,
  SETTINGS,
  agentPod,
  binding,
  container,
  created,
  credential,
  denial,
  injected,
  mail,
  planRequest,
  testSigner,
} from './fixtures.ts';
import { interceptFinding } from './interception.ts';
import { planInjection } from './plan.ts';
import type { PlanRequest } from './plan.ts';
import type { RawPod } from './raw-pod.ts';
import { verifyInjection } from './verify.ts';

const signer = testSigner();
const SYSCTL = { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' };

/** a provider with several hosts, one of them the binding's to choose */
const FORGE: Provider = {
  name: 'forge',
  spec: {
    upstreams: [
      { host: '{tenant}.forge.example' },
      { host: 'api.forge.example' },
      { host: '*.forge.example' },
      { host: 'downloads.forge.example', auth: 'None' },
      { host: 'grpc.forge.example', port: 8443 },
    ],
    parameters: [{ name: 'tenant' }],
    auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
    env: { key: ['FORGE_TOKEN'], baseUrl: ['FORGE_URL'] },
    fakeToken: 'fg_{token}',
  },
};

const provider = (name: string): Provider => (name === 'forge' ? FORGE : MAIL);

function forge(overrides: Partial<SeksCredential> = {}): SeksCredential {
  return credential({ name: 'forge', provider: 'forge', parameters: { tenant: 'acme' }, ...overrides });
}

function request(credentials: SeksCredential[], pod: RawPod = agentPod()): PlanRequest {
  return planRequest({ signer, provider, pod, bindings: [binding('research', { credentials })] });
}

function configOf(pod: RawPod) {
  const apiAudiences = SETTINGS.apiAudiences;
  const verified = verifyInjection({
    pod: created(pod),
    namespace: NAMESPACE,
    keys: signer.publicKeys(),
    apiAudiences,
  });
  if (!verified.ok) throw verified.error;
  return verified.config;
}

function envOf(pod: RawPod, index = 0): Map<string, string | undefined> {
  return new Map(pod.spec.containers[index]?.env?.map(({ name, value }) => [name, value]));
}

/** pod spec with aliases of the author */
function aliased(...hostAliases: { ip: string; hostnames?: string[] }[]): RawPod {
  return agentPod({ hostAliases });
}

describe('hosts in the config', () => {
  test('none in mode BaseURL, whatever the hosts', () => {
    expect(configOf(injected(request([forge()])).pod).interception).toEqual({ aliases: [], proxied: [] });
  });

  test('are those that get the credential on port 443, with parameters, sorted and once', () => {
    const credentials = [
      forge({ intercept: ['HostAlias', 'Proxy'] }),
      forge({ name: 'second', env: { key: ['SECOND'] }, intercept: ['HostAlias'] }),
      mail({ intercept: ['HostAlias'] }),
    ];
    expect(configOf(injected(request(credentials)).pod).interception).toEqual({
      aliases: ['acme.forge.example', 'api.forge.example', 'api.mail.example'],
      proxied: ['acme.forge.example', 'api.forge.example', 'api.mail.example'],
    });
  });

  test('a client that uses the proxy for all hosts reaches aliased ones through it', () => {
    const mixed = [forge({ intercept: ['HostAlias'] }), mail({ intercept: ['Proxy'] })];
    expect(configOf(injected(request(mixed)).pod).interception).toEqual({
      aliases: ['acme.forge.example', 'api.forge.example'],
      proxied: ['acme.forge.example', 'api.forge.example', 'api.mail.example'],
    });
    const aliased = [forge({ intercept: ['HostAlias'] }), mail()];
    expect(configOf(injected(request(aliased)).pod).interception.proxied).toEqual([]);
  });

  test('do not count for a credential that no container gets', () => {
    const credentials = [mail(), forge({ containers: ['nobody'], intercept: ['HostAlias', 'Proxy'] })];
    const { pod } = injected(request(credentials));
    expect(configOf(pod).interception).toEqual({ aliases: [], proxied: [] });
    expect(pod.spec['hostAliases']).toBeUndefined();
  });
});

describe('base URL variables', () => {
  test.each<[SeksCredential['intercept'], boolean]>([
    [undefined, true],
    [['BaseURL', 'HostAlias'], true],
    [['HostAlias'], false],
    [['Proxy'], false],
  ])('in mode %j are set: %s', (intercept, isSet) => {
    const { pod } = injected(request([forge(intercept === undefined ? {} : { intercept })]));
    expect(envOf(pod).has('FORGE_URL')).toBe(isSet);
    expect(envOf(pod).has('FORGE_TOKEN')).toBe(true);
  });

  test('that the binding names are set in any mode', () => {
    const { pod } = injected(request([forge({ intercept: ['Proxy'], env: { key: ['K'], baseUrl: ['U'] } })]));
    expect(envOf(pod).get('U')).toBe('http://127.0.0.1:15080/forge');
  });

  test('a provider without any may have mode BaseURL: the app is told the address in its own way', () => {
    const { baseUrl: _, ...env } = FORGE.spec.env;
    const bare: Provider = { ...FORGE, spec: { ...FORGE.spec, env } };
    const { pod, warnings } = injected({
      ...request([forge({ intercept: ['BaseURL'] })]),
      provider: () => bare,
    });
    expect(configOf(pod).interception).toEqual({ aliases: [], proxied: [] });
    expect(warnings).toEqual([]);
  });
});

describe('HostAlias', () => {
  const ALIASES = ['acme.forge.example', 'api.forge.example'];
  const credentials = [forge({ intercept: ['HostAlias'] })];

  test('adds the hosts and lets the sidecar listen on 443', () => {
    const { pod, warnings } = injected(request(credentials));
    expect(pod.spec.hostAliases).toEqual([{ ip: '127.0.0.1', hostnames: ALIASES }]);
    expect(pod.spec.securityContext).toEqual({ sysctls: [SYSCTL] });
    expect(warnings).toEqual([]);
  });

  test.each<[string, RawPod, unknown, unknown]>([
    [
      'a pod without securityContext',
      { ...agentPod(), spec: { containers: [container()], serviceAccountName: 'research' } },
      [{ ip: '127.0.0.1', hostnames: ALIASES }],
      { sysctls: [SYSCTL] },
    ],
    [
      'other aliases, sysctls and security',
      agentPod({
        hostAliases: [{ ip: '10.0.0.1', hostnames: ['db.internal'] }],
        securityContext: { fsGroup: 5, sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] },
      }),
      [
        { ip: '10.0.0.1', hostnames: ['db.internal'] },
        { ip: '127.0.0.1', hostnames: ALIASES },
      ],
      { fsGroup: 5, sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }, SYSCTL] },
    ],
    [
      'an entry for the same address, which may be there only once',
      aliased({ ip: '127.0.0.1', hostnames: ['me.local', 'API.forge.example'] }),
      [{ ip: '127.0.0.1', hostnames: ['me.local', 'API.forge.example', 'acme.forge.example'] }],
      { sysctls: [SYSCTL] },
    ],
    [
      'an entry without names',
      aliased({ ip: '127.0.0.1' }),
      [{ ip: '127.0.0.1', hostnames: ALIASES }],
      { sysctls: [SYSCTL] },
    ],
    [
      'a port limit that is low enough, in either spelling',
      agentPod({
        securityContext: { sysctls: [{ name: 'net/ipv4/ip_unprivileged_port_start', value: '443' }] },
      }),
      [{ ip: '127.0.0.1', hostnames: ALIASES }],
      { sysctls: [{ name: 'net/ipv4/ip_unprivileged_port_start', value: '443' }] },
    ],
  ])('fits to %s', (_, pod, hostAliases, securityContext) => {
    const asked = request(credentials, pod);
    const plan = injected(asked);
    expect(plan.pod.spec.hostAliases).toEqual(hostAliases);
    expect(plan.pod.spec.securityContext).toEqual(securityContext);
    const applied = structuredClone(pod);
    expect(applyWithLibrary(applied, plan.patch).filter((error) => error !== null)).toEqual([]);
    expect(applied).toEqual(plan.pod);
    expect(planInjection({ ...asked, pod: plan.pod })).toEqual({ kind: 'untouched' });
    expect(configOf(plan.pod).interception.aliases).toEqual(ALIASES);
  });

  test.each<[string, RawPod, RegExp]>([
    ['alias', aliased({ ip: '10.0.0.9', hostnames: ['x', 'Api.Forge.example'] }), /hostAliases\[0\]/],
    ['IPv6 alias', aliased({ ip: '::1', hostnames: ['api.forge.example'] }), /another address/],
    ...['444', '1024', 'all'].map((value): [string, RawPod, RegExp] => [
      `port limit ${value}`,
      agentPod({ securityContext: { sysctls: [{ ...SYSCTL, value }] } }),
      /at most 443/,
    ]),
    [
      'second port limit',
      agentPod({
        securityContext: {
          sysctls: [SYSCTL, { name: 'net/ipv4/ip_unprivileged_port_start', value: '1024' }],
        },
      }),
      /at most 443/,
    ],
    ['operating system', agentPod({ os: { name: 'windows' } }), /windows/],
  ])('denies a pod with an %s of its own', (_, pod, message) => {
    const denied = denial(request(credentials, pod));
    expect(denied.code).toBe('SEKS_INJECT_INTERCEPT_CONFLICT');
    expect(denied.message).toMatch(message);
    expect(planInjection(request([forge()], pod)).kind).toBe('inject');
  });

  test('the host network is a breach of isolation before it is a conflict', () => {
    expect(denial(request(credentials, agentPod({ hostNetwork: true }))).code).toBe('SEKS_INJECT_ISOLATION');
  });

  test('S11: another webhook that takes a host away is refused on the second pass', () => {
    const { pod } = injected(request(credentials));
    pod.spec.hostAliases?.unshift({ ip: '10.6.6.6', hostnames: ['api.forge.example'] });
    expect(denial(request(credentials, pod)).code).toBe('SEKS_INJECT_INTERCEPT_CONFLICT');
  });

  test('warns where a container listens on 443, or shares the aliases without a credential', () => {
    const pod = agentPod({
      containers: [
        container('planner', { ports: [{ containerPort: 443 }] }),
        container('quic', { ports: [{ containerPort: 443, protocol: 'UDP' }] }),
      ],
    });
    const { warnings } = injected(
      request([forge({ intercept: ['HostAlias'], containers: ['planner'] })], pod),
    );
    expect(warnings).toEqual([
      expect.stringMatching(/\(planner\) has containerPort 443/),
      expect.stringMatching(/\(quic\) has no credential for acme\.forge\.example, api\.forge\.example/),
    ]);
    expect(injected(request([forge()], pod)).warnings).toEqual([]);
  });

  test('warns where no host of the provider can be reached so', () => {
    const upstreams = [{ host: 'grpc.forge.example', port: 8443 }];
    const { parameters: _, ...spec } = FORGE.spec;
    const odd: Provider = { name: 'forge', spec: { ...spec, upstreams } };
    const warningsOf = (change: Partial<SeksCredential>): string[] => {
      const credentials = [credential({ name: 'forge', provider: 'forge', ...change })];
      return injected({ ...request(credentials), provider: () => odd }).warnings;
    };
    expect(warningsOf({ intercept: ['HostAlias'] })).toEqual([
      expect.stringMatching(/research\/forge: forge has no host/),
    ]);
    expect(warningsOf({ intercept: ['BaseURL', 'HostAlias'] })).toEqual([]);
    expect(warningsOf({ intercept: ['Proxy'], env: { key: ['K'], baseUrl: ['U'] } })).toEqual([]);
  });
});

describe('Proxy', () => {
  const credentials = [forge({ intercept: ['Proxy'], containers: ['planner'] })];
  const NO_PROXY = '127.0.0.1,localhost,.svc,.cluster.local';

  test('sets the proxy in containers with such a credential, and keeps the cluster from it', () => {
    const pod = agentPod({ containers: [container('planner'), container('second')] });
    const { pod: result, warnings } = injected(request([...credentials, mail()], pod));
    expect(Object.fromEntries(envOf(result))).toMatchObject({
      HTTPS_PROXY: 'http://127.0.0.1:15080',
      https_proxy: 'http://127.0.0.1:15080',
      NODE_USE_ENV_PROXY: '1',
      NO_PROXY,
      no_proxy: NO_PROXY,
      SSL_CERT_FILE: '/var/run/seks/public/ca-bundle.pem',
    });
    expect([...envOf(result, 1).keys()]).toEqual(MAIL_VARIABLES);
    expect(result.spec.hostAliases).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('adds to the author’s NO_PROXY', () => {
    const env = [{ name: 'NO_PROXY', value: 'db.internal,.svc' }];
    const { pod, warnings } = injected(
      request(credentials, agentPod({ containers: [container('planner', { env })] })),
    );
    expect(envOf(pod).get('NO_PROXY')).toBe('db.internal,.svc,127.0.0.1,localhost,.cluster.local');
    expect(warnings).toEqual([expect.stringContaining('added to NO_PROXY')]);
  });

  test('says that it cannot work beside NO_PROXY for all', () => {
    const env = [{ name: 'no_proxy', value: '*' }];
    const { pod, warnings } = injected(
      request(credentials, agentPod({ containers: [container('planner', { env })] })),
    );
    expect(envOf(pod).get('no_proxy')).toBe('*');
    expect(warnings).toEqual([expect.stringMatching(/no_proxy is for all hosts, so no provider is called/)]);
  });

  test.each(['HTTPS_PROXY', 'https_proxy'])('says that it cannot work beside the author’s %s', (name) => {
    const env = [{ name, value: 'http://corp:3128' }];
    const { pod, warnings } = injected(
      request(credentials, agentPod({ containers: [container('planner', { env })] })),
    );
    expect(envOf(pod).get(name)).toBe('http://corp:3128');
    expect([...envOf(pod).keys()].filter((key) => key.toLowerCase() === 'https_proxy')).toEqual([name]);
    // What goes through that proxy still must not be the way to the sidecar.
    expect(envOf(pod).get('NO_PROXY')).toBe('127.0.0.1,localhost');
    expect(warnings).toContainEqual(
      expect.stringContaining(`${name} is kept, so intercept mode Proxy does not work there`),
    );
    expect(warnings.join()).not.toContain('corp');
  });

  test('a trust store of the container’s own is kept, and the file to add is named', () => {
    const env = [{ name: 'SSL_CERT_FILE', value: '/etc/corp.pem' }];
    const { pod, warnings } = injected(
      request(credentials, agentPod({ containers: [container('planner', { env })] })),
    );
    expect(envOf(pod).get('SSL_CERT_FILE')).toBe('/etc/corp.pem');
    expect(warnings).toEqual([
      'spec.containers[0] (planner): SSL_CERT_FILE is kept; add the certificates of ' +
        '/var/run/seks/public/ca-bundle.pem to its file.',
    ]);
  });
});

test('without aliased hosts the pod’s own settings are nobody’s business', () => {
  const pod = agentPod({ os: { name: 'windows' } });
  expect(interceptFinding(pod, { aliases: [], proxied: ['api.openai.com'] })).toBeUndefined();
});
