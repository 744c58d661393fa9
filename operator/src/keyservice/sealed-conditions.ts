// The condition `Sealed` of bindings: whether sidecars could have their sealed keys unwrapped. Written from what leases
// really met, because the key service itself never sees a Secret.
import { ERRORS, reasonOf } from '@seks/crds';
import type { ErrorCode, InjectedSource, SeksBinding, SeksCondition, SeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { conditionOf, formatTime } from '../controller/desired-status.ts';
import { isNotFound } from '../kube/conflict.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import { SEKS_BINDINGS } from '../kube/resources.ts';
import type { Store } from '../kube/store.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import type { QueueObserver } from '../kube/work-queue.ts';

export const KEYSERVICE_FIELD_MANAGER = 'seks-keyservice';

/** the codes that speak about sealed keys, the one that matters most first */
const WORST_FIRST: readonly ErrorCode[] = [
  'SEKS_SEAL_WRONG_PROVIDER',
  'SEKS_SEAL_WRONG_NAMESPACE',
  'SEKS_SEAL_WRONG_SECRET',
  'SEKS_SEAL_WRONG_KEY',
  'SEKS_SECRET_NOT_SEALED',
  'SEKS_SEAL_CORRUPT',
  'SEKS_SEAL_COMMITMENT_MISMATCH',
  'SEKS_SEAL_MALFORMED',
  'SEKS_SEAL_VERSION_UNKNOWN',
  'SEKS_SEAL_KMS_KEY_UNKNOWN',
  'SEKS_SEAL_UNWRAP_REFUSED',
  'SEKS_SECRET_MISSING',
  'SEKS_KMS_UNAVAILABLE',
];

/** what one lease met for one credential; without an error the key was unwrapped */
export interface SealOutcome {
  credential: string;
  error?: SeksError;
  source?: InjectedSource | undefined;
}

export interface SealedConditions {
  /** tells what a lease met; refusals that are not about sealed keys are ignored */
  report(bindingUid: string, outcomes: readonly SealOutcome[]): void;
  run(signal: AbortSignal): Promise<void>;
}

export interface SealedConditionsDeps {
  api: Pick<KubeApi, 'apply'>;
  bindings: Store<SeksBinding>;
  clock: () => number;
  random: () => number;
  log: Logger;
  observer?: QueueObserver;
  /** many pods of one binding ask at the same time */
  debounceMs?: number;
}

type Verdict = Pick<SeksCondition, 'status' | 'reason' | 'message'>;

const DEBOUNCE_MS = 1_000;

/** nothing is known and nothing is written until sidecars ask */
export function createSealedConditions(deps: SealedConditionsDeps): SealedConditions {
  const { api, bindings, clock, log } = deps;
  const outcomes = new Map<string, Map<string, SealOutcome>>();

  async function write(uid: string, signal: AbortSignal): Promise<void> {
    const binding = bindings.getByUid(uid);
    const known = outcomes.get(uid);
    if (binding === undefined || known === undefined) return;
    const verdict = sealedVerdict(binding, known);
    const before = conditionOf(binding, 'Sealed');
    if (verdict === undefined || isSame(before, verdict)) return;
    const isTransition = before?.status !== verdict.status;
    const condition: SeksCondition = {
      type: 'Sealed',
      ...verdict,
      observedGeneration: binding.metadata.generation ?? 0,
      lastTransitionTime: isTransition ? formatTime(clock()) : before.lastTransitionTime,
    };
    const { namespace, name } = binding.metadata;
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    const options = { fieldManager: KEYSERVICE_FIELD_MANAGER, subresource: 'status' } as const;
    try {
      await api.apply(SEKS_BINDINGS, { namespace, name }, patch, options, signal);
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    log.info(
      { event: 'sealed_written', namespace, binding: name, status: verdict.status, reason: verdict.reason },
      'condition written',
    );
  }

  const queue = createWorkQueue({
    process: write,
    workers: 4,
    clock,
    random: deps.random,
    log,
    ...(deps.observer === undefined ? {} : { observer: deps.observer }),
  });

  return {
    report(bindingUid, reported) {
      const known = outcomes.get(bindingUid) ?? new Map<string, SealOutcome>();
      for (const outcome of reported) {
        if (outcome.error !== undefined && !WORST_FIRST.includes(outcome.error.code)) continue;
        known.set(outcome.credential, outcome);
      }
      if (known.size === 0) return;
      outcomes.set(bindingUid, known);
      queue.addAfter(bindingUid, deps.debounceMs ?? DEBOUNCE_MS);
    },
    async run(signal) {
      const stop = bindings.subscribe(({ previous, current }) => {
        if (current === undefined && previous?.metadata.uid !== undefined)
          outcomes.delete(previous.metadata.uid);
      });
      await queue.run(signal);
      stop();
    },
  };
}

/** the condition for the newest outcome of each credential; undefined while nothing is known of the binding's own */
export function sealedVerdict(
  binding: SeksBinding,
  outcomes: ReadonlyMap<string, SealOutcome>,
): Verdict | undefined {
  const names = binding.spec.credentials.map(({ name }) => name);
  const known = [...outcomes.values()].filter(({ credential }) => names.includes(credential));
  if (known.length === 0) return undefined;
  const [worst] = known
    .filter((outcome) => outcome.error !== undefined)
    .toSorted((a, b) => rank(a) - rank(b) || a.credential.localeCompare(b.credential));
  if (worst?.error === undefined) {
    return {
      status: 'True',
      reason: 'Opened',
      message: 'The sealed keys of all credentials were unwrapped.',
    };
  }
  const { credential, error, source } = worst;
  const place = source === undefined ? '' : `, Secret ${source.secret}, key ${source.key}`;
  const message = `Credential ${credential}${place}: ${error.message} ${ERRORS[error.code].hint}`;
  return { status: 'False', reason: reasonOf(error.code), message };
}

function rank({ error }: SealOutcome): number {
  return error === undefined ? WORST_FIRST.length : WORST_FIRST.indexOf(error.code);
}

function isSame(before: SeksCondition | undefined, verdict: Verdict): boolean {
  return (
    before?.status === verdict.status &&
    before.reason === verdict.reason &&
    before.message === verdict.message
  );
}
