// The chart's admission policies under other names and for one namespace only, so that neither an installed chart nor another test
// is touched.
import { waitUntil } from '../cluster/wait-until.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kubectl, mustKubectl, renderChart, temporaryNamespace } from './kubernetes.ts';
import { injectedPod, type Pod } from './sample-pods.ts';

/** what a policy also refuses here, so that it can be seen to work */
const CANARIES: Record<string, string> = {
  'seks-injected-pods': "object.metadata.?labels[?'seks-it-canary'].orValue('') != 'seks-injected-pods'",
  'seks-token-volumes': "object.metadata.?labels[?'seks-it-canary'].orValue('') != 'seks-token-volumes'",
  'seks-token-requests': "!('canary' in object.spec.?audiences.orValue([]))",
};

/** what the API server made of a request */
export interface Answer {
  accepted: boolean;
  message: string;
}

export const ACCEPTED: Answer = { accepted: true, message: '' };
export const DRY_RUN = '--dry-run=server';

export interface OwnPolicies {
  readonly namespace: string;
  /** the image that they allow for the sidecar */
  readonly image: string;
  /** policies and bindings, as they are installed */
  readonly installed: readonly KubernetesObject[];
  /** the pod as our webhook leaves it */
  sample(): Pod;
  /** a pod at its creation, which is not carried out */
  create(pod: Pod): Promise<Answer>;
  inNamespace(...args: string[]): ReturnType<typeof kubectl>;
  remove(): Promise<void>;
}

/** installs them, and waits until they work */
export async function installPolicies(): Promise<OwnPolicies> {
  const temporary = await temporaryNamespace();
  const namespace = temporary.name;
  const image = (await imageOfInstalledPolicy()) ?? 'registry.example/seks-sidecar:1';
  const rendered = await renderChart(namespace, [`sidecar.additionalAllowedImages[0]=${image}`]);
  const installed = rendered.flatMap((object) => forNamespace(object, namespace));
  const list = { apiVersion: 'v1', kind: 'List', items: installed };
  const inNamespace = (...args: string[]) => kubectl(['-n', namespace, ...args]);
  const policies: OwnPolicies = {
    namespace,
    image,
    installed,
    sample: () => injectedPod(namespace, image),
    create: async (pod) => answerOf(await kubectl(['-n', namespace, 'create', DRY_RUN, '-f', '-'], pod)),
    inNamespace,
    async remove() {
      await mustKubectl(['delete', '--ignore-not-found', '-f', '-'], list);
      await temporary.remove();
    },
  };
  try {
    await mustKubectl(['create', '-f', '-'], list);
    await untilTheyWork(policies);
  } catch (error) {
    await policies.remove();
    throw error;
  }
  return policies;
}

export function answerOf(result: { code: number; stderr: string }): Answer {
  return result.code === 0 ? ACCEPTED : { accepted: false, message: result.stderr };
}

/** an installed chart refuses other images than its own, also in our namespace: then the sample pods take that */
async function imageOfInstalledPolicy(): Promise<string | undefined> {
  const { stdout } = await kubectl(['get', 'validatingadmissionpolicy', 'seks-injected-pods', '-o', 'yaml']);
  return /\.image in \["([^"]+)"/.exec(stdout)?.[1];
}

/** the policy under a name of its own and with a canary, or its binding for our namespace only */
function forNamespace(object: KubernetesObject, namespace: string): KubernetesObject[] {
  const ownName = (name: string): string => `${namespace}-${name}`;
  const { name } = object.metadata;
  const metadata = { name: ownName(name) };
  if (object.kind === 'ValidatingAdmissionPolicy') {
    const spec = object['spec'] as { validations: object[] };
    const canary = CANARIES[name];
    const validations = canary === undefined ? [] : [{ expression: canary, message: `${name} works` }];
    return [{ ...object, metadata, spec: { ...spec, validations: [...spec.validations, ...validations] } }];
  }
  if (object.kind === 'ValidatingAdmissionPolicyBinding') {
    const spec = object['spec'] as { policyName: string };
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    const matchResources = { namespaceSelector };
    return [{ ...object, metadata, spec: { ...spec, policyName: ownName(spec.policyName), matchResources } }];
  }
  return [];
}

/**
 * The API server takes a moment to load a new policy. Policies of an installed chart would refuse what ours refuse, so those
 * of ours also refuse something that is in order. The last one to be created is among them: with it the others are there, too.
 */
async function untilTheyWork(policies: OwnPolicies): Promise<void> {
  for (const policy of ['seks-injected-pods', 'seks-token-volumes']) {
    const pod = policies.sample();
    pod.metadata.labels['seks-it-canary'] = policy;
    await waitUntil(async () => (await policies.create(pod)).message.includes(`${policy} works`), {
      what: `policy ${policy}`,
      timeoutMs: 60_000,
      intervalMs: 500,
    });
  }
  await waitUntil(
    async () => {
      const answer = await policies.inNamespace('create', 'token', 'default', '--audience=canary');
      return answer.stderr.includes('seks-token-requests works');
    },
    { what: 'policy seks-token-requests', timeoutMs: 60_000, intervalMs: 500 },
  );
}
