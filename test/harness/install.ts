// The product in the cluster, through its Helm chart, as a user installs it.
import { join } from 'node:path';
import { SEALING_CONFIG_MAP } from '@seks/crds';
import { attempt, run } from '../cluster/command.ts';
import { StepFailed } from '../cluster/failures.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { contentHash } from './content-hash.ts';
import { repositoryDir, type TestImages } from './images.ts';
import type { KubeObject } from './kubectl.ts';

export const SYSTEM_NAMESPACE = 'seks-system';
export const RELEASE = 'seks';
export const DEPLOYMENTS = ['seks-operator', 'seks-keyservice'] as const;
const HASH_ANNOTATION = 'seks-test/values-hash';
const readyTimeoutMs = 180_000;

export interface ChartSettings {
  /** chart value keyservice.leaseTtlSeconds */
  readonly leaseTtlSeconds?: number;
}

/** installs or upgrades the chart with these images, and waits until it is ready; quick when it already is */
export async function ensureInstalled(
  access: ClusterAccess,
  images: TestImages,
  settings: ChartSettings = {},
): Promise<void> {
  const { kubectl, helm, context } = access;
  const values = chartValues(images, settings);
  const hash = contentHash(repositoryDir, ['charts/seks']) + JSON.stringify(values);
  const namespace = await kubectl.get<KubeObject>('namespace', SYSTEM_NAMESPACE);
  if (namespace?.metadata.annotations?.[HASH_ANNOTATION] !== hash) {
    await context.progress.step('helm upgrade --install seks', async () => {
      await run(
        helm,
        [
          'upgrade',
          '--install',
          RELEASE,
          join(repositoryDir, 'charts', 'seks'),
          '--namespace',
          SYSTEM_NAMESPACE,
          '--create-namespace',
          '--values',
          '-',
        ],
        { env: { KUBECONFIG: kubectl.kubeconfig }, input: JSON.stringify(values) },
      );
      await kubectl.run([
        'annotate',
        'namespace',
        SYSTEM_NAMESPACE,
        '--overwrite',
        `${HASH_ANNOTATION}=${hash}`,
      ]);
    });
  }
  await waitUntilReady(access);
}

/** waits until the Deployments are rolled out, the webhook is trusted and the sealing key is published */
export async function waitUntilReady({ kubectl, context }: ClusterAccess): Promise<void> {
  await context.progress.step('SEKS is ready', async (note) => {
    for (const deployment of DEPLOYMENTS) {
      note(deployment);
      // A run that was killed while it tested an outage left it so; a rollout of nothing counts as done.
      const { spec } = (await kubectl.get<Deployment>('deployment', deployment, SYSTEM_NAMESPACE)) ?? {};
      if (spec?.replicas === 0) {
        await kubectl.run(['scale', 'deployment', deployment, '-n', SYSTEM_NAMESPACE, '--replicas=1']);
      }
      const rollout = await kubectl.attempt(
        [
          'rollout',
          'status',
          `deployment/${deployment}`,
          '-n',
          SYSTEM_NAMESPACE,
          `--timeout=${readyTimeoutMs}ms`,
        ],
        { timeoutMs: readyTimeoutMs + 10_000 },
      );
      if (rollout.code !== 0) throw await diagnosis(deployment, rollout.stderr, kubectl);
    }
    note('webhook and sealing key');
    await waitUntil(
      async () => {
        const webhook = await kubectl.get<WebhookConfiguration>(
          'mutatingwebhookconfiguration',
          'seks-webhook',
        );
        const trusted =
          webhook?.webhooks?.every(({ clientConfig }) => (clientConfig.caBundle ?? '') !== '') === true;
        return (
          trusted && (await kubectl.get('configmap', SEALING_CONFIG_MAP, SYSTEM_NAMESPACE)) !== undefined
        );
      },
      { what: 'the webhook’s CA bundle and the sealing key', timeoutMs: readyTimeoutMs, intervalMs: 500 },
    );
  });
}

/** removes the release, its CRDs with every binding, and its namespace */
export async function uninstall({ kubectl, helm }: ClusterAccess): Promise<void> {
  await attempt(helm, ['uninstall', RELEASE, '-n', SYSTEM_NAMESPACE, '--ignore-not-found', '--wait'], {
    env: { KUBECONFIG: kubectl.kubeconfig },
  });
  await kubectl.delete('crd', ['seksbindings.seks.ai', 'seksproviders.seks.ai']);
  await kubectl.delete('namespace', [SYSTEM_NAMESPACE]);
}

interface Deployment extends KubeObject {
  readonly spec: { readonly replicas?: number };
}

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

function chartValues(images: TestImages, settings: ChartSettings): object {
  return {
    image: imageValue(images.operator),
    sidecar: { image: imageValue(images.sidecar) },
    keyservice: {
      // One is enough on one node, and its outage is then complete.
      replicas: 1,
      podDisruptionBudget: { enabled: false },
      ...(settings.leaseTtlSeconds === undefined ? {} : { leaseTtlSeconds: settings.leaseTtlSeconds }),
    },
  };
}

function imageValue(reference: string): { repository: string; tag: string; pullPolicy: string } {
  const colon = reference.lastIndexOf(':');
  return {
    repository: reference.slice(0, colon),
    tag: reference.slice(colon + 1),
    pullPolicy: 'IfNotPresent',
  };
}

async function diagnosis(
  deployment: string,
  message: string,
  kubectl: ClusterAccess['kubectl'],
): Promise<StepFailed> {
  const [pods, logs] = await Promise.all([
    kubectl.attempt(['get', 'pods', '-n', SYSTEM_NAMESPACE, '-o', 'wide']),
    kubectl.attempt(['logs', `deployment/${deployment}`, '-n', SYSTEM_NAMESPACE, '--tail=20']),
  ]);
  return new StepFailed(
    `${deployment} did not become ready: ${message.trim()}\n${pods.stdout}${logs.stdout}${logs.stderr}`,
  );
}
