// What the tests of injection and webhook share: a signer, bindings, and pods as the API server sends them.
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';

import { BUILT_IN_PROVIDERS, SeksError } from '@seks/crds';
import type { Provider, SeksBinding, SeksBindingSpec, SeksCredential } from '@seks/crds';

import { applyPatch } from './json-patch.ts';
import { planInjection } from './plan.ts';
import type { InjectionPlan, InjectionSettings, PlanRequest } from './plan.ts';
import type { RawContainer, RawPod } from './raw-pod.ts';
import type { InjectionSigner } from './seal.ts';

export const NAMESPACE = 'agents';
export const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

export const SETTINGS: InjectionSettings = {
  sidecar: {
    image: 'registry.example/seks/sidecar@sha256:4e1243bd22c66e76c2ba9eddc1f91394e57f9f83',
    imagePullPolicy: 'IfNotPresent',
    resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '192Mi' } },
  },
  keyService: {
    url: 'https://seks-keyservice.seks.svc.cluster.local:8443',
    caBundle: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  },
  apiAudiences: ['https://kubernetes.default.svc'],
};

/** signer with one Ed25519 key, or the given one */
export function testSigner(key = generateKeyPairSync('ed25519').privateKey): InjectionSigner {
  const { crv = '', kty = '', x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const kid = createHash('sha256').update(x).digest('base64url');
  const jwk: JsonWebKey = { crv, kty, x, kid };
  return { keyId: () => kid, sign: (data) => sign(null, data, key), publicKeys: () => [jwk] };
}

/** different bytes at each call, the same in each run */
export function countingBytes(): (size: number) => Buffer {
  let calls = 0;
  return (size) => {
    calls += 1;
    const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, i) =>
      createHash('sha256').update(`${calls}.${i}`).digest(),
    );
    return Buffer.concat(blocks).subarray(0, size);
  };
}

export function builtIn(name: string): Provider {
  const found = BUILT_IN_PROVIDERS.find((provider) => provider.name === name);
  if (found === undefined) throw new SeksError('SEKS_PROVIDER_UNKNOWN', `Provider: ${name}.`);
  return found;
}

/** a provider with one host, one key and one constant, which stays as it is when the catalogue grows */
export const MAIL: Provider = {
  name: 'mail',
  spec: {
    upstreams: [{ host: 'api.mail.example' }],
    auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
    env: {
      key: ['MAIL_KEY'],
      baseUrl: ['MAIL_URL'],
      constants: [{ name: 'MAIL_TRACING', value: '0' }],
    },
    fakeToken: 'ml_{token}',
  },
};

/** what the injection sets in a container that gets a credential of `MAIL`, in this order */
export const MAIL_VARIABLES = ['MAIL_KEY', 'MAIL_URL', 'MAIL_TRACING', 'NODE_EXTRA_CA_CERTS'] as const;

/** credential of the provider `MAIL` */
export function mail(overrides: Partial<SeksCredential> = {}): SeksCredential {
  return credential({ name: 'mail', provider: 'mail', ...overrides });
}

export function credential(overrides: Partial<SeksCredential> = {}): SeksCredential {
  return {
    name: 'openai',
    provider: 'openai',
    sources: [{ tier: 'user', secretRef: { name: 'alice-keys', key: 'openai' } }],
    ...overrides,
  };
}

export function binding(name = 'research', spec: Partial<SeksBindingSpec> = {}): SeksBinding {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksBinding',
    metadata: { name, namespace: NAMESPACE, uid: `uid-of-${name}`, generation: 1 },
    spec: { podSelector: { matchLabels: { app: 'research' } }, credentials: [credential()], ...spec },
  };
}

const API_ACCESS_MOUNT = {
  name: 'kube-api-access-x7k2p',
  readOnly: true,
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
};

/** container as it stands in an admission request: defaults filled in, API token mounted */
export function container(name = 'planner', overrides: Partial<RawContainer> = {}): RawContainer {
  return {
    name,
    image: 'registry.example/agent:1',
    resources: {},
    volumeMounts: [API_ACCESS_MOUNT],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    ...overrides,
  };
}

/** pod as it stands in an admission request, after the ServiceAccount plugin */
export function agentPod(spec: Partial<RawPod['spec']> = {}, metadata: RawPod['metadata'] = {}): RawPod {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      generateName: 'research-6b8-',
      namespace: NAMESPACE,
      creationTimestamp: null,
      labels: { app: 'research' },
      ...metadata,
    },
    spec: {
      volumes: [
        {
          name: 'kube-api-access-x7k2p',
          projected: {
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            ],
            defaultMode: 420,
          },
        },
      ],
      containers: [container()],
      restartPolicy: 'Always',
      serviceAccountName: 'research',
      serviceAccount: 'research',
      securityContext: {},
      ...spec,
    },
    status: {},
  };
}

export function planRequest(overrides: Partial<PlanRequest> = {}): PlanRequest {
  return {
    pod: agentPod(),
    namespace: NAMESPACE,
    bindings: [binding()],
    provider: builtIn,
    settings: SETTINGS,
    signer: testSigner(),
    nowMs: NOW_MS,
    randomBytes: countingBytes(),
    ...overrides,
  };
}

/** plan that must be an injection, with the pod that it makes */
export function injected(request: PlanRequest): Extract<InjectionPlan, { kind: 'inject' }> & { pod: RawPod } {
  const plan = planInjection(request);
  if (plan.kind === 'deny') throw plan.error;
  if (plan.kind === 'untouched') throw new Error('the pod was left untouched');
  return { ...plan, pod: applyPatch(request.pod as RawPod, plan.patch) };
}

/** code of a plan that must be a denial, with its message */
export function denial(request: PlanRequest): { code: string; message: string } {
  const plan = planInjection(request);
  if (plan.kind !== 'deny') throw new Error(`the pod was not denied: ${plan.kind}`);
  return { code: plan.error.code, message: plan.error.message };
}

/** the pod as it is read back after creation: what API server and registry add */
export function created(pod: RawPod, createdMs = NOW_MS + 1000): RawPod {
  const copy = structuredClone(pod);
  const creationTimestamp = new Date(createdMs).toISOString().replace('.000Z', 'Z');
  copy.metadata = { ...copy.metadata, name: 'research-6b8-q2x4z', uid: 'pod-uid', creationTimestamp };
  Object.assign(copy.spec, {
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    nodeName: 'node-1',
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
  });
  return copy;
}
