// The stub providers under the real host names: a pod with TLS for all of them, a name server that leads there, and SeksProviders
// that differ from the built-in ones in nothing but the authority that signs for the hosts. For pods that use that name server.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRealKeys, keyEnvironment, type RealKeys } from '../sdk/real-keys.ts';
import { HOST_STUBS } from '../upstream/host-stubs.ts';
import type { ProviderName } from '../upstream/provider-stub.ts';
import type { SeenRequest } from '../upstream/record.ts';
import { makeServerCertificate } from './certificates.ts';
import type { Kubectl, KubeObject } from './kubectl.ts';
import { providerSpec } from './stub-provider.ts';

export interface StubInternet {
  readonly keys: RealKeys;
  /** fields of a pod's spec that let it resolve the hosts */
  readonly podFields: Readonly<Record<string, unknown>>;
  /** name of the SeksProvider for a built-in one */
  providerName(builtIn: string): string;
  /** what the stubs saw since `sinceId` */
  requests(sinceId?: number): Promise<SeenRequest[]>;
  /** removes the SeksProviders; the rest goes with the namespace */
  remove(): Promise<void>;
}

export interface StubInternetSettings {
  /** the caller's, and removed by the caller */
  readonly namespace: string;
  readonly image: string;
  /** built-in providers to make SeksProviders of */
  readonly providers: readonly ProviderName[];
  readonly nowMs: number;
}

/** of the APIs that the stubs tell apart by path */
const CHAT_HOSTS = [
  'api.openai.com',
  'api.anthropic.com',
  'generativelanguage.googleapis.com',
  'api.groq.com',
] as const;
const NAME = 'internet';
const TLS_PORT = 8443;
const NAMES_PORT = 5353;
const nameServerFile = join(import.meta.dirname, 'name-server.ts');

export async function startStubInternet(
  kubectl: Kubectl,
  settings: StubInternetSettings,
): Promise<StubInternet> {
  const { namespace, image, providers, nowMs } = settings;
  const keys = makeRealKeys();
  const hosts = [...CHAT_HOSTS, ...HOST_STUBS.flatMap((stub) => stub.hosts)] as const;
  const { caPem, certPem, keyPem } = await makeServerCertificate(hosts, nowMs);
  const metadata = { name: NAME, namespace };
  await kubectl.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      stringData: { 'tls.crt': certPem, 'tls.key': keyPem },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace },
      stringData: keyEnvironment(keys),
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { 'name-server.ts': readFileSync(nameServerFile, 'utf8') },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector: { app: NAME },
        ports: [
          { name: 'https', port: 443, targetPort: TLS_PORT },
          { name: 'names', port: 53, targetPort: NAMES_PORT, protocol: 'UDP' },
          { name: 'control', port: 8080 },
        ],
      },
    },
  );
  const service = await kubectl.get<ServiceObject>('service', NAME, namespace);
  const address = service?.spec.clusterIP ?? '';
  await kubectl.apply(internetPod(namespace, image, hosts, address));
  await kubectl.run(['wait', '--for=condition=Ready', `pod/${NAME}`, '-n', namespace, '--timeout=60s']);

  const providerName = (builtIn: string): string => `${namespace}-${builtIn}`;
  await kubectl.apply(...providers.map((name) => seksProvider(name, providerName(name), caPem)));
  const control = `/api/v1/namespaces/${namespace}/services/http:${NAME}:control/proxy`;
  return {
    keys,
    podFields: {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: [address], options: [{ name: 'ndots', value: '1' }] },
    },
    providerName,
    requests: async (sinceId = 0) =>
      JSON.parse(await kubectl.raw(`${control}/requests?since=${sinceId}`)) as SeenRequest[],
    async remove() {
      await kubectl.delete('seksprovider', providers.map(providerName));
    },
  };
}

interface ServiceObject extends KubeObject {
  readonly spec: { readonly clusterIP: string };
}

function seksProvider(builtIn: ProviderName, name: string, caBundle: string): object {
  const spec = providerSpec(builtIn);
  const upstreams = (spec['upstreams'] as object[]).map((upstream) => ({ ...upstream, network: 'Private' }));
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name },
    spec: { ...spec, upstreams, caBundle },
  };
}

function internetPod(namespace: string, image: string, hosts: readonly string[], address: string): object {
  const imagePullPolicy = 'IfNotPresent';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME, namespace, labels: { app: NAME } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'stubs',
          image,
          imagePullPolicy,
          env: [
            { name: 'UPSTREAM_TLS_CERT_FILE', value: '/tls/tls.crt' },
            { name: 'UPSTREAM_TLS_KEY_FILE', value: '/tls/tls.key' },
            { name: 'UPSTREAM_PORT', value: String(TLS_PORT) },
          ],
          envFrom: [{ secretRef: { name: 'keys' } }],
          volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
          readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
        },
        {
          name: 'names',
          image,
          imagePullPolicy,
          command: ['node', '/program/name-server.ts'],
          env: [
            { name: 'NAMES_HOSTS', value: hosts.join(',') },
            { name: 'NAMES_ADDRESS', value: address },
            { name: 'NAMES_PORT', value: String(NAMES_PORT) },
          ],
          volumeMounts: [{ name: 'program', mountPath: '/program', readOnly: true }],
        },
      ],
      volumes: [
        { name: 'tls', secret: { secretName: NAME } },
        { name: 'program', configMap: { name: NAME } },
      ],
    },
  };
}
