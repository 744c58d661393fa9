// Leases: who asks, what the pod is, what it may have, and the data keys for that. The order of the checks is the
// contract; each step sees only what the ones before it have proved.
import type { JsonWebKey } from 'node:crypto';

import { LABEL_INJECTED, SeksError, leaseRequest } from '@seks/crds';
import type {
  InjectionConfig,
  LeaseAnswer,
  LeaseRefusal,
  LeasedCredential,
  Secret,
  SeksBinding,
} from '@seks/crds';
import type { Logger } from 'pino';

import { verifyInjection } from '../injection/index.ts';
import { isLive } from '../kube/prune.ts';
import type { ObjectName, Pod } from '../kube/objects.ts';
import type { ProviderCache } from '../kube/provider-cache.ts';
import type { Store } from '../kube/store.ts';
import { leaseFingerprint } from './binding-state.ts';
import type { BindingView } from './binding-state.ts';
import type { DataKeys } from './data-keys.ts';
import { decideLease } from './decide-lease.ts';
import type { LeaseQuestion, PlannedCredential, RefusedCredential } from './decide-lease.ts';
import type { LeaseIds } from './lease-id.ts';
import type { IdentifyPod, PodIdentity } from './pod-identity.ts';
import type { RateLimit } from './rate-limit.ts';
import type { SealedConditions, SealOutcome } from './sealed-conditions.ts';

export interface LeaseServiceDeps {
  pods: Store<Pod>;
  bindings: Store<SeksBinding>;
  providers: ProviderCache;
  /** reads one pod from the API server, pruned as in the store */
  fetchPod: (name: ObjectName) => Promise<Pod | undefined>;
  identify: IdentifyPod;
  /** public keys of injection seals; empty while they are not known */
  injectionKeys: () => readonly JsonWebKey[];
  /** audiences that the API server takes for its own */
  apiAudiences: readonly string[];
  dataKeys: DataKeys;
  leaseIds: LeaseIds;
  rateLimit: RateLimit;
  sealed: Pick<SealedConditions, 'report'>;
  caBundle: () => string;
  ready: () => boolean;
  ttlSeconds: number;
  clock: () => number;
  log: Logger;
  observeRefusal: (code: string) => void;
}

/** who asks, once token and pod are checked */
export interface AdmittedPod {
  identity: PodIdentity;
  pod: Pod;
  config: InjectionConfig;
}

export interface LeaseService {
  /** checks token and pod; before that nothing of the request's body is read */
  admit(token: Secret<'pod-token'>): Promise<AdmittedPod>;
  /** decides about the credentials and unwraps their data keys */
  grant(admitted: AdmittedPod, body: unknown): Promise<LeaseAnswer>;
  /** checks a lease id for its event stream */
  follow(admitted: AdmittedPod, leaseId: string): Promise<{ isCurrent: boolean; expiresMs: number }>;
  /** the pod's injection, undefined if it is not as it was injected */
  verify: (pod: Pod) => InjectionConfig | undefined;
  view: () => BindingView;
}

/** puts the checks together */
export function createLeaseService(deps: LeaseServiceDeps): LeaseService {
  const { pods, bindings, providers, clock, log } = deps;
  const bindingByUid = (uid: string): SeksBinding | undefined => bindings.getByUid(uid);
  const view = (): BindingView => ({
    bindingByUid,
    providerFingerprint: providers.fingerprint,
    nowMs: clock(),
  });

  async function livePod(identity: PodIdentity): Promise<Pod> {
    const { namespace, podName, podUid } = identity;
    const isIt = (pod: Pod | undefined): boolean =>
      pod?.metadata.uid === podUid && pod.metadata.namespace === namespace && pod.metadata.name === podName;
    const stored = pods.getByUid(podUid);
    // A pod may ask before our watch has told us of it.
    const pod = isIt(stored) ? stored : await deps.fetchPod({ namespace, name: podName });
    if (pod === undefined || !isIt(pod))
      throw new SeksError('SEKS_LEASE_POD_UNKNOWN', `Pod: ${namespace}/${podName}.`);
    // We watch pods with that label only, and could not hear of this one's end.
    if (pod.metadata.labels?.[LABEL_INJECTED] === undefined) {
      throw new SeksError(
        'SEKS_LEASE_POD_UNKNOWN',
        `Pod ${namespace}/${podName} has no label ${LABEL_INJECTED}.`,
      );
    }
    if (!isLive(pod)) throw new SeksError('SEKS_LEASE_POD_TERMINATING');
    return pod;
  }

  /** what is still granted when the KMS has answered: a suspension during the call must win */
  function stillPlanned(
    planned: readonly PlannedCredential[],
    question: LeaseQuestion,
  ): Map<string, SeksError> {
    const again = decideLease({ ...question, nowMs: clock() });
    return new Map(again.refused.map((refused) => [nameOf(refused), refused.error]));
  }

  function audit(event: string, identity: PodIdentity, name: Partial<PlannedCredential>, code = ''): void {
    const { namespace, podName: pod } = identity;
    const { binding, credential, provider, tier } = name;
    log.info({ event, namespace, pod, binding, credential, provider, tier, code }, event.replace('_', ' '));
  }

  return {
    view,

    verify(pod) {
      const verified = verifyInjection({
        pod,
        namespace: pod.metadata.namespace ?? '',
        keys: deps.injectionKeys(),
        apiAudiences: deps.apiAudiences,
      });
      return verified.ok ? verified.config : undefined;
    },

    async admit(token) {
      if (!deps.ready()) throw new SeksError('SEKS_KEYSERVICE_NOT_READY');
      const identity = await deps.identify(token);
      const taken = deps.rateLimit.take(identity.podUid);
      if (!taken.ok) {
        throw new SeksError('SEKS_LEASE_RATE_LIMITED', undefined, { retryAfterMs: taken.retryAfterMs });
      }
      try {
        const pod = await livePod(identity);
        const verified = verifyInjection({
          pod,
          namespace: identity.namespace,
          keys: deps.injectionKeys(),
          apiAudiences: deps.apiAudiences,
        });
        if (!verified.ok) throw verified.error;
        return { identity, pod, config: verified.config };
      } catch (error) {
        audit('lease_refused', identity, {}, error instanceof SeksError ? error.code : 'SEKS_INTERNAL');
        throw error;
      }
    },

    async grant({ identity, pod, config }, body) {
      const parsed = leaseRequest.safeParse(body);
      if (!parsed.success) {
        const field = parsed.error.issues[0]?.path.join('.') ?? '';
        throw new SeksError('SEKS_LEASE_REQUEST_INVALID', field === '' ? undefined : `Field: ${field}.`);
      }
      const question: LeaseQuestion = {
        config,
        pod,
        request: parsed.data,
        bindingByUid,
        provider: providers.get,
        acceptedKeyIds: deps.dataKeys.keyIds(),
        nowMs: clock(),
      };
      const plan = decideLease(question);
      const refused: RefusedCredential[] = [...plan.refused];
      const unwrapped = await Promise.all(
        plan.planned.map(async (planned) => {
          try {
            const dataKey = await deps.dataKeys.unwrap(planned.bindingUid, planned.wrappings, planned.ctx);
            audit('unwrap', identity, planned);
            return { planned, dataKey };
          } catch (error) {
            if (!(error instanceof SeksError)) throw error;
            audit('unwrap', identity, planned, error.code);
            const { tier, secret, key } = planned;
            refused.push({ ...nameParts(planned), error, source: { tier, secret, key } });
            return undefined;
          }
        }),
      );

      const now = stillPlanned(plan.planned, question);
      const current = pods.getByUid(identity.podUid);
      if (current !== undefined && !isLive(current)) throw new SeksError('SEKS_LEASE_POD_TERMINATING');
      const credentials: LeasedCredential[] = [];
      for (const grant of unwrapped) {
        if (grant === undefined) continue;
        const { planned, dataKey } = grant;
        const error = now.get(nameOf(planned));
        if (error === undefined) {
          credentials.push(leased(planned, dataKey));
          audit('lease_granted', identity, planned);
        } else {
          refused.push({ ...nameParts(planned), error, source: undefined });
        }
        dataKey.erase();
      }
      for (const { error, ...name } of refused) {
        deps.observeRefusal(error.code);
        audit('lease_refused', identity, nameParts(name), error.code);
      }
      reportSealed(deps.sealed, credentials, refused);

      const caBundle = deps.caBundle();
      const id = await deps.leaseIds.issue({
        podUid: identity.podUid,
        bindingUids: config.bindings.map(({ uid }) => uid),
        // Of the same moment as the decision above: nothing can change between them without being noticed.
        fingerprint: leaseFingerprint(config, current ?? pod, view(), caBundle),
        expiresMs: clock() + deps.ttlSeconds * 1000,
      });
      return { id, ttlSeconds: deps.ttlSeconds, credentials, refusals: refused.map(refusalOf), caBundle };
    },

    async follow({ identity, pod, config }, leaseId) {
      const claims = await deps.leaseIds.verify(leaseId, identity.podUid);
      const fingerprint = leaseFingerprint(config, pod, view(), deps.caBundle());
      return { isCurrent: claims.fingerprint === fingerprint, expiresMs: claims.expiresMs };
    },
  };
}

function leased(planned: PlannedCredential, dataKey: Secret<'data-key'>): LeasedCredential {
  const { bindingUid, credential, agent, source, tier, spec: provider, policy } = planned;
  return {
    bindingUid,
    credential,
    agent,
    source,
    tier,
    dataKey: dataKey.reveal((bytes) => bytes.toString('base64url')),
    provider,
    policy,
  };
}

function refusalOf({ bindingUid, credential, error }: RefusedCredential): LeaseRefusal {
  return { bindingUid, credential, code: error.code, message: error.message };
}

function reportSealed(
  sealed: Pick<SealedConditions, 'report'>,
  granted: readonly LeasedCredential[],
  refused: readonly RefusedCredential[],
): void {
  const outcomes = new Map<string, SealOutcome[]>();
  const add = (uid: string, outcome: SealOutcome): void =>
    void outcomes.set(uid, [...(outcomes.get(uid) ?? []), outcome]);
  for (const { bindingUid, credential } of granted) add(bindingUid, { credential });
  for (const { bindingUid, credential, error, source } of refused)
    add(bindingUid, { credential, error, source });
  for (const [uid, list] of outcomes) sealed.report(uid, list);
}

function nameOf({ bindingUid, credential }: { bindingUid: string; credential: string }): string {
  return `${bindingUid}/${credential}`;
}

function nameParts({
  bindingUid,
  binding,
  credential,
  provider,
}: Omit<RefusedCredential, 'error' | 'source'>): {
  bindingUid: string;
  binding: string;
  credential: string;
  provider: string;
} {
  return { bindingUid, binding, credential, provider };
}
