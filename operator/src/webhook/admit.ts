// One admission request, from review to answer. Synchronous and without I/O: what it needs to know stands in informer
// caches, so it cannot hang a pod's creation.
import { SeksError, toSeksError } from '@seks/crds';
import type { Provider, SeksBinding } from '@seks/crds';

import { planInjection } from '../injection/index.ts';
import type { InjectionPlan, InjectionSettings, InjectionSigner } from '../injection/index.ts';
import { allow, allowWithPatch, deny } from './admission-review.ts';
import type { AdmissionRequest, AdmissionReviewAnswer } from './admission-review.ts';

/** one answered admission request, for metrics; both labels come from closed sets */
export interface AdmissionObservation {
  outcome: 'untouched' | 'injected' | 'denied';
  /** error code of a denial, else the empty string */
  code: string;
  seconds: number;
}

/** what pino offers and we use */
export interface WebhookLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WebhookDeps {
  bindingsIn(namespace: string): readonly SeksBinding[];
  /** throws SeksError SEKS_PROVIDER_UNKNOWN or SEKS_PROVIDER_INVALID */
  provider(name: string): Provider;
  /** whether the caches of bindings and providers are filled */
  ready(): boolean;
  settings(): InjectionSettings;
  signer: InjectionSigner;
  /** `ms` since 1970 */
  clock: () => number;
  randomBytes: (size: number) => Uint8Array;
  log: WebhookLog;
  observe(observation: AdmissionObservation): void;
}

const OUTCOMES = { untouched: 'untouched', inject: 'injected', deny: 'denied' } as const;

/** answers a request; whatever goes wrong is a denial, because a webhook that fails open injects nothing */
export function admit(request: AdmissionRequest, deps: WebhookDeps): AdmissionReviewAnswer {
  if (!isPodCreation(request)) return allow(request.uid);
  const startMs = deps.clock();
  const plan = planSafely(request, deps);
  const code = plan.kind === 'deny' ? plan.error.code : '';
  logPlan(request, plan, deps.log);
  // A dry run must leave no trace (sideEffects: None), so it does not count as an admitted pod either.
  if (request.dryRun !== true) {
    deps.observe({ outcome: OUTCOMES[plan.kind], code, seconds: (deps.clock() - startMs) / 1000 });
  }
  if (plan.kind === 'deny') return deny(request.uid, plan.error);
  return plan.kind === 'inject' ? allowWithPatch(request.uid, plan.patch, plan.warnings) : allow(request.uid);
}

function isPodCreation({ operation, resource, subResource = '' }: AdmissionRequest): boolean {
  const { group, resource: name } = resource;
  return operation === 'CREATE' && group === '' && name === 'pods' && subResource === '';
}

function planSafely(request: AdmissionRequest, deps: WebhookDeps): InjectionPlan {
  const { namespace } = request;
  try {
    if (!deps.ready()) throw new SeksError('SEKS_INJECT_NOT_READY');
    if (namespace === undefined || namespace === '') {
      throw new SeksError('SEKS_INTERNAL', 'The admission request has no namespace.');
    }
    return planInjection({
      pod: request.object,
      namespace,
      bindings: deps.bindingsIn(namespace),
      provider: (name) => deps.provider(name),
      settings: deps.settings(),
      signer: deps.signer,
      nowMs: deps.clock(),
      randomBytes: deps.randomBytes,
    });
  } catch (cause) {
    return { kind: 'deny', error: toSeksError(cause) };
  }
}

function logPlan(request: AdmissionRequest, plan: InjectionPlan, log: WebhookLog): void {
  const fields = {
    namespace: request.namespace,
    pod: podName(request.object),
    dryRun: request.dryRun === true,
  };
  if (plan.kind === 'inject') log.info({ event: 'pod_injected', ...fields }, 'pod injected');
  if (plan.kind !== 'deny') return;
  const { code, message, cause } = plan.error;
  if (code === 'SEKS_INTERNAL') {
    log.error(
      { event: 'admission_failed', ...fields, code, detail: message, err: cause },
      'admission failed',
    );
  } else {
    log.warn({ event: 'pod_denied', ...fields, code, detail: message }, 'pod denied');
  }
}

/** name of the pod, or the start of the name that it will get */
function podName(object: unknown): string {
  const { metadata } = (object ?? {}) as { metadata?: { name?: unknown; generateName?: unknown } };
  const name = metadata?.name ?? metadata?.generateName;
  return typeof name === 'string' ? name : '';
}
