// The objects that a user of SEKS writes, in the shape that the demo and the tests need.

export interface AgentPodSpec {
  readonly image: string;
  /** default: the image's loop of requests */
  readonly command?: readonly string[];
  readonly serviceAccountName?: string;
  /** merged into the container */
  readonly container?: Readonly<Record<string, unknown>>;
  /** merged into the pod's spec */
  readonly pod?: Readonly<Record<string, unknown>>;
}

export const AGENT_CONTAINER = 'agent';
/** a container that waits for `kubectl exec` */
export const IDLE = ['sleep', 'infinity'] as const;

export function optedInNamespace(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'seks.ai/injection': 'enabled' } },
  };
}

/** spec of a pod with one container, which runs as root as the image says */
export function agentPodSpec(agent: AgentPodSpec): Record<string, unknown> {
  return {
    enableServiceLinks: false,
    // A loop of requests has nothing to finish.
    terminationGracePeriodSeconds: 1,
    ...(agent.serviceAccountName === undefined ? {} : { serviceAccountName: agent.serviceAccountName }),
    containers: [
      {
        name: AGENT_CONTAINER,
        image: agent.image,
        imagePullPolicy: 'IfNotPresent',
        ...(agent.command === undefined ? {} : { command: agent.command }),
        ...agent.container,
      },
    ],
    ...agent.pod,
  };
}

export interface PodOptions extends AgentPodSpec {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PodObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** a pod `app: <name>` that refuses to start bare */
export function agentPod(options: PodOptions): PodObject {
  const { name, namespace, labels, annotations } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: labels ?? { app: name, 'seks.ai/inject': 'true' },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: { restartPolicy: 'Never', ...agentPodSpec(options) },
  };
}

export function agentDeployment(options: PodOptions): object {
  const { name, namespace, annotations } = options;
  const labels = options.labels ?? { app: name, 'seks.ai/inject': 'true' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: labels['app'] } },
      // The old pod goes first: two agents would mix up what the provider sees.
      strategy: { type: 'Recreate' },
      template: {
        metadata: { labels, ...(annotations === undefined ? {} : { annotations }) },
        spec: agentPodSpec(options),
      },
    },
  };
}

export interface CredentialSpec {
  readonly name: string;
  readonly provider: string;
  readonly sources: readonly {
    readonly tier: string;
    readonly secretRef: { readonly name: string; readonly key: string };
  }[];
  readonly env?: { readonly key: readonly string[]; readonly baseUrl?: readonly string[] };
  readonly containers?: readonly string[];
  readonly intercept?: readonly string[];
  readonly limits?: Readonly<Record<string, number | string>>;
  readonly allow?: readonly { readonly methods?: readonly string[]; readonly paths: readonly string[] }[];
}

export interface BindingOptions {
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly credentials: readonly CredentialSpec[];
  readonly spec?: Readonly<Record<string, unknown>>;
}

export function seksBinding({ name, namespace, app, credentials, spec }: BindingOptions): object {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksBinding',
    metadata: { name, namespace },
    spec: { podSelector: { matchLabels: { app } }, credentials, ...spec },
  };
}

/** a credential with the provider's own variables and one source */
export function credential(provider: string, secret: string, key: string = provider): CredentialSpec {
  return { name: provider, provider, sources: [{ tier: 'user', secretRef: { name: secret, key } }] };
}
