// What the webhook refuses instead of injecting it, what comes near that and is allowed, and that whatever goes wrong is a denial.
import { describe, expect, test } from '@jest/globals';
import { BUILT_IN_PROVIDERS } from '@seks/crds';
import type { Provider } from '@seks/crds';

import { BREACHES } from './breaches.ts';
import {
  agentPod,
  binding,
  builtIn,
  container,
  credential,
  denial,
  injected,
  planRequest,
} from './fixtures.ts';
import { planInjection } from './plan.ts';
import type { RawContainer, RawPod } from './raw-pod.ts';

const SEAL = 'seks.ai/injection-seal';

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
