import { describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';
import type { Provider, SeksBinding, SeksBindingSpec, SeksCredential } from '@seks/crds';

import { bindingCurrent } from './binding-current.ts';
import {
  NAMESPACE,
  agentPod,
  binding,
  builtIn,
  container,
  created,
  credential,
  injected,
  planRequest,
  testSigner,
} from './fixtures.ts';
import type { RawPod } from './raw-pod.ts';
import { verifyInjection } from './verify.ts';

const TWO = { containers: [container('planner'), container('second')] };

/** a pod that was injected with `before`, asked about `after` */
function current(
  before: Partial<SeksBindingSpec>,
  after: Partial<SeksBindingSpec>,
  options: {
    change?: (pod: RawPod) => void;
    injectedWith?: (name: string) => Provider;
    provider?: (name: string) => Provider;
    others?: SeksBinding[];
  } = {},
): boolean {
  const signer = testSigner();
  const bindings = [binding('research', before), ...(options.others ?? [])];
  const request = planRequest({
    signer,
    pod: agentPod(TWO),
    bindings,
    provider: options.injectedWith ?? builtIn,
  });
  const pod = created(injected(request).pod);
  const verification = verifyInjection({
    pod,
    namespace: NAMESPACE,
    keys: signer.publicKeys(),
    apiAudiences: [],
  });
  if (!verification.ok) throw verification.error;
  options.change?.(pod);
  const { config } = verification;
  return bindingCurrent({
    config,
    pod,
    binding: binding('research', after),
    provider: options.provider ?? builtIn,
  });
}

function one(overrides: Partial<SeksCredential> = {}): Partial<SeksBindingSpec> {
  return { credentials: [credential(overrides)] };
}

describe('bindingCurrent', () => {
  test('a pod that was injected with the binding as it is', () => {
    expect(current({}, {})).toBe(true);
    expect(current(one({ containers: ['second'] }), one({ containers: ['second'] }))).toBe(true);
    expect(
      current(one({ env: { key: ['K'], baseUrl: ['U'] } }), one({ env: { key: ['K'], baseUrl: ['U'] } })),
    ).toBe(true);
  });

  test('what a lease carries needs no restart', () => {
    expect(current({}, { suspend: true, expiresAt: '2020-01-01T00:00:00Z' })).toBe(true);
    expect(current(one(), one({ allow: [{ paths: ['/v1/models'] }] }))).toBe(true);
    expect(current(one(), one({ models: ['gpt-*'], limits: { requestsPerMinute: 1 } }))).toBe(true);
  });

  test.each<[string, Partial<SeksBindingSpec>, Partial<SeksBindingSpec>]>([
    ['agent', {}, { agent: 'writer' }],
    ['a credential more', {}, { credentials: [credential(), credential({ name: 'n', provider: 'groq' })] }],
    ['a credential less', { credentials: [credential(), credential({ name: 'n', provider: 'groq' })] }, {}],
    ['the name of a credential', one(), one({ name: 'other' })],
    ['provider', one(), one({ provider: 'groq' })],
    ['a source more', one(), one({ sources: [...credential().sources, ...credential().sources] })],
    [
      'the key of a source',
      one(),
      one({ sources: [{ tier: 'user', secretRef: { name: 'alice-keys', key: 'k' } }] }),
    ],
    ['tier', one(), one({ sources: [{ ...credential().sources[0], tier: 'builder' } as never] })],
    ['fewer containers', one(), one({ containers: ['second'] })],
    ['more containers', one({ containers: ['second'] }), one({ containers: ['planner', 'second'] })],
    ['no container of this pod any more', one(), one({ containers: ['third'] })],
    ['another variable for the key', one(), one({ env: { key: ['K'], baseUrl: ['OPENAI_BASE_URL'] } })],
    ['a variable for the key less', one({ env: { key: ['A', 'B'] } }), one({ env: { key: ['A'] } })],
    [
      'another variable for the base URL',
      one({ env: { key: ['K'] } }),
      one({ env: { key: ['K'], baseUrl: ['U'] } }),
    ],
    ['intercept mode to aliases', one(), one({ intercept: ['HostAlias'] })],
    ['intercept mode from aliases', one({ intercept: ['HostAlias'] }), one()],
    ['one intercept mode of two', one({ intercept: ['BaseURL', 'Proxy'] }), one({ intercept: ['BaseURL'] })],
    [
      'one intercept mode to two',
      one({ intercept: ['HostAlias'] }),
      one({ intercept: ['HostAlias', 'Proxy'] }),
    ],
  ])('a change of %s needs a restart', (_, before, after) => {
    expect(current(before, after)).toBe(false);
  });

  describe('parameters', () => {
    const openai = builtIn('openai');
    const upstreams = [{ host: '{tenant}.openai.example' }];
    const provider = (): Provider => ({
      ...openai,
      spec: { ...openai.spec, upstreams, parameters: [{ name: 'tenant' }] },
    });
    const of = (tenant: string, intercept: SeksCredential['intercept'] = ['BaseURL']) =>
      one({ parameters: { tenant }, intercept });

    test('need a restart where they stand in /etc/hosts or in what the proxy takes', () => {
      expect(current(of('a'), of('b'), { provider, injectedWith: provider })).toBe(true);
      expect(
        current(of('a', ['HostAlias']), of('a', ['HostAlias']), { provider, injectedWith: provider }),
      ).toBe(true);
      expect(
        current(of('a', ['HostAlias']), of('b', ['HostAlias']), { provider, injectedWith: provider }),
      ).toBe(false);
      expect(current(of('a', ['Proxy']), of('b', ['Proxy']), { provider, injectedWith: provider })).toBe(
        false,
      );
    });

    test('that are wrong count as outdated', () => {
      expect(current(of('a'), of('a.b'), { provider, injectedWith: provider })).toBe(false);
    });
  });

  test('hosts of another binding in the same pod do not count', () => {
    const others = [
      binding('b2', { credentials: [credential({ provider: 'groq', intercept: ['HostAlias', 'Proxy'] })] }),
    ];
    expect(current(one(), one(), { others })).toBe(true);
    expect(current(one({ intercept: ['HostAlias'] }), one({ intercept: ['HostAlias'] }), { others })).toBe(
      true,
    );
    expect(current(one(), one({ intercept: ['HostAlias'] }), { others })).toBe(false);
  });

  test('another binding of the same name has another uid', () => {
    const signer = testSigner();
    const { pod } = injected(planRequest({ signer }));
    const verification = verifyInjection({
      pod: created(pod),
      namespace: NAMESPACE,
      keys: signer.publicKeys(),
      apiAudiences: [],
    });
    if (!verification.ok) throw verification.error;
    const again = binding();
    again.metadata.uid = 'another';
    expect(bindingCurrent({ config: verification.config, binding: again, pod, provider: builtIn })).toBe(
      false,
    );
  });

  test('a change of the provider that reaches the variables needs a restart', () => {
    const openai = builtIn('openai');
    const moved = { ...openai, spec: { ...openai.spec, env: { ...openai.spec.env, baseUrlPath: '/v2' } } };
    expect(current({}, {}, { provider: () => moved })).toBe(false);
    const priced = { ...openai, spec: { ...openai.spec, displayName: 'Other' } };
    expect(current({}, {}, { provider: () => priced })).toBe(true);
  });

  test('a provider that cannot be used counts as outdated', () => {
    const provider = (): Provider => {
      throw new SeksError('SEKS_PROVIDER_UNKNOWN');
    };
    expect(current({}, {}, { provider })).toBe(false);
  });

  test('a container that another webhook added later does not count', () => {
    const change = (pod: RawPod): void => void pod.spec.containers.push(container('istio-proxy'));
    expect(current({}, {}, { change })).toBe(true);
  });

  test('other bindings of the pod do not count', () => {
    const others = [binding('b2', { credentials: [credential({ provider: 'groq' })] })];
    expect(current({}, {}, { others })).toBe(true);
    expect(current({}, { agent: 'x' }, { others })).toBe(false);
  });
});
