// What the key service's tests share: an injected pod, its binding, and really sealed keys.
import { randomBytes } from 'node:crypto';

import { FEATURES, Secret, headerOf, parseEnvelope, sealKey } from '@seks/crds';
import type {
  Envelope,
  EnvelopeHeader,
  InjectionConfig,
  LeaseRequest,
  SealContext,
  SeksBinding,
} from '@seks/crds';

import {
  NAMESPACE,
  NOW_MS,
  binding as makeBinding,
  created,
  credential,
  injected,
  planRequest,
  testSigner,
} from '../../injection/fixtures.ts';
import { verifyInjection } from '../../injection/index.ts';
import { createLocalKms, generateLocalKeyPair } from '../../kms/index.ts';
import type { Kms } from '../../kms/index.ts';
import { ConflictError } from '../../kube/conflict.ts';
import type { NamedSecret } from '../../kube/named-secret.ts';
import type { Pod } from '../../kube/objects.ts';

export { NAMESPACE, NOW_MS };
export const POD_NAME = 'research-6b8-q2x4z';
export const POD_UID = 'pod-uid';
export const SERVICE_ACCOUNT = 'research';
export const CANARY_KEY = 'sk-canary-4f1d9a0c7be2';

const FAR_FUTURE_SECONDS = Date.parse('2099-01-01T00:00:00Z') / 1000;

/** two sources for OpenAI, one for Anthropic */
export const CREDENTIALS = [
  credential({
    sources: [
      { tier: 'user', secretRef: { name: 'alice-keys', key: 'openai' } },
      { tier: 'builder', secretRef: { name: 'builder-keys', key: 'openai' } },
    ],
  }),
  credential({
    name: 'claude',
    provider: 'anthropic',
    sources: [{ tier: 'user', secretRef: { name: 'alice-keys', key: 'anthropic' } }],
  }),
];

export const signer = testSigner();

/** a binding of the fixture's two credentials */
export function researchBinding(spec: Partial<SeksBinding['spec']> = {}): SeksBinding {
  return makeBinding('research', { credentials: CREDENTIALS, ...spec });
}

/** the pod as it is read back from the API server after injection with these bindings */
export function injectedPod(bindings: SeksBinding[] = [researchBinding()], nowMs = NOW_MS): Pod {
  const { pod } = injected(planRequest({ signer, bindings, nowMs }));
  return { ...created(pod, nowMs + 1000), status: { phase: 'Running' } } as unknown as Pod;
}

export function configOf(pod: Pod): InjectionConfig {
  const verified = verifyInjection({
    pod,
    namespace: NAMESPACE,
    keys: signer.publicKeys(),
    apiAudiences: [],
  });
  if (!verified.ok) throw verified.error;
  return verified.config;
}

export interface SealingKit {
  kms: Kms;
  kid: string;
  /** seals the canary key for a place and provider */
  seal(place?: Partial<SealContext>, wrapWith?: readonly Kms[]): Promise<Envelope>;
}

/** a local KMS with a new key, and a sealer for it */
export async function sealingKit(): Promise<SealingKit> {
  const { privateKeyPem, kid } = await generateLocalKeyPair();
  const kms = createLocalKms({ privateKeysPem: [privateKeyPem] });
  return {
    kms,
    kid,
    async seal(place = {}, [first, ...others] = [kms]) {
      const ctx: SealContext = { ...contextOf(), ...place };
      const { signal } = new AbortController();
      const { dataKey, wrapped } = await (first ?? kms).wrap(ctx, signal);
      const edks = [wrapped];
      for (const other of others) edks.push(await other.wrapExisting(dataKey, ctx, signal));
      const text = await sealKey(new Secret('provider-key', CANARY_KEY), ctx, { dataKey, edks }, randomBytes);
      return parseEnvelope(text);
    },
  };
}

/** context of the fixture's first source */
export function contextOf(): SealContext {
  return { scope: 'strict', namespace: NAMESPACE, secret: 'alice-keys', key: 'openai', provider: 'openai' };
}

export type Report = LeaseRequest['credentials'][number]['sources'][number];

export const MISSING: Report = { state: 'missing' };
export const NOT_SEALED: Report = { state: 'unusable', code: 'SEKS_SECRET_NOT_SEALED' };

export function sealedReport(envelope: Envelope | EnvelopeHeader): Report {
  return { state: 'sealed', header: 'edks' in envelope ? envelope : headerOf(envelope) };
}

/** a request for the fixture's first credential */
export function leaseFor(sources: Report[], overrides: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    protocol: 1,
    features: [...FEATURES],
    credentials: [{ bindingUid: 'uid-of-research', credential: 'openai', sources }],
    ...overrides,
  };
}

/** a token that looks like the kubelet's; only the API server, here a mock, decides whether it is good */
export function podToken(claims: { aud?: unknown; exp?: unknown; jti?: string } = {}): Secret<'pod-token'> {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = { aud: ['seks-keyservice'], exp: FAR_FUTURE_SECONDS, ...claims };
  return new Secret('pod-token', `${encode({ alg: 'RS256' })}.${encode(body)}.${encode('signature')}`);
}

/** TokenReview status of the fixture's pod */
export function reviewStatus(
  overrides: { extra?: Record<string, string[]>; username?: string } = {},
): object {
  return {
    authenticated: true,
    audiences: ['seks-keyservice'],
    user: {
      username: `system:serviceaccount:${NAMESPACE}:${SERVICE_ACCOUNT}`,
      extra: {
        'authentication.kubernetes.io/pod-name': [POD_NAME],
        'authentication.kubernetes.io/pod-uid': [POD_UID],
      },
      ...overrides,
    },
  };
}

/** a Secret in memory, with the API server's compare-and-swap */
export function memorySecret(
  initial?: Record<string, Buffer>,
): NamedSecret & { data(): Record<string, Buffer> | undefined } {
  let data = initial;
  let version = 1;
  return {
    data: () => data,
    read: async () => (data === undefined ? undefined : { data, resourceVersion: String(version) }),
    async create(next) {
      if (data !== undefined) throw new ConflictError('exists');
      data = next;
    },
    async replace(next, resourceVersion) {
      if (resourceVersion !== String(version)) throw new ConflictError('changed');
      data = next;
      version += 1;
    },
  };
}
