// Which credentials a pod may have now: every check of a lease except the KMS itself. Pure, and fails closed.
import { SeksError, acceptedWrappings, checkContext, fillParameters, requiredFeatures } from '@seks/crds';
import type {
  InjectedBinding,
  InjectedCredential,
  InjectedSource,
  InjectionConfig,
  LeaseRequest,
  LeasedCredential,
  Provider,
  SealContext,
  SeksBinding,
  SeksCredential,
  SourceReport,
  Tier,
  WrappedDataKey,
} from '@seks/crds';

import type { Pod } from '../kube/objects.ts';
import { limitsProblem } from '../policy/bound-provider.ts';
import { leasePolicy } from '../policy/lease-policy.ts';
import { bindingProblem } from './binding-state.ts';

export interface LeaseQuestion {
  /** from the pod's verified injection seal */
  config: InjectionConfig;
  pod: Pod;
  request: LeaseRequest;
  bindingByUid: (uid: string) => SeksBinding | undefined;
  /** throws SeksError SEKS_PROVIDER_UNKNOWN or SEKS_PROVIDER_INVALID */
  provider: (name: string) => Provider;
  /** ids of the KMS keys that this key service uses, in its own order of preference */
  acceptedKeyIds: readonly string[];
  nowMs: number;
}

/** names of a credential, for answers, audit and conditions */
export interface CredentialName {
  bindingUid: string;
  binding: string;
  credential: string;
  provider: string;
}

/** a credential that lacks only its data key */
export interface PlannedCredential extends CredentialName {
  agent: string;
  /** index of the source that won */
  source: number;
  tier: Tier;
  secret: string;
  key: string;
  /** parameters are filled in */
  spec: Provider;
  policy: LeasedCredential['policy'];
  /** verified context of the envelope */
  ctx: SealContext;
  /** wrappings of the data key that we may try, best first */
  wrappings: WrappedDataKey[];
}

export interface RefusedCredential extends CredentialName {
  error: SeksError;
  /** the source that is to blame, if one is */
  source: InjectedSource | undefined;
}

export interface LeasePlan {
  planned: PlannedCredential[];
  refused: RefusedCredential[];
}

/** refusal that knows which source is to blame */
class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly error: SeksError;
  readonly source: InjectedSource;

  constructor(error: SeksError, source: InjectedSource) {
    super(error.message, { cause: error });
    this.error = error;
    this.source = source;
  }
}

/**
 * decides about each credential that the sidecar asked for
 *
 * @throws SeksError SEKS_LEASE_REQUEST_INVALID if it asks for something that it was not injected with
 */
export function decideLease(question: LeaseQuestion): LeasePlan {
  const asked = pairUp(question.config, question.request);
  const plan: LeasePlan = { planned: [], refused: [] };
  for (const { binding, credential, reports } of asked) {
    const name: CredentialName = {
      bindingUid: binding.uid,
      binding: binding.name,
      credential: credential.name,
      provider: credential.provider,
    };
    try {
      plan.planned.push({ ...name, ...planCredential(question, binding, credential, reports) });
    } catch (error) {
      if (error instanceof SourceError)
        plan.refused.push({ ...name, error: error.error, source: error.source });
      else if (error instanceof SeksError) plan.refused.push({ ...name, error, source: undefined });
      else throw error;
    }
  }
  return plan;
}

interface Asked {
  binding: InjectedBinding;
  credential: InjectedCredential;
  reports: readonly SourceReport[];
}

function pairUp(config: InjectionConfig, request: LeaseRequest): Asked[] {
  const seen = new Set<string>();
  return request.credentials.map(({ bindingUid, credential: name, sources: reports }) => {
    const binding = config.bindings.find(({ uid }) => uid === bindingUid);
    const credential = binding?.credentials.find((candidate) => candidate.name === name);
    if (binding === undefined || credential === undefined) {
      throw new SeksError(
        'SEKS_LEASE_REQUEST_INVALID',
        'It asks for a credential that the pod was not injected with.',
      );
    }
    const id = `${bindingUid}/${name}`;
    if (seen.has(id)) throw new SeksError('SEKS_LEASE_REQUEST_INVALID', 'It asks for a credential twice.');
    seen.add(id);
    if (reports.length !== credential.sources.length) {
      throw new SeksError(
        'SEKS_LEASE_REQUEST_INVALID',
        'It reports another number of sources than were injected.',
      );
    }
    return { binding, credential, reports };
  });
}

function planCredential(
  question: LeaseQuestion,
  injectedBinding: InjectedBinding,
  injected: InjectedCredential,
  reports: readonly SourceReport[],
): Omit<PlannedCredential, keyof CredentialName> {
  const problem = bindingProblem(injectedBinding, question.pod, question);
  if (problem !== undefined) throw problem;
  const binding = question.bindingByUid(injectedBinding.uid);
  const current = binding?.spec.credentials.find(({ name }) => name === injected.name);
  if (binding === undefined || current === undefined || !sameCredential(injected, current)) {
    throw new SeksError('SEKS_CREDENTIAL_REMOVED', `Credential: ${injected.name}.`);
  }
  const provider = question.provider(injected.provider);
  const bound = fillParameters(provider, current.parameters);
  const unkept = limitsProblem(bound, current);
  if (unkept !== undefined) throw unkept;
  const policy = leasePolicy({ provider, bound, credential: current });
  const { features } = question.request;
  const missing = requiredFeatures(bound.spec, policy).find((feature) => !features.includes(feature));
  if (missing !== undefined) throw new SeksError('SEKS_LEASE_FEATURE_MISSING', `Feature: ${missing}.`);

  const { index, source, header } = firstPresent(injected, reports);
  const { secret, key, tier } = source;
  const namespace = question.config.namespace;
  const { ctx, wrappings } = blame(source, () => ({
    // Before any KMS call: a wrong context must not even reach it.
    ctx: checkContext(header, { namespace, secret, key, provider: injected.provider }),
    wrappings: acceptedWrappings(header, question.acceptedKeyIds),
  }));
  return {
    agent: binding.spec.agent ?? binding.metadata.name,
    source: index,
    tier,
    secret,
    key,
    spec: bound,
    policy,
    ctx,
    wrappings,
  };
}

/** whether the binding still gives what was injected: same provider, same chain, to the same containers */
function sameCredential(injected: InjectedCredential, current: SeksCredential): boolean {
  const { containers } = current;
  return (
    injected.provider === current.provider &&
    injected.sources.length === current.sources.length &&
    injected.sources.every((source, index) => {
      const other = current.sources[index];
      return (
        source.tier === other?.tier &&
        source.secret === other.secretRef.name &&
        source.key === other.secretRef.key
      );
    }) &&
    (containers === undefined || injected.tokens.every(({ container }) => containers.includes(container)))
  );
}

/** S16: the first source that is there decides; if it cannot be opened, nobody else's key is spent instead */
function firstPresent(
  injected: InjectedCredential,
  reports: readonly SourceReport[],
): { index: number; source: InjectedSource; header: (SourceReport & { state: 'sealed' })['header'] } {
  for (const [index, source] of injected.sources.entries()) {
    const report = reports[index];
    if (report?.state === 'unusable') throw new SourceError(new SeksError(report.code), source);
    if (report?.state === 'sealed') return { index, source, header: report.header };
  }
  const [first] = injected.sources;
  const error = new SeksError('SEKS_SECRET_MISSING');
  throw first === undefined ? error : new SourceError(error, first);
}

function blame<T>(source: InjectedSource, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof SeksError ? new SourceError(error, source) : error;
  }
}
