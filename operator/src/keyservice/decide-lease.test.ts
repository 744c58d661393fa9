import { randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import { FEATURES, Secret, SeksError, parseEnvelope, sealKey } from '@seks/crds';
import type { Provider, SeksBinding, SeksCredential } from '@seks/crds';
import * as fc from 'fast-check';

import { MAIL, builtIn } from '../injection/fixtures.ts';
import { decideLease } from './decide-lease.ts';
import type { LeasePlan, LeaseQuestion } from './decide-lease.ts';
import {
  CREDENTIALS,
  MISSING,
  NOT_SEALED,
  NOW_MS,
  configOf,
  contextOf,
  injectedPod,
  leaseFor,
  researchBinding,
  sealedReport,
  sealingKit,
} from './testing/fixture.ts';

const kit = await sealingKit();
const stranger = await sealingKit();
const pod = injectedPod();
const config = configOf(pod);
const user = sealedReport(await kit.seal());
const builder = sealedReport(await kit.seal({ secret: 'builder-keys' }));

function ask(
  overrides: Partial<LeaseQuestion> = {},
  binding: SeksBinding | undefined = researchBinding(),
): LeasePlan {
  return decideLease({
    config,
    pod,
    request: leaseFor([user, MISSING]),
    bindingByUid: (uid) => (uid === binding?.metadata.uid ? binding : undefined),
    provider: builtIn,
    acceptedKeyIds: [kit.kid],
    nowMs: NOW_MS,
    ...overrides,
  });
}

function codes(plan: LeasePlan): string[] {
  return plan.refused.map(({ error }) => error.code);
}

function withCredential(change: Partial<SeksCredential>): SeksBinding {
  const [first, ...rest] = CREDENTIALS as [SeksCredential, ...SeksCredential[]];
  return researchBinding({ credentials: [{ ...first, ...change }, ...rest] });
}

describe('a credential that may be used', () => {
  test('comes with the first present source, its verified context and the wrappings to try', () => {
    const { planned, refused } = ask();
    expect(refused).toEqual([]);
    expect(planned).toMatchObject([
      {
        bindingUid: 'uid-of-research',
        binding: 'research',
        credential: 'openai',
        provider: 'openai',
        agent: 'research',
        source: 0,
        tier: 'user',
        ctx: contextOf(),
        wrappings: [{ kms: 'local', kid: kit.kid }],
        spec: builtIn('openai'),
      },
    ]);
  });

  test('takes the next source only where the one before is missing', () => {
    const { planned } = ask({ request: leaseFor([MISSING, builder]) });
    expect(planned).toMatchObject([{ source: 1, tier: 'builder', secret: 'builder-keys', key: 'openai' }]);
  });

  test('accepts an envelope of scope namespace', async () => {
    const { secret: _secret, key: _key, ...ctx } = { ...contextOf(), scope: 'namespace' as const };
    const { dataKey, wrapped } = await kit.kms.wrap(ctx, new AbortController().signal);
    const text = await sealKey(
      new Secret('provider-key', 'k'),
      ctx,
      { dataKey, edks: [wrapped] },
      randomBytes,
    );
    const { planned } = ask({ request: leaseFor([sealedReport(parseEnvelope(text)), MISSING]) });
    expect(planned[0]?.ctx).toEqual(ctx);
  });

  test('has the agent name of the binding as it is now', () => {
    expect(ask({}, researchBinding({ agent: 'renamed' })).planned[0]?.agent).toBe('renamed');
  });

  test('a request for some of the credentials is answered for those', () => {
    expect(ask({ request: leaseFor([], { credentials: [] }) })).toEqual({ planned: [], refused: [] });
  });
});

describe('policy', () => {
  const provider = (spec: Partial<Provider['spec']>): Partial<LeaseQuestion> => ({
    provider: (name) => {
      const { allow: _allow, deny: _deny, ...rest } = builtIn(name).spec;
      return { name, spec: { ...rest, ...spec } };
    },
  });
  const own = [{ methods: ['POST' as const], paths: ['/v1/responses'] }];
  const theirs = [{ paths: ['/v1/**'] }];

  test.each([
    ["the binding's rules beat the provider's", { allow: own }, provider({ allow: theirs }), own],
    ["without the binding's, the provider's hold", {}, provider({ allow: theirs }), theirs],
    ['without any, all is allowed', {}, provider({}), [{ paths: ['/**'] }]],
    ['an empty list of the binding allows nothing', { allow: [] }, provider({ allow: theirs }), []],
    ['an empty list of the provider allows nothing', {}, provider({ allow: [] }), []],
  ])('%s', (_, change, overrides, expected) => {
    expect(ask(overrides, withCredential(change)).planned[0]?.policy).toEqual({ allow: expected, deny: [] });
  });

  test('S13: the denials of the provider come along whatever the binding allows', () => {
    const plan = ask({}, withCredential({ allow: [{ paths: ['/**'] }] }));
    expect(plan.planned[0]?.policy.deny).toEqual(builtIn('openai').spec.deny);
    expect(plan.planned[0]?.policy.deny).not.toEqual([]);
  });
});

describe('bindings', () => {
  const refusals: [string, SeksBinding | undefined, string][] = [
    [
      'is gone',
      { ...researchBinding(), metadata: { ...researchBinding().metadata, uid: 'another' } },
      'DELETED',
    ],
    ['lives in another namespace', moved(), 'DELETED'],
    ['selects other pods', researchBinding({ podSelector: { matchLabels: { app: 'x' } } }), 'NOT_SELECTING'],
    ['wants another ServiceAccount', researchBinding({ serviceAccountName: 'x' }), 'NOT_SELECTING'],
    ['is suspended', researchBinding({ suspend: true }), 'SUSPENDED'],
    ['has expired', researchBinding({ expiresAt: '2026-03-01T12:00:00Z' }), 'EXPIRED'],
    ['has an unreadable expiry', researchBinding({ expiresAt: 'soon' }), 'EXPIRED'],
    [
      'is suspended and expired',
      researchBinding({ suspend: true, expiresAt: '2020-01-01T00:00:00Z' }),
      'SUSPENDED',
    ],
  ];

  test.each(refusals)('S12: refuses when the binding %s', (_, binding, code) => {
    const plan = ask({}, binding);
    expect(codes(plan)).toEqual([`SEKS_BINDING_${code}`]);
    expect(plan.planned).toEqual([]);
    expect(plan.refused[0]?.error.message).toContain('research');
  });

  test('S12: the last millisecond before the expiry still counts', () => {
    const plan = ask({ nowMs: NOW_MS - 1 }, researchBinding({ expiresAt: '2026-03-01T12:00:00Z' }));
    expect(plan.planned).toHaveLength(1);
  });

  function moved(): SeksBinding {
    const binding = researchBinding();
    return { ...binding, metadata: { ...binding.metadata, namespace: 'other' } };
  }
});

describe('credentials that changed since the injection', () => {
  const source = (name: string, key = 'openai', tier: 'user' | 'builder' = 'user') => ({
    tier,
    secretRef: { name, key },
  });
  test.each<[string, Partial<SeksCredential>]>([
    ['renamed', { name: 'other' }],
    ['of another provider', { provider: 'groq' }],
    ['with fewer sources', { sources: [source('alice-keys')] }],
    [
      'with another Secret',
      { sources: [source('mallory-keys'), source('builder-keys', 'openai', 'builder')] },
    ],
    [
      'with another key',
      { sources: [source('alice-keys', 'x'), source('builder-keys', 'openai', 'builder')] },
    ],
    ['with another tier', { sources: [source('alice-keys'), source('builder-keys')] }],
    ['with another order', { sources: [source('builder-keys', 'openai', 'builder'), source('alice-keys')] }],
    ['for another container', { containers: ['other'] }],
  ])('S4: refuses one %s', (_, change) => {
    expect(codes(ask({}, withCredential(change)))).toEqual(['SEKS_CREDENTIAL_REMOVED']);
  });

  test('accepts one that now names just the container that has it', () => {
    expect(ask({}, withCredential({ containers: ['planner', 'other'] })).planned).toHaveLength(1);
  });
});

describe('providers and features', () => {
  test('refuses an unknown and an invalid provider', () => {
    for (const code of ['SEKS_PROVIDER_UNKNOWN', 'SEKS_PROVIDER_INVALID'] as const) {
      const provider = (): never => {
        throw new SeksError(code);
      };
      expect(codes(ask({ provider }))).toEqual([code]);
    }
  });

  test.each(['intercept.base-url', 'placement.header', 'usage.openai'])(
    'refuses a sidecar without %s',
    (feature) => {
      const features = FEATURES.filter((name) => name !== feature);
      const plan = ask({ request: leaseFor([user, MISSING], { features }) });
      expect(codes(plan)).toEqual(['SEKS_LEASE_FEATURE_MISSING']);
      expect(plan.refused[0]?.error.message).toContain(feature);
    },
  );

  test('needs no feature that the provider does not use, and ignores ones that it does not know', () => {
    const provider = (name: string): Provider => ({ name, spec: MAIL.spec });
    const features = ['intercept.base-url', 'placement.header', 'teleport'];
    const plan = ask({ provider, request: leaseFor([user, MISSING], { features }) });
    expect(codes(plan)).toEqual([]);
    expect(plan.planned).toHaveLength(1);
  });

  test.each<[Partial<SeksCredential>, string]>([
    [{ limits: { requestsPerMinute: 1 } }, 'limit.requests-per-minute'],
    [{ allow: [{ paths: ['/**'], hosts: ['api.openai.com'] }] }, 'route.hosts'],
  ])('S7: refuses a sidecar that could not enforce %j', (change, feature) => {
    const features = FEATURES.filter((name) => name !== feature);
    const plan = ask({ request: leaseFor([user, MISSING], { features }) }, withCredential(change));
    expect(codes(plan)).toEqual(['SEKS_LEASE_FEATURE_MISSING']);
    expect(plan.refused[0]?.error.message).toContain(feature);
  });
});

describe('parameters and limits', () => {
  const tenant: Partial<LeaseQuestion> = {
    provider: (name) => {
      const { usage: _usage, prices: _prices, modelFrom: _modelFrom, ...spec } = builtIn(name).spec;
      const upstreams = [{ host: '{tenant}.openai.example' }];
      return { name, spec: { ...spec, upstreams, parameters: [{ name: 'tenant' }] } };
    },
  };

  test('the lease holds the provider with the hosts of the binding', () => {
    const [planned] = ask(tenant, withCredential({ parameters: { tenant: 'acme' } })).planned;
    expect(planned?.spec.spec.upstreams).toEqual([{ host: 'acme.openai.example' }]);
    expect(planned?.spec.spec).not.toHaveProperty('parameters');
  });

  test.each([
    ['are missing', {}],
    ['are unknown', { parameters: { tenant: 'acme', region: 'eu' } }],
    ['would lead to another host', { parameters: { tenant: 'evil.example/' } }],
  ])('S6: refuses parameters that %s', (_, change) => {
    expect(codes(ask(tenant, withCredential(change)))).toEqual(['SEKS_PARAMETER_INVALID']);
  });

  test.each<[Partial<SeksCredential>, string]>([
    [{ models: ['gpt-*'] }, 'SEKS_LIMIT_UNENFORCEABLE'],
    [{ limits: { usdPerDay: '5' } }, 'SEKS_LIMIT_UNENFORCEABLE'],
    [{ limits: { tokensPerDay: 5 } }, 'SEKS_LIMIT_UNENFORCEABLE'],
  ])('S7: refuses %j that the provider gives no means to keep', (change, code) => {
    const parameters = { tenant: 'acme' };
    expect(codes(ask(tenant, withCredential({ parameters, ...change })))).toEqual([code]);
  });

  test('models and limits of the binding stand in the policy', () => {
    const limits = { requestsPerMinute: 60, usdPerDay: '5' };
    const priced: Partial<LeaseQuestion> = {
      provider: (name) => ({
        name,
        spec: {
          ...builtIn(name).spec,
          modelFrom: { body: true },
          prices: { asOf: '2026-01-01', models: [{ match: '*', input: '1' }] },
        },
      }),
    };
    const plan = ask(priced, withCredential({ models: ['gpt-*'], limits }));
    expect(plan.planned[0]?.policy).toMatchObject({ models: ['gpt-*'], limits });
  });
});

describe('sources', () => {
  test('refuses when all are missing, and blames the first', () => {
    const plan = ask({ request: leaseFor([MISSING, MISSING]) });
    expect(codes(plan)).toEqual(['SEKS_SECRET_MISSING']);
    expect(plan.refused[0]?.source).toEqual({ tier: 'user', secret: 'alice-keys', key: 'openai' });
  });

  test('S16: a present source that is not sealed never makes way for the next', () => {
    const plan = ask({ request: leaseFor([NOT_SEALED, builder]) });
    expect(codes(plan)).toEqual(['SEKS_SECRET_NOT_SEALED']);
    expect(plan.planned).toEqual([]);
    expect(plan.refused[0]?.source?.secret).toBe('alice-keys');
  });

  test('S16: a present source that cannot be opened never makes way for the next', async () => {
    const foreign = sealedReport(await stranger.seal());
    expect(ask({ request: leaseFor([foreign, builder]) }).planned).toEqual([]);
  });

  const wrong: [string, Parameters<typeof kit.seal>[0], string][] = [
    ['namespace', { namespace: 'other' }, 'SEKS_SEAL_WRONG_NAMESPACE'],
    ['Secret', { secret: 'other' }, 'SEKS_SEAL_WRONG_SECRET'],
    ['key', { key: 'other' }, 'SEKS_SEAL_WRONG_KEY'],
    ['provider', { provider: 'groq' }, 'SEKS_SEAL_WRONG_PROVIDER'],
  ];
  test.each(wrong)(
    'refuses an envelope for another %s before the key id is looked at',
    async (_, place, code) => {
      const report = sealedReport(await kit.seal(place));
      const plan = ask({ request: leaseFor([report, MISSING]), acceptedKeyIds: [] });
      expect(codes(plan)).toEqual([code]);
      expect(plan.refused[0]?.source?.secret).toBe('alice-keys');
    },
  );

  test("refuses an envelope of another cluster's KMS key", async () => {
    const plan = ask({ request: leaseFor([sealedReport(await stranger.seal()), MISSING]) });
    expect(codes(plan)).toEqual(['SEKS_SEAL_KMS_KEY_UNKNOWN']);
  });

  test('takes the wrappings in its own order, whatever the envelope says', async () => {
    const both = sealedReport(await kit.seal({}, [stranger.kms, kit.kms]));
    const request = leaseFor([both, MISSING]);
    const kids = (acceptedKeyIds: string[]) =>
      ask({ request, acceptedKeyIds }).planned[0]?.wrappings.map(({ kid }) => kid);
    expect(kids([kit.kid, stranger.kid])).toEqual([kit.kid, stranger.kid]);
    expect(kids([stranger.kid])).toEqual([stranger.kid]);
  });

  test('refuses a header that is no seks.v1 header', () => {
    const header = { protected: 'e30', edks: [{ kms: 'local' as const, kid: kit.kid, edk: 'AA' }] };
    const plan = ask({ request: leaseFor([{ state: 'sealed', header }, MISSING]) });
    expect(codes(plan)).toEqual(['SEKS_SEAL_MALFORMED']);
  });
});

describe('requests that do not fit the injection', () => {
  const invalid = expect.objectContaining({ code: 'SEKS_LEASE_REQUEST_INVALID' }) as unknown as Error;
  const entry = { bindingUid: 'uid-of-research', credential: 'openai', sources: [user, MISSING] };

  test.each([
    ['another binding', [{ ...entry, bindingUid: 'uid-of-other' }]],
    ['another credential', [{ ...entry, credential: 'groq' }]],
    ['a credential twice', [entry, entry]],
    ['too few sources', [{ ...entry, sources: [user] }]],
    ['too many sources', [{ ...entry, sources: [user, MISSING, MISSING] }]],
  ])('S16: %s', (_, credentials) => {
    expect(() => ask({ request: leaseFor([], { credentials }) })).toThrow(invalid);
  });
});

test('S7: one refused credential does not touch another, and none is both planned and refused', async () => {
  const claude = { secret: 'alice-keys', key: 'anthropic', provider: 'anthropic' };
  const reports = [MISSING, NOT_SEALED, user, builder, sealedReport(await kit.seal(claude))];
  const report = fc.constantFrom(...reports);
  fc.assert(
    fc.property(report, report, report, fc.boolean(), (first, second, third, suspend) => {
      const credentials = [
        { bindingUid: 'uid-of-research', credential: 'openai', sources: [first, second] },
        { bindingUid: 'uid-of-research', credential: 'claude', sources: [third] },
      ];
      const plan = ask({ request: leaseFor([], { credentials }) }, researchBinding({ suspend }));
      const planned = plan.planned.map(({ credential }) => credential);
      const refused = plan.refused.map(({ credential }) => credential);
      expect([...planned, ...refused].toSorted((a, b) => a.localeCompare(b))).toEqual(['claude', 'openai']);
      if (suspend) expect(planned).toEqual([]);
      expect(planned.includes('claude')).toBe(!suspend && third === reports[4]);
      const openable = first === user || (first === MISSING && second === builder);
      expect(planned.includes('openai')).toBe(!suspend && openable);
    }),
  );
});
