// The key service process put together: lease service, event streams and conditions around shared caches.
import { randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createServer } from 'node:https';

import {
  CA_SECRET,
  KMS_LOCAL_SECRET,
  LABEL_INJECTED,
  LEASE_SIGNER_SECRET,
  SEALING_CONFIG_MAP,
  SeksError,
  TRUST_CONFIG_MAP,
} from '@seks/crds';

import { createCertificateAuthority, keepServingCertificate } from '../certs/index.ts';
import { serviceNames } from '../config.ts';
import type { KeyserviceConfig } from '../config.ts';
import { allSynced } from '../controller/controller-process.ts';
import type { OperatorProcess, ProcessDeps } from '../controller/controller-process.ts';
import type { Kms } from '../kms/index.ts';
import { namedSecret } from '../kube/named-secret.ts';
import { createProviderCache } from '../kube/provider-cache.ts';
import { dropManagedFields, prunePod } from '../kube/prune.ts';
import { createReflector } from '../kube/reflector.ts';
import { CONFIG_MAPS, PODS, SEKS_BINDINGS, SEKS_PROVIDERS } from '../kube/resources.ts';
import { untilItWorks } from '../kube/retry.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import { createKeyserviceApp } from './app.ts';
import { createDataKeys } from './data-keys.ts';
import { createInjectionKeys } from './injection-keys.ts';
import { createLeaseIds } from './lease-id.ts';
import { createLeaseService } from './lease-service.ts';
import { createLeaseStreams } from './lease-streams.ts';
import { createPodIdentifier } from './pod-identity.ts';
import { createRateLimit } from './rate-limit.ts';
import { createSealedConditions } from './sealed-conditions.ts';
import { loadKms, loadLeaseKey, publishSealingKey } from './shared-keys.ts';

const SECRET_POLL_MS = 60_000;
/** a pod renews every 5 minutes and asks again when told to; a crash loop starts at most every few seconds */
const RATE_LIMIT = { burst: 30, refillMs: 2_000 };

/** builds the key service process; nothing happens until it is run */
export function createKeyserviceProcess(deps: ProcessDeps<KeyserviceConfig>): OperatorProcess {
  const { config, api, metrics, log, clock, random } = deps;
  const { namespace } = config;
  const names = serviceNames(config);
  const shared = { api, clock, random, log };
  const reflectors = {
    pods: createReflector({
      ...shared,
      resource: PODS,
      selection: { labelSelector: LABEL_INJECTED },
      prune: prunePod,
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
    // One each: the process may read no other ConfigMap.
    trust: createReflector({
      ...shared,
      resource: CONFIG_MAPS,
      selection: { namespace, fieldSelector: `metadata.name=${TRUST_CONFIG_MAP}` },
      prune: dropManagedFields,
      observer: metrics.reflector('trust'),
    }),
    sealing: createReflector({
      ...shared,
      resource: CONFIG_MAPS,
      selection: { namespace, fieldSelector: `metadata.name=${SEALING_CONFIG_MAP}` },
      prune: dropManagedFields,
      observer: metrics.reflector('sealing'),
    }),
  };
  metrics.watchAges(reflectors);
  const pods = reflectors.pods.store;
  const bindings = reflectors.seksbindings.store;
  const providers = createProviderCache(reflectors.seksproviders.store);
  const injectionKeys = createInjectionKeys(reflectors.trust.store, namespace, log);
  const secret = (name: string) => namedSecret(api, { namespace, name, component: 'keyservice' });
  const authority = createCertificateAuthority({
    store: secret(CA_SECRET),
    clock,
    log,
    permittedDnsSuffixes: names.caDomains,
    pollMs: SECRET_POLL_MS,
  });
  const started = new Set<string>();
  let kms: readonly Kms[] = [];
  let leaseKey: KeyObject | undefined;
  let isStopping = false;

  const waitingFor = (): string[] => [
    ...Object.entries(reflectors)
      .filter(([, reflector]) => !reflector.store.synced())
      .map(([resource]) => `the list of ${resource}`),
    ...['certificate authority', 'lease key', 'KMS', 'serving certificate'].filter(
      (step) => !started.has(step),
    ),
    ...(injectionKeys().length > 0 ? [] : ['the injection keys of the controller']),
    ...(isStopping ? ['its end'] : []),
  ];

  const dataKeys = createDataKeys({
    kms: () => kms,
    clock,
    observe: metrics.unwrap,
    observeKms: metrics.kmsLatency,
  });
  bindings.subscribe(({ previous, current }) => {
    const uid = current?.metadata.uid ?? previous?.metadata.uid;
    if (uid !== undefined && (current === undefined || current.spec.suspend === true)) dataKeys.forget(uid);
  });
  const sealed = createSealedConditions({ ...shared, bindings, observer: metrics.queue('sealed') });
  const service = createLeaseService({
    pods,
    bindings,
    providers,
    fetchPod: async (name) => {
      const pod = await api.get(PODS, name);
      return pod === undefined ? undefined : prunePod(pod);
    },
    identify: createPodIdentifier({ api, clock }),
    injectionKeys,
    apiAudiences: deps.apiAudiences,
    dataKeys,
    leaseIds: createLeaseIds(() => {
      if (leaseKey === undefined) throw new SeksError('SEKS_KEYSERVICE_NOT_READY');
      return leaseKey;
    }, clock),
    rateLimit: createRateLimit(RATE_LIMIT, clock),
    sealed,
    caBundle: () => authority.bundle(),
    ready: () => waitingFor().length === 0,
    ttlSeconds: config.leaseTtlSeconds,
    clock,
    log,
    observeRefusal: metrics.leaseRefusal,
  });
  const streams = createLeaseStreams({
    bindings,
    pods,
    providers: reflectors.seksproviders.store,
    view: service.view,
    verify: service.verify,
    clock,
    random,
    log,
    observeCount: metrics.leaseStreams,
  });
  const app = createKeyserviceApp({ service, streams, log, observeRequest: metrics.leaseRequest });
  const server = createServer({ minVersion: 'TLSv1.2', keepAlive: true }, app);
  server.requestTimeout = 15_000;
  server.headersTimeout = 10_000;
  server.keepAliveTimeout = 65_000;
  const servable = Promise.withResolvers<void>();

  async function start(signal: AbortSignal): Promise<void> {
    const step = async (name: string, work: () => Promise<void>): Promise<void> => {
      await untilItWorks(name, work, { random, log, signal });
      if (!signal.aborted) started.add(name);
    };
    let sealing: { pem: string; kid: string } | undefined;
    await step('certificate authority', async () => await authority.start(signal));
    authority.onChange(streams.changedEverywhere);
    await step('lease key', async () => {
      leaseKey = await loadLeaseKey(secret(LEASE_SIGNER_SECRET), randomBytes, signal);
    });
    await step('KMS', async () => {
      const loaded = await loadKms(config.kms, secret(KMS_LOCAL_SECRET), log, signal);
      await Promise.all(loaded.kms.map((one) => one.check(signal)));
      ({ kms, sealing } = loaded);
    });
    await step('serving certificate', async () => {
      const issue = async (dnsNames: readonly string[]) => {
        const issued = await authority.issue(dnsNames);
        metrics.certificateExpiry('keyservice', issued.notAfterMs);
        return issued;
      };
      await keepServingCertificate({
        server,
        authority: { issue, onChange: (listener) => authority.onChange(listener) },
        dnsNames: names.keyservice,
        clock,
        log,
        signal,
      });
    });
    if (signal.aborted) return;
    servable.resolve();
    if (sealing !== undefined) await keepSealingKey(sealing, signal);
  }

  /** publishes the sealing key, again whenever somebody changed or removed it */
  async function keepSealingKey(sealing: { pem: string; kid: string }, signal: AbortSignal): Promise<void> {
    await allSynced([reflectors.sealing], signal);
    if (signal.aborted) return;
    const configMaps = reflectors.sealing.store;
    const queue = createWorkQueue({
      process: async () => await publishSealingKey({ api, namespace, configMaps, log }, sealing, signal),
      workers: 1,
      clock,
      random,
      log,
      observer: metrics.queue('sealing-key'),
    });
    const stop = configMaps.subscribe(() => queue.add('config-map'));
    queue.add('config-map');
    await queue.run(signal);
    stop();
  }

  return {
    server,
    servable: servable.promise,
    waitingFor,
    async run(signal) {
      signal.addEventListener('abort', () => (isStopping = true), { once: true });
      await Promise.all([
        ...Object.values(reflectors).map((reflector) => reflector.run(signal)),
        streams.run(signal),
        sealed.run(signal),
        start(signal),
      ]);
    },
  };
}
