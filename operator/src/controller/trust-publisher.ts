// Publishes what others need in order to trust us: the ConfigMap with CA bundle and injection keys, and the caBundle of the
// webhook configuration. Both are put right again whenever they, or what they are made of, change.
import type { JsonWebKey } from 'node:crypto';

import { TRUST_CA_KEY, TRUST_CONFIG_MAP, TRUST_INJECTION_KEYS_KEY } from '@seks/crds';
import type { Logger } from 'pino';

import { formatKeySet } from '../injection/index.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import type { ConfigMap, MutatingWebhookConfiguration } from '../kube/objects.ts';
import { CONFIG_MAPS, MUTATING_WEBHOOKS } from '../kube/resources.ts';
import type { Store } from '../kube/store.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import type { QueueObserver } from '../kube/work-queue.ts';
import { FIELD_MANAGER } from './binding-controller.ts';

export const WEBHOOK_CONFIGURATION = 'seks-webhook';
export const WEBHOOK_NAME = 'inject.seks.ai';

export interface TrustPublisherDeps {
  api: Pick<KubeApi, 'apply'>;
  namespace: string;
  /** the release namespace's ConfigMaps, at least the trust one */
  configMaps: Store<ConfigMap>;
  webhooks: Store<MutatingWebhookConfiguration>;
  caBundle: () => string;
  injectionKeys: () => readonly JsonWebKey[];
  clock: () => number;
  random: () => number;
  log: Logger;
  observer?: QueueObserver;
}

/** a publisher that does nothing until it is run */
export function createTrustPublisher(deps: TrustPublisherDeps): {
  run(signal: AbortSignal): Promise<void>;
  /** publishes again; call it when the CA or the keys changed */
  refresh(): void;
  /** whether the ConfigMap has been right at least once: pods injected before that could not be verified */
  published(): boolean;
} {
  const { api, namespace, configMaps, webhooks, log } = deps;
  let isPublished = false;

  async function publishConfigMap(signal: AbortSignal): Promise<void> {
    const data = {
      [TRUST_CA_KEY]: deps.caBundle(),
      [TRUST_INJECTION_KEYS_KEY]: formatKeySet(deps.injectionKeys()),
    };
    const found = configMaps.get(namespace, TRUST_CONFIG_MAP)?.data;
    if (Object.entries(data).some(([key, value]) => found?.[key] !== value)) {
      const labels = {
        'app.kubernetes.io/name': 'seks',
        'app.kubernetes.io/component': 'controller',
        'app.kubernetes.io/managed-by': 'seks-operator',
      };
      const name = { namespace, name: TRUST_CONFIG_MAP };
      await api.apply(
        CONFIG_MAPS,
        name,
        { metadata: { labels }, data },
        { fieldManager: FIELD_MANAGER },
        signal,
      );
      log.info(
        { event: 'trust_published', configMap: TRUST_CONFIG_MAP },
        'published CA bundle and injection keys',
      );
    }
    isPublished = true;
  }

  async function publishWebhook(signal: AbortSignal): Promise<void> {
    const entry = webhooks
      .get(undefined, WEBHOOK_CONFIGURATION)
      ?.webhooks?.find((webhook) => webhook.name === WEBHOOK_NAME);
    // The chart makes the configuration. Applying to one that is not there would create a broken one.
    if (entry === undefined) return;
    const caBundle = Buffer.from(deps.caBundle()).toString('base64');
    if (entry.clientConfig?.caBundle === caBundle) return;
    const patch = { webhooks: [{ name: WEBHOOK_NAME, clientConfig: { caBundle } }] };
    await api.apply(
      MUTATING_WEBHOOKS,
      { name: WEBHOOK_CONFIGURATION },
      patch,
      { fieldManager: FIELD_MANAGER },
      signal,
    );
    log.info(
      { event: 'ca_bundle_written', webhook: WEBHOOK_CONFIGURATION },
      'wrote the CA bundle of the webhook',
    );
  }

  const queue = createWorkQueue({
    process: async (key, signal) =>
      await (key === 'webhook' ? publishWebhook(signal) : publishConfigMap(signal)),
    workers: 2,
    clock: deps.clock,
    random: deps.random,
    log,
    ...(deps.observer === undefined ? {} : { observer: deps.observer }),
  });

  function refresh(): void {
    queue.add('config-map');
    queue.add('webhook');
  }

  return {
    refresh,
    published: () => isPublished,
    async run(signal) {
      const stops = [
        configMaps.subscribe(() => queue.add('config-map')),
        webhooks.subscribe(() => queue.add('webhook')),
      ];
      refresh();
      await queue.run(signal);
      for (const stop of stops) stop();
    },
  };
}
