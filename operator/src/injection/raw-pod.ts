// The pod as JSON. Only what we read has a type; everything else passes through untouched, because a typed round trip
// drops the fields of a newer API server (a webhook of EKS once lost `restartPolicy` of init containers so).
import * as z from 'zod';

import { SeksError } from '@seks/crds';

const metadata = z.looseObject({
  name: z.string().optional(),
  generateName: z.string().optional(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  /** RFC 3339; `null` at admission */
  creationTimestamp: z.string().nullable().optional(),
  deletionTimestamp: z.string().nullable().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

const envVar = z.looseObject({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z.looseObject({}).optional(),
});

const volumeMount = z.looseObject({
  name: z.string(),
  mountPath: z.string(),
  readOnly: z.boolean().optional(),
  subPath: z.string().optional(),
  subPathExpr: z.string().optional(),
});

const containerPort = z.looseObject({
  containerPort: z.number(),
  protocol: z.string().optional(),
});

const containerSecurity = z.looseObject({
  runAsUser: z.number().optional(),
  privileged: z.boolean().optional(),
  procMount: z.string().optional(),
  capabilities: z
    .looseObject({ add: z.array(z.string()).optional(), drop: z.array(z.string()).optional() })
    .optional(),
  seLinuxOptions: z.looseObject({ type: z.string().optional() }).optional(),
  windowsOptions: z.looseObject({ hostProcess: z.boolean().optional() }).optional(),
});

const container = z.looseObject({
  name: z.string(),
  env: z.array(envVar).optional(),
  envFrom: z.array(z.looseObject({})).optional(),
  volumeMounts: z.array(volumeMount).optional(),
  ports: z.array(containerPort).optional(),
  securityContext: containerSecurity.optional(),
  /** ephemeral containers only: whose process namespace they join */
  targetContainerName: z.string().optional(),
});

const tokenProjection = z.looseObject({
  /** absent or empty: the API server's own audience */
  audience: z.string().optional(),
});

const volume = z.looseObject({
  name: z.string(),
  hostPath: z.looseObject({}).optional(),
  gitRepo: z.looseObject({}).optional(),
  projected: z
    .looseObject({
      sources: z.array(z.looseObject({ serviceAccountToken: tokenProjection.optional() })).optional(),
    })
    .optional(),
});

const podSecurity = z.looseObject({
  runAsUser: z.number().optional(),
  appArmorProfile: z.looseObject({ type: z.string().optional() }).optional(),
  seLinuxOptions: z.looseObject({ type: z.string().optional() }).optional(),
  windowsOptions: z.looseObject({ hostProcess: z.boolean().optional() }).optional(),
  sysctls: z.array(z.looseObject({ name: z.string(), value: z.string() })).optional(),
});

const hostAlias = z.looseObject({
  ip: z.string(),
  hostnames: z.array(z.string()).optional(),
});

const spec = z.looseObject({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.boolean().optional(),
  hostNetwork: z.boolean().optional(),
  hostPID: z.boolean().optional(),
  hostIPC: z.boolean().optional(),
  shareProcessNamespace: z.boolean().optional(),
  securityContext: podSecurity.optional(),
  hostAliases: z.array(hostAlias).optional(),
  os: z.looseObject({ name: z.string() }).optional(),
  containers: z.array(container),
  initContainers: z.array(container).optional(),
  ephemeralContainers: z.array(container).optional(),
  volumes: z.array(volume).optional(),
});

const pod = z.looseObject({ metadata: metadata.optional(), spec });

export type RawEnvVar = z.infer<typeof envVar>;
export type RawVolumeMount = z.infer<typeof volumeMount>;
export type RawContainer = z.infer<typeof container>;
export type RawVolume = z.infer<typeof volume>;
export type RawPodSpec = z.infer<typeof spec>;
/** a pod as the API server sends it, with every field that we do not know */
export type RawPod = z.infer<typeof pod>;

/** where a container stands in the pod */
export type ContainerList = 'initContainers' | 'containers' | 'ephemeralContainers';

/** a container with its place, for pointers and messages */
export interface PlacedContainer {
  list: ContainerList;
  index: number;
  container: RawContainer;
}

/**
 * checks the shape of what we read and returns the same object, not a copy
 *
 * @throws SeksError SEKS_INTERNAL that names the field: an API server never sends such a pod
 */
export function parsePod(value: unknown): RawPod {
  const result = pod.safeParse(value);
  if (result.success) return value as RawPod;
  const path = result.error.issues[0]?.path.join('.') ?? '';
  throw new SeksError('SEKS_INTERNAL', `The pod is malformed at ${path === '' ? 'its root' : path}.`);
}

/** every container of the pod, in the order in which the kubelet starts them, ephemeral ones last */
export function placedContainers(pod: RawPod): PlacedContainer[] {
  const lists: ContainerList[] = ['initContainers', 'containers', 'ephemeralContainers'];
  return lists.flatMap((list) =>
    (pod.spec[list] ?? []).map((container, index) => ({ list, index, container })),
  );
}

/** the ServiceAccount that the pod runs as */
export function serviceAccountOf(pod: RawPod): string {
  const name = pod.spec.serviceAccountName;
  return name === undefined || name === '' ? 'default' : name;
}
