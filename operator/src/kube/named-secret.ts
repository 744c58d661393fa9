// One Secret of our own namespace as a small compare-and-swap store: the CA, the signing keys, the local KMS's keys.
import type { KubeApi } from './kube-api.ts';
import { SECRETS } from './resources.ts';

/** read, create, replace; a lost race is a ConflictError */
export interface NamedSecret {
  read(signal?: AbortSignal): Promise<{ data: Record<string, Buffer>; resourceVersion: string } | undefined>;
  create(data: Record<string, Buffer>, signal?: AbortSignal): Promise<void>;
  replace(data: Record<string, Buffer>, resourceVersion: string, signal?: AbortSignal): Promise<void>;
}

/** the Secret of that name, whether it exists or not */
export function namedSecret(
  api: KubeApi,
  place: { namespace: string; name: string; component: string },
): NamedSecret {
  const name = { namespace: place.namespace, name: place.name };
  const metadata = {
    ...name,
    labels: {
      'app.kubernetes.io/name': 'seks',
      'app.kubernetes.io/component': place.component,
      'app.kubernetes.io/managed-by': 'seks-operator',
    },
  };
  return {
    async read(signal) {
      const secret = await api.get(SECRETS, name, signal);
      if (secret === undefined) return undefined;
      const data = Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
      );
      return { data, resourceVersion: secret.metadata.resourceVersion ?? '' };
    },
    async create(data, signal) {
      await api.create(SECRETS, { metadata, type: 'Opaque', data: encode(data) }, place, signal);
    },
    async replace(data, resourceVersion, signal) {
      const body = { metadata: { ...metadata, resourceVersion }, type: 'Opaque', data: encode(data) };
      await api.replace(SECRETS, name, body, signal);
    },
  };
}

function encode(data: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value.toString('base64')]));
}
