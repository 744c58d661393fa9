// Agents with their keys and bindings, as the test files need them.
import { createHash } from 'node:crypto';
import { CHAT_PROVIDERS, type ChatProviderName } from '../upstream/provider-stub.ts';
import { readyAgent } from './agent.ts';
import { isReady, type LiveObject, type Pod, type Target } from './kubectl.ts';
import {
  AGENT_CONTAINER,
  agentPod,
  credential,
  IDLE,
  seksBinding,
  type CredentialSpec,
  type PodOptions,
} from './objects.ts';
import { sealSecret } from './sealing.ts';
import { NAMESPACE, type Suite } from './suite.ts';

export interface AgentSetup {
  /** name of pod, binding and label */
  readonly app: string;
  /** default: the one that all files share */
  readonly namespace?: string;
  /** each has a credential with the key that the stub takes; default: openai */
  readonly providers?: readonly ChatProviderName[];
  /** further fields of each credential */
  readonly credential?: Partial<CredentialSpec>;
  /** further fields of the binding's spec */
  readonly binding?: Readonly<Record<string, unknown>>;
  readonly pod?: Partial<PodOptions>;
}

/** name of the sealed Secret of an agent */
export const secretOf = (app: string): string => `${app}-keys`;

/** a fresh pod with its own sealed keys and binding, ready to be worked with */
export async function startAgent(suite: Suite, setup: AgentSetup): Promise<Target> {
  const { app, namespace } = setup;
  // In a namespace of the test's own nothing is left of an earlier run.
  if (namespace === undefined) await removeAgent(suite, app);
  await prepareAgent(suite, setup);
  await suite.kubectl.apply(podOf(suite, setup));
  return readyAgent(suite.kubectl, namespace ?? NAMESPACE, app);
}

/** sealed keys and binding alone */
export async function prepareAgent(suite: Suite, setup: AgentSetup): Promise<void> {
  const { app, namespace = NAMESPACE, providers = ['openai'], binding: spec = {} } = setup;
  const secret = secretOf(app);
  const credentials = providers.map((provider) => ({ ...credential(provider, secret), ...setup.credential }));
  await suite.kubectl.apply(
    await sealedKeys(suite, { namespace, secret, providers }),
    seksBinding({ name: app, namespace, app, credentials, spec }),
  );
}

export function podOf(suite: Suite, setup: AgentSetup): ReturnType<typeof agentPod> {
  const { app, namespace = NAMESPACE, pod } = setup;
  return agentPod({ name: app, namespace, image: suite.images.agent, command: IDLE, ...pod });
}

/** pod, binding and Secret in the shared namespace; waits until they are gone */
export async function removeAgent({ kubectl }: Suite, app: string): Promise<void> {
  await kubectl.run([
    'delete',
    'pod,seksbinding,secret',
    '-n',
    NAMESPACE,
    '--ignore-not-found',
    '--wait',
    app,
    secretOf(app),
  ]);
}

/** the sealed Secrets of all providers' keys, merged into one */
async function sealedKeys(
  { kubectl, stub }: Suite,
  at: {
    readonly namespace: string;
    readonly secret: string;
    readonly providers: readonly ChatProviderName[];
  },
): Promise<object> {
  const { namespace, secret, providers } = at;
  const sealed = await Promise.all(
    providers.map((provider) =>
      sealSecret(kubectl, { provider, namespace, secret, key: provider, plaintext: stub.keys[provider] }),
    ),
  );
  const merge = (part: 'data' | 'stringData'): object => Object.assign({}, ...sealed.map((one) => one[part]));
  return { ...sealed[0], data: merge('data'), stringData: merge('stringData') };
}

/** one agent with all four providers that several files share, as starting pods is what takes the time */
export async function everydayAgent(suite: Suite): Promise<Target> {
  const app = 'everyday';
  const hash = createHash('sha256')
    .update(JSON.stringify([suite.images, suite.stub.keys]))
    .digest('hex');
  const annotation = 'seks-test/made-for';
  const [pod, binding] = await Promise.all([
    suite.kubectl.get<Pod>('pod', app, NAMESPACE),
    suite.kubectl.get<LiveObject>('seksbinding', app, NAMESPACE),
  ]);
  const isBound = binding?.status?.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  );
  const isCurrent = pod !== undefined && isReady(pod) && pod.metadata.annotations?.[annotation] === hash;
  if (isCurrent && isBound === true) {
    return { namespace: NAMESPACE, pod: app, container: AGENT_CONTAINER };
  }
  // A loop, so that the container has a process that used the tokens.
  const command = ['node', 'loop.mjs'];
  return startAgent(suite, {
    app,
    providers: CHAT_PROVIDERS,
    pod: { command, annotations: { [annotation]: hash } },
  });
}
