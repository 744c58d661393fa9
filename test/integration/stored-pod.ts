// Pods as the API server stored them, to compare one that was injected with one that was not.
import { resolveProvider } from '@seks/crds';
import type { CommandResult } from '../cluster/command.ts';
import type { Kubectl } from '../harness/kubectl.ts';

export interface StoredContainer {
  securityContext?: SecurityContext;
  name: string;
  env?: { name: string; value?: string; valueFrom?: object }[];
  volumeMounts?: { name: string; mountPath: string }[];
  [field: string]: unknown;
}

export interface StoredPod {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  spec: {
    containers: [StoredContainer, ...StoredContainer[]];
    initContainers?: StoredContainer[];
    volumes?: { name: string; [field: string]: unknown }[];
    automountServiceAccountToken?: boolean;
    [field: string]: unknown;
  };
  status?: unknown;
}

const { spec: openai } = resolveProvider('openai', () => undefined);
const API_ACCESS = /^kube-api-access-/;
/** every name that a container with a credential of the built-in provider openai gets */
export const OPENAI_NAMES = [
  ...openai.env.key,
  ...(openai.env.baseUrl ?? []),
  ...(openai.env.constants ?? []).map(({ name }) => name),
  'NODE_EXTRA_CA_CERTS',
];
/** the volumes that the injection adds, in its order */
export const INJECTED_VOLUMES = ['seks-private', 'seks-private-run', 'seks-public'];

/** keeps the scheduler away: the pod is stored and admitted, and no kubelet has work with it */
export const GATED = { schedulingGates: [{ name: 'seks.test/never' }] } as const;

/** creates the pod and gives what the API server stored */
export async function createPod(kubectl: Kubectl, pod: object, ...options: string[]): Promise<StoredPod> {
  const { code, stdout, stderr } = await tryCreate(kubectl, pod, '-o', 'json', ...options);
  if (code !== 0) throw new Error(`the pod was not created: ${stderr}`);
  return JSON.parse(stdout) as StoredPod;
}

/** as {@link createPod}, where a refusal is an answer */
export function tryCreate(kubectl: Kubectl, object: object, ...options: string[]): Promise<CommandResult> {
  return kubectl.attempt(['create', '-f', '-', ...options], { input: JSON.stringify(object) });
}

/** what an author would write: the stored pod without what the API server alone decides */
export function manifestOf(pod: StoredPod, metadata: Readonly<Record<string, unknown>> = {}): StoredPod {
  const { name, namespace, labels, annotations } = pod.metadata;
  const { status: _, ...rest } = structuredClone(pod);
  return {
    ...rest,
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...metadata,
    },
  };
}

export function allContainers({ spec }: StoredPod): StoredContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

export function sidecarOf({ spec }: StoredPod): StoredContainer {
  const sidecar = spec.initContainers?.[0];
  if (sidecar?.name !== 'seks-proxy') throw new Error('the first init container is not seks-proxy');
  return sidecar;
}

/** the sidecar's config without what is new in each injection: tokens and time */
export function configOf(pod: StoredPod): unknown {
  const text = sidecarOf(pod).env?.find(({ name }) => name === 'SEKS_CONFIG')?.value ?? '';
  return JSON.parse(text.replaceAll('$$', '$'), (key, value: unknown) =>
    ['sha256', 'issuedAtSeconds'].includes(key) ? 'new each time' : value,
  );
}

/** the spec with all that injection adds taken away again; throws if there is nothing to take away */
export function specWithoutInjection(pod: StoredPod): StoredPod['spec'] {
  sidecarOf(pod);
  const { automountServiceAccountToken: _, ...spec } = structuredClone(pod.spec);
  const changed = {
    ...spec,
    initContainers: spec.initContainers?.slice(1),
    volumes: spec.volumes?.filter(({ name }) => !INJECTED_VOLUMES.includes(name)),
  };
  for (const container of allContainers({ ...pod, spec: changed as StoredPod['spec'] })) {
    container.env = container.env?.filter(({ name }) => !OPENAI_NAMES.includes(name)) ?? [];
    container.volumeMounts =
      container.volumeMounts?.filter(({ name }) => !INJECTED_VOLUMES.includes(name)) ?? [];
    keepRawSockets(container);
  }
  return withoutEmptyLists(changed);
}

/** takes back that the container gave up raw sockets, and the fields that were made for it */
function keepRawSockets(container: { securityContext?: SecurityContext }): void {
  const { securityContext } = container;
  const drop = securityContext?.capabilities?.drop;
  if (securityContext?.capabilities === undefined || drop?.at(-1) !== 'NET_RAW') return;
  if (drop.length > 1) drop.pop();
  else if (Object.keys(securityContext.capabilities).length > 1) delete securityContext.capabilities.drop;
  else delete securityContext.capabilities;
  if (Object.keys(securityContext).length === 0) delete container.securityContext;
}

interface SecurityContext {
  capabilities?: { add?: string[]; drop?: string[] };
}

/** the spec without the volume for the API server's token, which has a random name, and its mounts */
export function specWithoutApiToken({ spec }: StoredPod): StoredPod['spec'] {
  const { automountServiceAccountToken: _, ...copy } = structuredClone(spec);
  copy.volumes = copy.volumes?.filter(({ name }) => !API_ACCESS.test(name)) ?? [];
  for (const container of [...(copy.initContainers ?? []), ...copy.containers]) {
    container.volumeMounts = container.volumeMounts?.filter(({ name }) => !API_ACCESS.test(name)) ?? [];
  }
  return withoutEmptyLists(copy);
}

/** names of the volumes for the API server's token, wherever the pod has or mounts one */
export function apiTokenVolumes(pod: StoredPod): string[] {
  const mounts = allContainers(pod).flatMap(({ volumeMounts = [] }) => volumeMounts);
  return [...(pod.spec.volumes ?? []), ...mounts]
    .map(({ name }) => name)
    .filter((name) => API_ACCESS.test(name));
}

/** an empty list and none are the same to the API server, which leaves both out */
function withoutEmptyLists(spec: object): StoredPod['spec'] {
  return JSON.parse(
    JSON.stringify(spec, (_key, value: unknown) =>
      Array.isArray(value) && value.length === 0 ? undefined : value,
    ),
  ) as StoredPod['spec'];
}
