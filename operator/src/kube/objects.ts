// The Kubernetes objects that we touch, as they stand in JSON (times are strings), and only the fields that we read.

import type { ObjectMeta } from '@seks/crds';

import type { RawPod } from '../injection/index.ts';

/** what every stored object must have; loose, so that types of other packages fit too */
export interface KubeObject {
  metadata?:
    | {
        name?: string | undefined;
        namespace?: string | undefined;
        uid?: string | undefined;
        resourceVersion?: string | undefined;
      }
    | undefined;
}

/** name of one object; without a namespace for cluster-scoped ones */
export interface ObjectName {
  namespace?: string | undefined;
  name: string;
}

/** a pod that the API server has stored */
export type Pod = RawPod & {
  metadata: ObjectMeta & NonNullable<RawPod['metadata']>;
  status?: { phase?: string };
};

export interface ConfigMap {
  metadata: ObjectMeta;
  data?: Record<string, string>;
}

/** a core/v1 Secret; values are base64 */
export interface KubeSecret {
  metadata: ObjectMeta;
  type?: string;
  data?: Record<string, string>;
}

export interface MutatingWebhookConfiguration {
  metadata: ObjectMeta;
  webhooks?: { name: string; clientConfig?: { caBundle?: string } }[];
}

export interface TokenReview {
  metadata?: { name?: string };
  spec: { token: string; audiences: string[] };
  status?: {
    authenticated?: boolean;
    audiences?: string[];
    error?: string;
    user?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
  };
}

/** an event of events.k8s.io/v1 */
export interface KubeEvent {
  metadata: { generateName?: string; name?: string; namespace: string };
  eventTime: string;
  type: 'Normal' | 'Warning';
  reason: string;
  action: string;
  note: string;
  reportingController: string;
  reportingInstance: string;
  regarding: {
    apiVersion: string;
    kind: string;
    namespace?: string | undefined;
    name: string;
    uid?: string | undefined;
    resourceVersion?: string | undefined;
  };
}
