// Where each kind of object lives in the API, with the type of its objects.
import { API_GROUP, API_VERSION } from '@seks/crds';
import type { SeksBinding, SeksProvider } from '@seks/crds';

import type {
  ConfigMap,
  KubeEvent,
  KubeSecret,
  MutatingWebhookConfiguration,
  Pod,
  TokenReview,
} from './objects.ts';

/** one kind of object; `T` is its type and exists for the compiler only */
export interface Resource<T> {
  /** empty for the core group */
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
  readonly objectType?: T;
}

export const PODS: Resource<Pod> = core('pods', 'Pod');
export const CONFIG_MAPS: Resource<ConfigMap> = core('configmaps', 'ConfigMap');
export const SECRETS: Resource<KubeSecret> = core('secrets', 'Secret');
export const EVENTS: Resource<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
export const TOKEN_REVIEWS: Resource<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
};
export const MUTATING_WEBHOOKS: Resource<MutatingWebhookConfiguration> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
};
export const SEKS_BINDINGS: Resource<SeksBinding> = {
  group: API_GROUP,
  version: API_VERSION,
  plural: 'seksbindings',
  kind: 'SeksBinding',
  namespaced: true,
};
export const SEKS_PROVIDERS: Resource<SeksProvider> = {
  group: API_GROUP,
  version: API_VERSION,
  plural: 'seksproviders',
  kind: 'SeksProvider',
  namespaced: false,
};

/** `apiVersion` field of the resource's objects */
export function apiVersionOf(resource: Resource<unknown>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** path of the collection, or of one object or subresource in it */
export function pathOf(
  resource: Resource<unknown>,
  place: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
): string {
  const root =
    resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const parts = [root];
  if (resource.namespaced && place.namespace !== undefined) {
    parts.push('namespaces', encodeURIComponent(place.namespace));
  }
  parts.push(resource.plural);
  if (place.name !== undefined) parts.push(encodeURIComponent(place.name));
  if (place.subresource !== undefined) parts.push(place.subresource);
  return parts.join('/');
}

function core<T>(plural: string, kind: string): Resource<T> {
  return { group: '', version: 'v1', plural, kind, namespaced: true };
}
