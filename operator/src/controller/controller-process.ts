// The controller process put together: webhook, binding controller and trust publisher around shared caches.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import type { Server } from 'node:https';

import { CA_SECRET, INJECTION_SIGNER_SECRET, TRUST_CONFIG_MAP } from '@seks/crds';
import type { Logger } from 'pino';

import { createCertificateAuthority, createInjectionSigner, keepServingCertificate } from '../certs/index.ts';
import { serviceNames } from '../config.ts';
import type { ControllerConfig } from '../config.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import { namedSecret } from '../kube/named-secret.ts';
import { createProviderCache } from '../kube/provider-cache.ts';
import { dropManagedFields } from '../kube/prune.ts';
import { createReflector } from '../kube/reflector.ts';
import { CONFIG_MAPS, MUTATING_WEBHOOKS, PODS, SEKS_BINDINGS, SEKS_PROVIDERS } from '../kube/resources.ts';
import { untilItWorks } from '../kube/retry.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createWebhookApp } from '../webhook/index.ts';
import { createBindingController } from './binding-controller.ts';
import { prunePodForCounting } from './injection-state.ts';
import { createTrustPublisher, WEBHOOK_CONFIGURATION } from './trust-publisher.ts';

/** a process's parts; its TLS server does not listen yet */
export interface OperatorProcess {
  server: Server;
  /** what is not ready yet, for /readyz */
  waitingFor(): string[];
  /** resolves when the server may listen: its certificate is there */
  servable: Promise<void>;
  /** runs everything until the signal aborts; rejects only for what a restart or a person must mend */
  run(signal: AbortSignal): Promise<void>;
}

export interface ProcessDeps<C> {
  config: C;
  api: KubeApi;
  metrics: Metrics;
  log: Logger;
  clock: () => number;
  random: () => number;
  /** audiences that the API server takes for its own, as far as this process's own token shows them */
  apiAudiences: readonly string[];
}

/** how long certificate and keys in Secrets may differ from ours */
const SECRET_POLL_MS = 60_000;

/** builds the controller process; nothing happens until it is run */
export function createControllerProcess(deps: ProcessDeps<ControllerConfig>): OperatorProcess {
  const { config, api, metrics, log, clock, random } = deps;
  const { namespace } = config;
  const names = serviceNames(config);
  const shared = { api, clock, random, log };
  const reflectors = {
    pods: createReflector({
      ...shared,
      resource: PODS,
      prune: prunePodForCounting,
      observer: metrics.reflector('pods'),
    }),
    seksbindings: createReflector({
      ...shared,
      resource: SEKS_BINDINGS,
      prune: dropManagedFields,
      observer: metrics.reflector('seksbindings'),
    }),
    seksproviders: createReflector({
      ...shared,
      resource: SEKS_PROVIDERS,
      prune: dropManagedFields,
      observer: metrics.reflector('seksproviders'),
    }),
    trust: createReflector({
      ...shared,
      resource: CONFIG_MAPS,
      selection: { namespace, fieldSelector: `metadata.name=${TRUST_CONFIG_MAP}` },
      prune: dropManagedFields,
      observer: metrics.reflector('trust'),
    }),
    mutatingwebhookconfigurations: createReflector({
      ...shared,
      resource: MUTATING_WEBHOOKS,
      selection: { fieldSelector: `metadata.name=${WEBHOOK_CONFIGURATION}` },
      prune: dropManagedFields,
      observer: metrics.reflector('mutatingwebhookconfigurations'),
    }),
  };
  metrics.watchAges(reflectors);
  const bindings = reflectors.seksbindings.store;
  const providerCache = createProviderCache(reflectors.seksproviders.store);
  const secret = (name: string) => namedSecret(api, { namespace, name, component: 'controller' });
  const authority = createCertificateAuthority({
    store: secret(CA_SECRET),
    clock,
    log,
    permittedDnsSuffixes: names.caDomains,
    pollMs: SECRET_POLL_MS,
  });
  const signer = createInjectionSigner({
    store: secret(INJECTION_SIGNER_SECRET),
    log,
    pollMs: SECRET_POLL_MS,
  });
  const started = new Set<string>();

  const controller = createBindingController({
    ...shared,
    bindings,
    pods: reflectors.pods.store,
    providers: reflectors.seksproviders.store,
    providerCache,
    injectionKeys: () => signer.publicKeys(),
    instance: config.instance,
    observer: metrics.queue('bindings'),
  });
  const trust = createTrustPublisher({
    ...shared,
    namespace,
    configMaps: reflectors.trust.store,
    webhooks: reflectors.mutatingwebhookconfigurations.store,
    caBundle: () => authority.bundle(),
    injectionKeys: () => signer.publicKeys(),
    observer: metrics.queue('trust'),
  });

  const waitingFor = (): string[] => [
    ...Object.entries(reflectors)
      .filter(([, reflector]) => !reflector.store.synced())
      .map(([resource]) => `the list of ${resource}`),
    ...['certificate authority', 'injection signer', 'serving certificate'].filter(
      (step) => !started.has(step),
    ),
    // A pod that was injected before the keys are published could not get a lease.
    ...(trust.published() ? [] : ['the trust ConfigMap']),
  ];

  const app = createWebhookApp({
    bindingsIn: (wanted) => bindings.list(wanted),
    provider: providerCache.get,
    ready: () => waitingFor().length === 0,
    settings: () => ({
      sidecar: config.sidecar,
      keyService: { url: names.keyserviceUrl, caBundle: authority.bundle() },
      apiAudiences: deps.apiAudiences,
    }),
    signer,
    clock,
    randomBytes,
    log,
    observe: (observation) => metrics.admission(observation),
  });
  const server = createServer({ minVersion: 'TLSv1.2' }, app);
  // The API server waits 5 s for us at most.
  server.requestTimeout = 10_000;
  server.headersTimeout = 10_000;
  const servable = Promise.withResolvers<void>();

  async function start(signal: AbortSignal): Promise<void> {
    const step = async (name: string, work: () => Promise<void>): Promise<void> => {
      await untilItWorks(name, work, { random, log, signal });
      if (!signal.aborted) started.add(name);
    };
    await step('certificate authority', async () => await authority.start(signal));
    await step('injection signer', async () => await signer.start(signal));
    await step('serving certificate', async () => {
      const issue = async (dnsNames: readonly string[]) => {
        const issued = await authority.issue(dnsNames);
        metrics.certificateExpiry('webhook', issued.notAfterMs);
        return issued;
      };
      await keepServingCertificate({
        server,
        authority: { issue, onChange: (listener) => authority.onChange(listener) },
        dnsNames: names.webhook,
        clock,
        log,
        signal,
      });
    });
    if (signal.aborted) return;
    servable.resolve();
    authority.onChange(() => trust.refresh());
    signer.onChange(() => {
      trust.refresh();
      controller.recheckAll();
    });
    await Promise.all([trust.run(signal), controllerWhenSynced(signal)]);
  }

  async function controllerWhenSynced(signal: AbortSignal): Promise<void> {
    // Counting before all pods are known would write "0 pods" into every status at each start.
    await allSynced(Object.values(reflectors), signal);
    if (!signal.aborted) await controller.run(signal);
  }

  return {
    server,
    servable: servable.promise,
    waitingFor,
    async run(signal) {
      await Promise.all([
        ...Object.values(reflectors).map((reflector) => reflector.run(signal)),
        start(signal),
      ]);
    },
  };
}

const SYNC_POLL_MS = 20;

/** resolves when each store has its first list, or the signal aborts */
export async function allSynced(
  reflectors: readonly { store: { synced(): boolean } }[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !reflectors.every(({ store }) => store.synced())) {
    await new Promise((resolve) => setTimeout(resolve, SYNC_POLL_MS));
  }
}
