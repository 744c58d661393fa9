// The sidecar container and its volumes, as a pure function of the injection's config: whoever knows the config knows
// every byte that must stand in the pod. Defaults of the API server are written out, so that nothing is left to be
// filled in, neither by it nor by another webhook.
import {
  ADMIN_PORT,
  ADMIN_PORT_NAME,
  AUDIENCE_KEYSERVICE,
  ENV_SIDECAR_CONFIG,
  KEYSERVICE_TOKEN_FILE,
  PRIVATE_MOUNT_PATH,
  PUBLIC_MOUNT_PATH,
  RUN_MOUNT_PATH,
  SEALED_DIRECTORY,
  SIDECAR_CONTAINER,
  SIDECAR_UID,
  VOLUME_PRIVATE,
  VOLUME_PUBLIC,
  VOLUME_RUN,
} from '@seks/crds';
import type { InjectionConfig } from '@seks/crds';

import { canonicalJson } from './canonical-json.ts';
import type { RawContainer, RawVolume, RawVolumeMount } from './raw-pod.ts';

/** seconds that the kubelet waits for readiness: more than the 120 s after which the sidecar itself gives up */
const STARTUP_SECONDS = 180;
const KEYSERVICE_TOKEN_SECONDS = 3600;
/** readable by every UID: which container mounts the volume is the control, not the mode */
const PRIVATE_MODE = 0o444;

/** how every other container may mount what the sidecar publishes */
export const PUBLIC_MOUNT: RawVolumeMount = {
  name: VOLUME_PUBLIC,
  mountPath: PUBLIC_MOUNT_PATH,
  readOnly: true,
};

/** the sidecar container; native (KEP 753), so it starts before and ends after every other container */
export function buildSidecar(config: InjectionConfig): RawContainer {
  const { image, imagePullPolicy, resources } = config.sidecar;
  // The API server would copy limits into missing requests; doing it here leaves it nothing to do.
  const requests = { ...resources.limits, ...resources.requests };
  return {
    name: SIDECAR_CONTAINER,
    image,
    imagePullPolicy,
    restartPolicy: 'Always',
    env: [
      // The kubelet expands $(NAME) in values, and turns $$ into $.
      { name: ENV_SIDECAR_CONFIG, value: canonicalJson(config).replaceAll('$', '$$$$') },
      downward('POD_NAME', 'metadata.name'),
      downward('POD_NAMESPACE', 'metadata.namespace'),
      downward('POD_UID', 'metadata.uid'),
      // Set and empty, so that nothing else can set it: it could open a debugger in the pod's network namespace.
      { name: 'NODE_OPTIONS' },
    ],
    ports: [{ name: ADMIN_PORT_NAME, containerPort: ADMIN_PORT, protocol: 'TCP' }],
    resources: {
      ...(isEmpty(resources.limits) ? {} : { limits: resources.limits }),
      ...(isEmpty(requests) ? {} : { requests }),
    },
    startupProbe: probe('/readyz', {
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: STARTUP_SECONDS,
    }),
    livenessProbe: probe('/healthz', { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: SIDECAR_UID,
      runAsNonRoot: true,
      runAsUser: SIDECAR_UID,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePath: '/dev/termination-log',
    // FallbackToLogsOnError would copy the end of the log into the pod's status.
    terminationMessagePolicy: 'File',
    volumeMounts: [
      { name: VOLUME_PRIVATE, mountPath: PRIVATE_MOUNT_PATH, readOnly: true },
      { name: VOLUME_RUN, mountPath: RUN_MOUNT_PATH },
      { name: VOLUME_PUBLIC, mountPath: PUBLIC_MOUNT_PATH },
    ],
  };
}

/**
 * The sidecar's volumes. The first holds its key service token and the named keys of its sealed Secrets, each of which may be
 * missing. The others are written by the sidecar: its own certificate with its key, and the certificates for the agent.
 */
export function buildVolumes(config: InjectionConfig): RawVolume[] {
  const secrets = [...sealedKeys(config)].map(([name, keys]) => ({
    secret: {
      name,
      optional: true,
      items: keys.map((key) => ({ key, path: `${SEALED_DIRECTORY}/${name}/${key}` })),
    },
  }));
  const serviceAccountToken = {
    audience: AUDIENCE_KEYSERVICE,
    expirationSeconds: KEYSERVICE_TOKEN_SECONDS,
    path: KEYSERVICE_TOKEN_FILE,
  };
  return [
    {
      name: VOLUME_PRIVATE,
      projected: { defaultMode: PRIVATE_MODE, sources: [...secrets, { serviceAccountToken }] },
    },
    // In memory: neither the certificate's key nor anything else of ours is ever on a disk (S1). The CA's key is in no file at all.
    { name: VOLUME_RUN, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: VOLUME_PUBLIC, emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
  ];
}

/** names of the containers that get a credential */
export function servedContainers(config: InjectionConfig): Set<string> {
  return new Set(
    config.bindings.flatMap(({ credentials }) =>
      credentials.flatMap(({ tokens }) => tokens.map(({ container }) => container)),
    ),
  );
}

/** Secrets that the config names, with their keys, both sorted */
export function sealedKeys(config: InjectionConfig): Map<string, string[]> {
  const keys = new Map<string, Set<string>>();
  for (const source of config.bindings.flatMap(({ credentials }) => credentials.flatMap((c) => c.sources))) {
    const known = keys.get(source.secret);
    if (known === undefined) keys.set(source.secret, new Set([source.key]));
    else known.add(source.key);
  }
  return new Map(
    [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, set]) => [name, [...set].sort()]),
  );
}

function downward(name: string, fieldPath: string): RawContainer {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

function probe(path: string, times: Record<string, number>): Record<string, unknown> {
  return { httpGet: { path, port: ADMIN_PORT, scheme: 'HTTP' }, successThreshold: 1, ...times };
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
