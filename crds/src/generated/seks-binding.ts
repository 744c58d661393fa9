// Generated from crds/manifests/seksbindings.yaml by `npm run generate`; change that, not this.
import type { ObjectMeta } from '../object-meta.ts';

/** Lets the selected pods use API keys that they never see. */
export interface SeksBinding {
  apiVersion: 'seks.ai/v1alpha1';
  kind: 'SeksBinding';
  metadata: ObjectMeta;
  /** Which pods may use which credentials, and how. */
  spec: SeksBindingSpec;
  /** What the operator observed; written by the operator only. */
  status?: SeksBindingStatus;
}

/** Which pods may use which credentials, and how. */
export interface SeksBindingSpec {
  /** Name of the agent in metrics and audit. Defaults to the binding's name. */
  agent?: string;
  /**
   * Pods of this namespace that get the credentials, by label. An empty selector is refused: it would hand
   * the keys to every pod. Pods are injected when they are created, in namespaces that have the label
   * seks.ai/injection=enabled.
   */
  podSelector: SeksPodSelector;
  /** Only pods that run as this ServiceAccount. Omitted means any. */
  serviceAccountName?: string;
  /** The API keys that the pods may use, one entry for each provider account. */
  credentials: SeksCredential[];
  /** true stops every use of the binding's credentials at once, in running pods too. */
  suspend?: boolean;
  /** Time after which the credentials can no longer be used. */
  expiresAt?: string;
}

/**
 * Pods of this namespace that get the credentials, by label. An empty selector is refused: it would hand
 * the keys to every pod. Pods are injected when they are created, in namespaces that have the label
 * seks.ai/injection=enabled.
 */
export interface SeksPodSelector {
  /** Labels that a pod must have, each with its value. */
  matchLabels?: Record<string, string>;
  /** Further requirements on labels; all must hold. */
  matchExpressions?: Array<{
    /** Label key. */
    key: string;
    /** In and NotIn need values; Exists and DoesNotExist take none. */
    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    /** Values for In and NotIn. */
    values?: string[];
  }>;
}

export interface SeksCredential {
  /** Name of the credential, unique in the binding. */
  name: string;
  /** Built-in provider, e.g. openai, or the name of a SeksProvider. */
  provider: string;
  /**
   * Containers that get this credential's token and variables. Omitted means all containers and init
   * containers of the pod except the sidecar.
   */
  containers?: string[];
  /**
   * Where the real key comes from, in order: the first source whose Secret has the key wins. A source that
   * is present but cannot be opened is an error, never a reason to take the next.
   */
  sources: SeksSource[];
  /**
   * Routes that the agent may call. Omitted means the provider's default; an empty list allows nothing.
   * Routes that the provider denies stay denied.
   */
  allow?: Array<{
    /** HTTP methods. Omitted means every method. */
    methods?: Array<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'>;
    /** Hosts among the provider's upstreams, as written there. Omitted means all of them. */
    hosts?: string[];
    /** Upstream paths. * stands for anything within a segment, ** for anything across segments. */
    paths: string[];
  }>;
  /**
   * Models that the agent may use; * stands for anything. Omitted means every model. Requests that could use
   * a model but name none are refused.
   */
  models?: string[];
  /** Limits of each pod for this credential. Days are UTC days. */
  limits?: {
    /** Requests in a minute. */
    requestsPerMinute?: number;
    /** Requests at the same time. */
    concurrentRequests?: number;
    /** Tokens in a day as the provider reports them, guessed where it does not. */
    tokensPerDay?: number;
    /** US dollars in a day, by the provider document's prices. Models without a price are refused. */
    usdPerDay?: string;
  };
  /**
   * How requests come to the sidecar, instead of the provider's choice. BaseURL sets variables, HostAlias
   * the pod's /etc/hosts, Proxy HTTPS_PROXY.
   */
  intercept?: Array<'BaseURL' | 'HostAlias' | 'Proxy'>;
  /** Values for the provider's parameters, e.g. the resource of azure-openai. */
  parameters?: Record<string, string>;
  /** Names of the variables to set, instead of the provider's. */
  env?: {
    /** Variables that get the fake token. */
    key: string[];
    /** Variables that get the sidecar's base URL for this provider. Omitted means none. */
    baseUrl?: string[];
  };
}

export interface SeksSource {
  /** Whose key it is; shown in metrics and audit. */
  tier: 'user' | 'builder';
  /** Key of a sealed Secret in the binding's namespace. */
  secretRef: {
    /** Name of the Secret. */
    name: string;
    /** Key in the Secret's data. */
    key: string;
  };
}

/** What the operator observed; written by the operator only. */
export interface SeksBindingStatus {
  /** Generation that the status is about. */
  observedGeneration?: number;
  /**
   * Ready summarises. Sealed tells whether the sidecars could open the sealed keys; it is Unknown until a
   * first pod asked. PodsCurrent is False while pods run with an older binding.
   */
  conditions?: SeksCondition[];
  /** Pods that the binding selects. */
  pods?: {
    /** Live pods that the selector matches. */
    matched?: number;
    /** Those of them that carry this binding's injection. */
    injected?: number;
    /** Injected pods that need a restart to get the current binding. */
    outdated?: number;
  };
}

export interface SeksCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  observedGeneration?: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}
