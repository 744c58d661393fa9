// The stub providers in the cluster: a pod with TLS in a namespace of its own, which stands for the internet, and
// SeksProviders that lead there instead of to the real hosts.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CHAT_PROVIDERS, type ChatProviderName } from '../upstream/provider-stub.ts';
import type { SeenRequest, Summary } from '../upstream/record.ts';
import { makeServerCertificate } from './certificates.ts';
import { repositoryDir } from './images.ts';
import { isReady, type Kubectl, type KubeObject, type Pod } from './kubectl.ts';

export type RealKeys = Readonly<Record<ChatProviderName, string>>;

export interface StubProvider {
  readonly host: string;
  /** the keys that it accepts; the tests' only real keys */
  readonly keys: RealKeys;
  requests(sinceId?: number): Promise<SeenRequest[]>;
  summary(): Promise<Summary>;
  /** id of the latest request, to ask later for what came after it */
  latestId(): Promise<number>;
  /** forgets what it saw */
  clear(): Promise<void>;
  /** as if the key had been replaced in the provider's console */
  replaceKey(provider: ChatProviderName, key: string): Promise<void>;
}

export interface StubSettings {
  readonly namespace: string;
  readonly image: string;
  readonly clusterDomain?: string;
  readonly nowMs: number;
}

/** keys of the shapes that the providers give out */
export function makeRealKeys(): RealKeys {
  const random = (bytes: number): string => randomBytes(bytes).toString('hex');
  return {
    openai: `sk-proj-${random(24)}`,
    anthropic: `sk-ant-api03-${random(24)}`,
    gemini: `AIza${random(18).slice(0, 35)}`,
    groq: `gsk_${random(26)}`,
  };
}

/** deploys it with new keys and a new certificate, or takes the one that runs, and waits until it answers */
export async function ensureStubProvider(kubectl: Kubectl, settings: StubSettings): Promise<StubProvider> {
  const { namespace, image } = settings;
  const host = `stub.${namespace}.svc.${settings.clusterDomain ?? 'cluster.local'}`;
  const running = await runningStub(kubectl, namespace, image);
  const { keys, caPem } = running ?? (await deploy(kubectl, settings, host));
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/stub', '-n', namespace, '--timeout=60s']);
  await kubectl.apply(...stubProviders(host, caPem));

  const control = `/api/v1/namespaces/${namespace}/services/http:stub:control/proxy`;
  const requests = async (sinceId = 0): Promise<SeenRequest[]> =>
    JSON.parse(await kubectl.raw(`${control}/requests?since=${sinceId}`)) as SeenRequest[];
  const replaceKey = async (provider: ChatProviderName, key: string): Promise<void> => {
    await kubectl.run(['create', '--raw', `${control}/keys/${provider}`, '-f', '-'], { input: key });
  };
  // A test that ended in the middle may have left another key behind.
  if (running !== undefined) await Promise.all(CHAT_PROVIDERS.map((name) => replaceKey(name, keys[name])));
  return {
    host,
    keys,
    requests,
    summary: async () => JSON.parse(await kubectl.raw(`${control}/summary`)) as Summary,
    latestId: async () => (await requests()).at(-1)?.id ?? 0,
    async clear() {
      await kubectl.run(['create', '--raw', `${control}/clear`, '-f', '-'], { input: '{}' });
    },
    replaceKey,
  };
}

interface DeployedStub {
  readonly keys: RealKeys;
  readonly caPem: string;
}

async function runningStub(
  kubectl: Kubectl,
  namespace: string,
  image: string,
): Promise<DeployedStub | undefined> {
  const pod = await kubectl.get<Pod>('pod', 'stub', namespace);
  const [container] = (pod?.spec['containers'] ?? []) as { image: string }[];
  if (pod === undefined || !isReady(pod) || container?.image !== image) return undefined;
  const [certificate, keys] = await Promise.all(
    ['stub', 'stub-keys'].map((name) => kubectl.get<SecretObject>('secret', name, namespace)),
  );
  if (certificate === undefined || keys === undefined) return undefined;
  return {
    caPem: decode(certificate.data['ca.crt']),
    keys: Object.fromEntries(
      CHAT_PROVIDERS.map((name) => [name, decode(keys.data[keyVariable(name)])]),
    ) as RealKeys,
  };
}

async function deploy(kubectl: Kubectl, settings: StubSettings, host: string): Promise<DeployedStub> {
  const { namespace, image, nowMs } = settings;
  const keys = makeRealKeys();
  const { caPem, certPem, keyPem } = await makeServerCertificate([host], nowMs);
  // Alone, as the others need it.
  await kubectl.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  // A pod that runs already has the old keys.
  await kubectl.delete('pod', ['stub'], namespace);
  await kubectl.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'stub', namespace },
      stringData: { 'tls.crt': certPem, 'tls.key': keyPem, 'ca.crt': caPem },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'stub-keys', namespace },
      stringData: Object.fromEntries(CHAT_PROVIDERS.map((name) => [keyVariable(name), keys[name]])),
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'stub', namespace },
      spec: {
        selector: { app: 'stub' },
        ports: [
          { name: 'https', port: 443, targetPort: 8443 },
          { name: 'control', port: 8080 },
        ],
      },
    },
    stubPod(namespace, image),
  );
  return { keys, caPem };
}

interface SecretObject extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
}

function decode(value: string | undefined): string {
  return Buffer.from(value ?? '', 'base64').toString('utf8');
}

function keyVariable(provider: ChatProviderName): string {
  return `UPSTREAM_KEY_${provider.toUpperCase()}`;
}

/** the spec of a built-in provider, as its document has it */
export function providerSpec(name: string): Record<string, unknown> {
  const file = join(repositoryDir, 'crds', 'providers', `${name}.yaml`);
  return (parse(readFileSync(file, 'utf8')) as { spec: Record<string, unknown> }).spec;
}

/** the built-in providers, leading to the stub */
export function stubProviders(host: string, caBundle: string): object[] {
  return CHAT_PROVIDERS.map((name) => ({
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name },
    spec: { ...providerSpec(name), upstreams: [{ host, network: 'Private' }], caBundle },
  }));
}

export async function removeStubProviders(kubectl: Kubectl): Promise<void> {
  await kubectl.attempt(['delete', 'seksprovider', ...CHAT_PROVIDERS, '--ignore-not-found']);
}

function stubPod(namespace: string, image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'stub', namespace, labels: { app: 'stub' } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'stub',
          image,
          imagePullPolicy: 'IfNotPresent',
          env: [
            { name: 'UPSTREAM_TLS_CERT_FILE', value: '/tls/tls.crt' },
            { name: 'UPSTREAM_TLS_KEY_FILE', value: '/tls/tls.key' },
          ],
          envFrom: [{ secretRef: { name: 'stub-keys' } }],
          volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
          readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
        },
      ],
      volumes: [{ name: 'tls', secret: { secretName: 'stub' } }],
    },
  };
}
