// Which pods get a sidecar, and what is in them afterwards. What is refused instead stands in plan-denials.test.ts.
import { describe, expect, test } from '@jest/globals';
import { Secret, looksLikeFakeToken } from '@seks/crds';
import type { SeksCredential } from '@seks/crds';

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
import type { RawPod } from './raw-pod.ts';
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
