// Pods for tests of admission: one that nobody touched, one as our webhook leaves it, and ways to spoil it.
import type { InjectionConfig } from '../../crds/src/index.ts';
import { PUBLIC_MOUNT, buildSidecar, buildVolumes } from '../../operator/src/injection/sidecar.ts';
import type { KubernetesObject } from './kubernetes.ts';

export interface Container {
  name: string;
  [field: string]: unknown;
}
export interface Volume {
  name: string;
  [field: string]: unknown;
}
export interface Pod extends KubernetesObject {
  metadata: {
    name: string;
    labels: Record<string, string>;
    annotations: Record<string, string>;
  };
  spec: {
    initContainers: Container[];
    containers: [Container, ...Container[]];
    volumes: Volume[];
    [field: string]: unknown;
  };
}

/** a volume with a token of SEKS under a name that does not show it */
export const SEKS_TOKEN = { name: 'innocent', projected: { sources: [tokenSource('seks-anything')] } };

/** the pod as our webhook leaves it, made with the same functions */
export function injectedPod(namespace: string, image: string): Pod {
  const config: InjectionConfig = {
    version: 1,
    namespace,
    serviceAccountName: 'default',
    issuedAtSeconds: 0,
    sidecar: { image, imagePullPolicy: 'IfNotPresent', resources: { requests: { cpu: '20m' }, limits: {} } },
    keyService: { url: 'https://seks-keyservice.seks-system.svc.cluster.local:8443', caBundle: '' },
    interception: { aliases: [], proxied: [] },
    bindings: [
      {
        uid: '00000000-0000-0000-0000-000000000000',
        name: 'research',
        agent: 'research',
        credentials: [
          {
            name: 'openai',
            provider: 'openai',
            sources: [{ tier: 'user', secret: 'alice-keys', key: 'openai' }],
            tokens: [],
          },
        ],
      },
    ],
  };
  const pod = plainPod();
  pod.metadata.labels = { 'seks.ai/injected': 'true' };
  pod.metadata.annotations = { 'seks.ai/injection-seal': 'seal' };
  pod.spec.initContainers = [buildSidecar(config)];
  pod.spec.volumes = buildVolumes(config);
  pod.spec['automountServiceAccountToken'] = false;
  const [agent] = pod.spec.containers;
  agent['volumeMounts'] = [PUBLIC_MOUNT];
  agent['securityContext'] = { capabilities: { drop: ['NET_RAW'] } };
  return pod;
}

export function plainPod(): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sample', labels: {}, annotations: {} },
    spec: {
      initContainers: [],
      containers: [{ name: 'agent', image: 'registry.example/agent:1' }],
      volumes: [],
    },
  };
}

export function tokenSource(audience: string): object {
  return { serviceAccountToken: { audience, path: 'token' } };
}

/** takes the token away, so that only the policy about injected pods can refuse the pod */
export function withoutToken(pod: Pod): void {
  for (const volume of pod.spec.volumes) {
    const { projected } = volume as { projected?: { sources: object[] } };
    if (projected !== undefined) {
      projected.sources = projected.sources.filter((source) => !('serviceAccountToken' in source));
    }
  }
}

export function sidecarOf(pod: Pod): Container {
  const [sidecar] = pod.spec.initContainers;
  if (sidecar === undefined) throw new Error('the pod has no sidecar');
  return sidecar;
}

export function setSidecarSecurity(pod: Pod, change: object): void {
  const sidecar = sidecarOf(pod);
  sidecar['securityContext'] = { ...(sidecar['securityContext'] as object), ...change };
}

/** a further init container, which gave up raw sockets as the webhook makes all do */
export function setupContainer(fields: object = {}): Container {
  return {
    name: 'setup',
    image: 'registry.example/agent:1',
    securityContext: { capabilities: { drop: ['ALL'] } },
    ...fields,
  };
}

/** sets fields of the agent's securityContext; what it dropped stays dropped unless `capabilities` say otherwise */
export function setAgentSecurity(
  pod: Pod,
  change: { capabilities?: object; [field: string]: unknown },
): void {
  const capabilities = { drop: ['NET_RAW'], ...change.capabilities };
  pod.spec.containers[0]['securityContext'] = { ...change, capabilities };
}

export function mount(pod: Pod, volume: string): void {
  pod.spec.containers[0]['volumeMounts'] = [{ name: volume, mountPath: '/mnt' }];
}
