import { describe, expect, test } from '@jest/globals';
import { BUILT_IN_PROVIDERS, Secret, looksLikeFakeToken } from '@seks/crds';
import type { Provider, SeksCredential } from '@seks/crds';

import { BREACHES } from './breaches.ts';
import {
  NOW_MS,
  SETTINGS,
  agentPod,
  binding,
  builtIn,
  container,
  credential,
  denial,
  injected,
  planRequest,
  testSigner,
} from './fixtures.ts';
import { planInjection } from './plan.ts';
import type { RawContainer, RawPod } from './raw-pod.ts';
import { readSeal } from './seal.ts';

const SEAL = 'seks.ai/injection-seal';
const OUR_VOLUMES = ['seks-private', 'seks-private-run', 'seks-public'];
const PUBLIC = { name: 'seks-public', mountPath: '/var/run/seks/public', readOnly: true };

function envOf(pod: RawPod, name = 'planner'): Map<string, string | undefined> {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const env = all.find((candidate) => candidate.name === name)?.env ?? [];
  return new Map(env.map((variable) => [variable.name, variable.value]));
}

function names(pod: RawPod): string[] {
  return (pod.spec.volumes ?? []).map(({ name }) => name);
}

describe('planInjection: which pods', () => {
  test('leaves a pod alone that no binding selects', () => {
    const pod = agentPod({}, { labels: { app: 'other' } });
    expect(planInjection(planRequest({ pod }))).toEqual({ kind: 'untouched' });
  });

  test('leaves a pod alone whose binding is for another ServiceAccount', () => {
    const bindings = [binding('research', { serviceAccountName: 'other' })];
    expect(planInjection(planRequest({ bindings }))).toEqual({ kind: 'untouched' });
  });

  test('S16: ignores a binding of another namespace', () => {
    const elsewhere = binding();
    elsewhere.metadata.namespace = 'elsewhere';
    expect(planInjection(planRequest({ bindings: [elsewhere] }))).toEqual({ kind: 'untouched' });
  });

  test('denies a pod that asks for injection and has no binding', () => {
    const pod = agentPod({}, { labels: { 'seks.ai/inject': 'true' } });
    expect(denial(planRequest({ pod })).code).toBe('SEKS_INJECT_NO_BINDING');
  });

  test('leaves a pod alone whose inject label says something else', () => {
    const pod = agentPod({}, { labels: { 'seks.ai/inject': 'false' } });
    expect(planInjection(planRequest({ pod }))).toEqual({ kind: 'untouched' });
  });

  test('S11: a label cannot keep a selected pod from being injected', () => {
    const pod = agentPod({}, { labels: { app: 'research', 'seks.ai/inject': 'false' } });
    expect(planInjection(planRequest({ pod })).kind).toBe('inject');
  });
});

describe('planInjection: what is injected', () => {
  test('puts the sidecar first and marks the pod', () => {
    const pod = agentPod({ initContainers: [container('prepare')] });
    const result = injected(planRequest({ pod })).pod;
    expect(result.spec.initContainers?.map(({ name }) => name)).toEqual(['seks-proxy', 'prepare']);
    expect(result.metadata?.labels).toEqual({ app: 'research', 'seks.ai/injected': 'true' });
  });

  test('S2: removes the API token from every container and sets the flag', () => {
    const other = { name: 'data', mountPath: '/data' };
    const api = { name: 'kube-api-access-x7k2p', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
    const pod = agentPod({
      containers: [container('planner', { volumeMounts: [other, api] }), container('second')],
      initContainers: [container('prepare', { volumeMounts: [api, other, api] })],
    });
    pod.spec.volumes?.unshift({ name: 'data', emptyDir: {} });
    const { spec } = injected(planRequest({ pod })).pod;
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(names({ spec })).toEqual(['data', ...OUR_VOLUMES]);
    expect(spec.containers.map(({ volumeMounts }) => volumeMounts)).toEqual([[other, PUBLIC], [PUBLIC]]);
    expect(spec.initContainers?.[1]?.volumeMounts).toEqual([other, PUBLIC]);
  });

  test('S2: keeps a token that the author projected with an audience', () => {
    const vault = {
      name: 'vault-token',
      projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 'token' } }] },
    };
    const pod = agentPod();
    pod.spec.volumes?.push(vault);
    expect(injected(planRequest({ pod })).pod.spec.volumes).toContainEqual(vault);
  });

  test('does not remove a volume that only looks like the API token by its name', () => {
    const volume = { name: 'kube-api-access-notes', emptyDir: {} };
    const pod = agentPod();
    pod.spec.volumes?.push(volume);
    expect(injected(planRequest({ pod })).pod.spec.volumes).toContainEqual(volume);
  });

  test('warns when the author asked for the API token', () => {
    const pod = agentPod({ automountServiceAccountToken: true });
    const { warnings, pod: result } = injected(planRequest({ pod }));
    expect(warnings).toEqual([expect.stringContaining('automountServiceAccountToken')]);
    expect(result.spec.automountServiceAccountToken).toBe(false);
  });

  test('works on a pod without volumes, labels, annotations, mounts or env', () => {
    const labelled = binding('research', {
      podSelector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] },
    });
    const pod: RawPod = { metadata: {}, spec: { containers: [{ name: 'planner', image: 'x' }] } };
    const result = injected(planRequest({ pod, bindings: [labelled] })).pod;
    expect(names(result)).toEqual(OUR_VOLUMES);
    expect(result.spec.containers[0]?.volumeMounts).toEqual([PUBLIC]);
    expect(result.metadata?.labels).toEqual({ 'seks.ai/injected': 'true' });
    expect(envOf(result).has('OPENAI_API_KEY')).toBe(true);
  });

  test('S4, S16: gives each container and credential a token of its own and keeps only their hashes', () => {
    const credentials = [credential(), credential({ name: 'claude', provider: 'anthropic' })];
    const pod = agentPod({
      containers: [container('planner'), container('second')],
      initContainers: [container('prepare')],
    });
    const signer = testSigner();
    const result = injected(
      planRequest({ pod, signer, bindings: [binding('research', { credentials })] }),
    ).pod;
    const reading = readSeal(result.metadata?.annotations?.[SEAL] ?? '', signer.publicKeys());
    const config = reading.ok ? reading.config : undefined;
    const tokens = ['planner', 'second', 'prepare'].flatMap((name) =>
      (['OPENAI_API_KEY', 'ANTHROPIC_API_KEY'] as const).map((variable) => {
        const token = envOf(result, name).get(variable) ?? '';
        expect(looksLikeFakeToken(token)).toBe(true);
        const found = config?.bindings[0]?.credentials[variable === 'OPENAI_API_KEY' ? 0 : 1]?.tokens;
        const sha256 = new Secret('fake-token', token).sha256();
        expect(found).toContainEqual({ container: name, sha256 });
        return token;
      }),
    );
    expect(new Set(tokens).size).toBe(6);
    const sidecar = JSON.stringify(result.spec.initContainers?.[0]);
    for (const token of tokens) expect(sidecar).not.toContain(token);
  });

  test.each(['openai', 'anthropic', 'gemini', 'groq'])('sets the variables of %s', (provider) => {
    const credentials = [credential({ name: 'c', provider })];
    const env = envOf(injected(planRequest({ bindings: [binding('research', { credentials })] })).pod);
    const { env: spec } = builtIn(provider).spec;
    const token = env.get(spec.key[0] ?? '');
    for (const name of spec.key) expect(env.get(name)).toBe(token);
    for (const name of spec.baseUrl ?? []) {
      expect(env.get(name)).toBe(`http://127.0.0.1:15080/${provider}${spec.baseUrlPath ?? ''}`);
    }
    for (const { name, value } of spec.constants ?? []) expect(env.get(name)).toBe(value);
  });

  test('env of the credential replaces names of keys and base URLs, constants stay', () => {
    const credentials = [credential({ env: { key: ['MY_KEY'] } })];
    const env = envOf(injected(planRequest({ bindings: [binding('research', { credentials })] })).pod);
    expect([...env.keys()]).toEqual(['MY_KEY', 'OPENAI_AGENTS_DISABLE_TRACING', 'NODE_EXTRA_CA_CERTS']);
  });

  test('only the named containers get token and variables', () => {
    const credentials = [credential({ containers: ['second'] })];
    const pod = agentPod({ containers: [container('planner'), container('second')] });
    const result = injected(planRequest({ pod, bindings: [binding('research', { credentials })] })).pod;
    expect(result.spec.containers[0]?.env).toBeUndefined();
    expect(result.spec.containers.map(({ volumeMounts }) => volumeMounts)).toEqual([[], [PUBLIC]]);
    expect(envOf(result, 'second').has('OPENAI_API_KEY')).toBe(true);
  });

  test('a credential that no container gets is left out, with a warning and without its Secret', () => {
    const sources: SeksCredential['sources'] = [{ tier: 'user', secretRef: { name: 'other', key: 'k' } }];
    const credentials = [credential(), credential({ name: 'absent', containers: ['nobody'], sources })];
    const { pod, warnings } = injected(planRequest({ bindings: [binding('research', { credentials })] }));
    expect(warnings).toEqual([expect.stringContaining('research/absent')]);
    expect(JSON.stringify(pod)).not.toContain('other');
  });

  test('seals namespace, ServiceAccount, time, settings and bindings', () => {
    const signer = testSigner();
    const agent = binding('b2', { agent: 'writer', credentials: [credential({ env: { key: ['K2'] } })] });
    const bindings = [agent, binding('b1')];
    const { pod } = injected(planRequest({ signer, bindings }));
    const reading = readSeal(pod.metadata?.annotations?.[SEAL] ?? '', signer.publicKeys());
    expect(reading).toMatchObject({
      ok: true,
      config: {
        namespace: 'agents',
        serviceAccountName: 'research',
        issuedAtSeconds: NOW_MS / 1000,
        sidecar: SETTINGS.sidecar,
        keyService: SETTINGS.keyService,
        bindings: [
          { uid: 'uid-of-b1', name: 'b1', agent: 'b1' },
          { uid: 'uid-of-b2', name: 'b2', agent: 'writer' },
        ],
      },
    });
  });

  test('the order in which the cache lists bindings does not matter', () => {
    const signer = testSigner();
    const two = [binding('b1'), binding('b2', { credentials: [credential({ env: { key: ['K2'] } })] })];
    const one = injected(planRequest({ signer, bindings: two })).patch;
    expect(injected(planRequest({ signer, bindings: two.toReversed() })).patch).toEqual(one);
  });
});

describe('planInjection: suspended and expired bindings', () => {
  test.each([
    ['suspended', { suspend: true }],
    ['expired', { expiresAt: '2026-03-01T12:00:00Z' }],
    ['expired', { expiresAt: 'never' }],
  ])('a binding that is %s is injected with a warning, so that it can be resumed', (word, spec) => {
    const { warnings } = injected(planRequest({ bindings: [binding('research', spec)] }));
    expect(warnings).toEqual([expect.stringMatching(`research (is|has) ${word}`)]);
  });

  test('a binding that is neither warns of nothing', () => {
    const spec = { suspend: false, expiresAt: '2026-03-01T12:00:01Z' };
    expect(injected(planRequest({ bindings: [binding('research', spec)] })).warnings).toEqual([]);
  });
});

describe('planInjection: denials', () => {
  test.each(BREACHES.map((breach) => [breach.code, breach.what, breach] as const))(
    'S2, S11: %s for %s',
    (code, _, breach) => {
      const pod = agentPod();
      breach.change(pod);
      const { code: denied, message } = denial(planRequest({ pod }));
      expect(denied).toBe(code);
      expect(message).toMatch(breach.names);
    },
  );

  test.each(BREACHES.filter(({ names }) => String(names).startsWith('seks-')))(
    'S2: $what is refused in a pod that no binding selects, too',
    ({ change, code }) => {
      const pod = agentPod({}, { labels: {} });
      change(pod);
      expect(denial(planRequest({ pod, bindings: [] })).code).toBe(code);
    },
  );

  test('allows the same breaches of isolation in a pod that no binding selects', () => {
    const pod = agentPod({ hostNetwork: true }, { labels: {} });
    expect(planInjection(planRequest({ pod })).kind).toBe('untouched');
  });

  test.each([
    ['volume', (pod: RawPod) => pod.spec.volumes?.push({ name: 'seks-private', emptyDir: {} })],
    ['volume', (pod: RawPod) => pod.spec.volumes?.push({ name: 'seks-private-run', emptyDir: {} })],
    ['volume', (pod: RawPod) => pod.spec.volumes?.push({ name: 'seks-public', emptyDir: {} })],
    [
      'mount',
      (pod: RawPod) => pod.spec.containers[0]?.volumeMounts?.push({ name: 'seks-private', mountPath: '/x' }),
    ],
    ['label', (pod: RawPod) => Object.assign(pod.metadata?.labels ?? {}, { 'seks.ai/injected': 'true' })],
    ['annotation', (pod: RawPod) => Object.assign(pod.metadata ?? {}, { annotations: { [SEAL]: '' } })],
  ])('S11: a reserved name of a %s is refused, selected or not', (what, change) => {
    for (const bindings of [[binding()], []]) {
      const pod = agentPod();
      change(pod);
      const { code, message } = denial(planRequest({ pod, bindings }));
      expect(code).toBe('SEKS_INJECT_RESERVED_NAME');
      expect(message).toContain(what);
    }
  });

  test.each([
    '/var/run/seks',
    '/var/run/seks/',
    '/var/run/seks/public',
    '/var/run/seks/own',
    '/var/run//seks/./run',
    '/run/seks/public',
    '/var/run/x/../seks',
  ])('S11: a mount of the author at %s is refused, and named', (mountPath) => {
    const pod = agentPod();
    pod.spec.volumes?.push({ name: 'data', emptyDir: {} });
    pod.spec.containers[0]?.volumeMounts?.push({ name: 'data', mountPath });
    const { code, message } = denial(planRequest({ pod }));
    expect(code).toBe('SEKS_INJECT_RESERVED_NAME');
    expect(message).toContain(`the mount of data at ${mountPath} in spec.containers[0] (planner)`);
    expect(planInjection(planRequest({ pod, bindings: [] })).kind).toBe('untouched');
  });

  test.each(['/var/run', '/var/run/seksy', '/seks', '/data/var/run/seks'])(
    'a mount of the author at %s is allowed',
    (mountPath) => {
      const pod = agentPod();
      pod.spec.volumes?.push({ name: 'data', emptyDir: {} });
      pod.spec.containers[0]?.volumeMounts?.push({ name: 'data', mountPath });
      expect(planInjection(planRequest({ pod })).kind).toBe('inject');
    },
  );

  test('wrong parameters of a credential are refused and named', () => {
    const bindings = [binding('research', { credentials: [credential({ parameters: { region: 'eu' } })] })];
    const { code, message } = denial(planRequest({ bindings }));
    expect(code).toBe('SEKS_PARAMETER_INVALID');
    expect(message).toContain('region');
  });

  test('models and limits that the provider cannot keep are a warning: the lease will refuse the key', () => {
    const bare = (name: string): Provider => {
      const { usage: _, prices: __, modelFrom: ___, ...spec } = builtIn(name).spec;
      return { name, spec };
    };
    const credentials = [credential({ models: ['gpt-*'] })];
    const { warnings } = injected(
      planRequest({ provider: bare, bindings: [binding('research', { credentials })] }),
    );
    expect(warnings).toEqual([expect.stringContaining('research/openai gets no key')]);
  });

  test.each(['containers', 'initContainers', 'ephemeralContainers'] as const)(
    'S11: a container named seks-proxy in %s is refused, selected or not',
    (list) => {
      for (const bindings of [[binding()], []]) {
        const pod = agentPod();
        const proxy: RawContainer = container('seks-proxy');
        pod.spec[list] = [...(pod.spec[list] ?? []), proxy];
        expect(denial(planRequest({ pod, bindings })).code).toBe('SEKS_INJECT_SIDECAR_EXISTS');
      }
    },
  );

  test('imagePullSecrets may name a Secret of the binding', () => {
    const pod = agentPod({ imagePullSecrets: [{ name: 'alice-keys' }] });
    expect(planInjection(planRequest({ pod })).kind).toBe('inject');
  });

  test('a Secret that no binding names may be used', () => {
    const pod = agentPod();
    pod.spec.volumes?.push({ name: 'tls', secret: { secretName: 'tls' } });
    expect(planInjection(planRequest({ pod })).kind).toBe('inject');
  });

  test('harmless capabilities and UIDs are allowed', () => {
    const securityContext = {
      runAsUser: 1000,
      capabilities: { add: ['NET_BIND_SERVICE', 'CHOWN'] },
      procMount: 'Default',
    };
    const pod = agentPod({ containers: [container('planner', { securityContext })], hostPID: false });
    expect(planInjection(planRequest({ pod })).kind).toBe('inject');
  });

  test('an unknown provider is named', () => {
    const bindings = [binding('research', { credentials: [credential({ provider: 'acme' })] })];
    const { code, message } = denial(planRequest({ bindings }));
    expect(code).toBe('SEKS_PROVIDER_UNKNOWN');
    expect(message).toContain('acme');
  });

  test('S7: whatever throws is a denial', () => {
    const provider = (): Provider => {
      throw new TypeError('boom');
    };
    expect(denial(planRequest({ provider })).code).toBe('SEKS_INTERNAL');
    const bad: Provider = {
      name: 'openai',
      spec: { ...builtIn('openai').spec, fakeToken: 'no placeholder' },
    };
    expect(denial(planRequest({ provider: () => bad })).code).toBe('SEKS_INTERNAL');
  });

  test.each([
    ['null', null],
    ['no spec', { metadata: {} }],
    ['a text as containers', { metadata: {}, spec: { containers: 'x' } }],
    ['a container without name', { metadata: {}, spec: { containers: [{}] } }],
    ['no metadata', { spec: { containers: [] } }],
  ])('S7: a malformed pod (%s) is never waved through', (_, pod) => {
    const any = binding('research', {
      podSelector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] },
    });
    expect(denial(planRequest({ pod, bindings: [any] })).code).toBe('SEKS_INTERNAL');
  });

  test('a binding without uid cannot be sealed', () => {
    const nameless = binding();
    delete nameless.metadata.uid;
    expect(denial(planRequest({ bindings: [nameless] })).code).toBe('SEKS_INTERNAL');
  });

  test('every built-in provider can be injected into one pod at once', () => {
    const credentials = BUILT_IN_PROVIDERS.map(({ name, spec }) => {
      const parameters = Object.fromEntries((spec.parameters ?? []).map((known) => [known.name, 'acme']));
      return credential({ name, provider: name, parameters });
    });
    expect(planInjection(planRequest({ bindings: [binding('research', { credentials })] })).kind).toBe(
      'inject',
    );
  });
});

describe('planInjection: second pass', () => {
  const signer = testSigner();
  const { pod } = injected(planRequest({ signer }));

  test('our own result is left untouched, also by another replica and after the binding changed', () => {
    expect(planInjection(planRequest({ pod, signer }))).toEqual({ kind: 'untouched' });
    expect(planInjection(planRequest({ pod, signer, bindings: [] }))).toEqual({ kind: 'untouched' });
  });

  test.each([-60, 60])('is still accepted at %i s of clock difference', (seconds) => {
    const nowMs = NOW_MS + seconds * 1000;
    expect(planInjection(planRequest({ pod, signer, nowMs })).kind).toBe('untouched');
  });

  test.each([-61, 61])('S11: a seal that is %i s away is that of another pod', (seconds) => {
    const nowMs = NOW_MS + seconds * 1000;
    expect(denial(planRequest({ pod, signer, nowMs })).code).toBe('SEKS_INJECT_SEAL_STALE');
  });

  test('S11: a seal of another installation is refused', () => {
    expect(denial(planRequest({ pod, signer: testSigner() })).code).toBe('SEKS_INJECT_SEAL_STALE');
  });

  test('S11: a seal of another namespace or ServiceAccount is refused', () => {
    const elsewhere = { ...pod, metadata: { ...pod.metadata, namespace: 'elsewhere' } };
    const namespaced = planRequest({ pod: elsewhere, namespace: 'elsewhere', signer });
    expect(denial(namespaced).code).toBe('SEKS_INJECT_SEAL_STALE');
    const other = { ...pod, spec: { ...pod.spec, serviceAccountName: 'other' } };
    expect(denial(planRequest({ pod: other, signer })).code).toBe('SEKS_INJECT_SEAL_STALE');
  });

  test('S11: a sidecar that another webhook changed is refused by the field', () => {
    const changed = structuredClone(pod);
    const sidecar = changed.spec.initContainers?.[0];
    sidecar?.env?.push({ name: 'NODE_OPTIONS', value: '--inspect' });
    const { code, message } = denial(planRequest({ pod: changed, signer }));
    expect(code).toBe('SEKS_INJECT_SIDECAR_EXISTS');
    expect(message).toContain('spec.initContainers[0].env');
  });

  test.each(BREACHES)('S2: $what, added by another webhook, is refused', ({ change, code }) => {
    const changed = structuredClone(pod);
    change(changed);
    expect(denial(planRequest({ pod: changed, signer })).code).toBe(code);
  });
});
