// From the key service's answer to a usable state: opens the envelopes in this process's memory, and trusts the answer no
// further than it has to: it must fit the injection config and the files that this sidecar found.
import {
  type Envelope,
  type InjectedSource,
  type LeaseAnswer,
  type LeasedCredential,
  openEnvelope,
  type Provider,
  Secret,
  secretEquals,
  SeksError,
  toSeksError,
} from '@seks/crds';

import { indexPlacements } from '../credential/placement-index.ts';
import { credentialKey, type TokenEntry } from '../credential/tokens.ts';
import type { CredentialLimits } from '../limits/credential-limits.ts';
import { createHeaderClassifier } from '../request/header-kind.ts';
import { type LinkFor, grantCredential, type GrantedCredential } from './granted-credential.ts';
import { KeyVault } from './key-vault.ts';
import type { LeaseState } from './lease-state.ts';
import { isUnusable, type SourceFinding } from './sealed-files.ts';

export interface OpenLeaseOptions {
  namespace: string;
  entries: readonly TokenEntry[];
  /** by {@link credentialKey}, one for each source in order */
  findings: ReadonlyMap<string, readonly SourceFinding[]>;
  linkFor: LinkFor;
  /** by {@link credentialKey}; kept over leases */
  limitsFor: (key: string) => CredentialLimits;
  /** when the lease was asked for, on the scheduler's clock: its time runs from then */
  askedAtMs: number;
  previous: LeaseState | undefined;
  /** told of an envelope that its data key does not open: nobody else can see that */
  reject: (source: InjectedSource, envelope: Envelope, problem: SeksError) => void;
}

/** opens a lease; what cannot be used becomes the error that requests for it are answered with */
export async function openLease(answer: LeaseAnswer, options: OpenLeaseOptions): Promise<LeaseState> {
  const credentials = new Map<string, GrantedCredential | SeksError>();
  for (const leased of answer.credentials) {
    const entry = options.entries.find((candidate) => credentialKey(candidate) === credentialKey(leased));
    if (entry === undefined) continue;
    credentials.set(credentialKey(leased), await openCredential(leased, entry, options));
  }
  for (const { code, message, ...of } of answer.refusals) {
    // A refusal beats a grant: if both stand in one answer, something is wrong with it.
    const own = firstProblem(options.findings.get(credentialKey(of)));
    credentials.set(credentialKey(of), own?.code === code ? own : refusal(code, message));
  }
  const placements = indexPlacements(providersOf(credentials));
  return {
    id: answer.id,
    expiresAtMs: options.askedAtMs + answer.ttlSeconds * 1000,
    credentials,
    classifier: createHeaderClassifier(placements.headers),
    placements,
  };
}

/** an error with the words of the key service, whose messages already begin with the summary */
export function refusal(code: SeksError['code'], message: string): SeksError {
  const { summary } = new SeksError(code).spec;
  const detail = message.startsWith(summary) ? message.slice(summary.length).trim() : message;
  return detail === '' ? new SeksError(code) : new SeksError(code, detail);
}

async function openCredential(
  leased: LeasedCredential,
  entry: TokenEntry,
  options: OpenLeaseOptions,
): Promise<GrantedCredential | SeksError> {
  const dataKey = new Secret('data-key', Buffer.from(leased.dataKey, 'base64url'));
  try {
    const key = await openSource(leased, entry, dataKey, options);
    return grantCredential({
      leased,
      vault: reuseVault(options.previous, entry, key) ?? new KeyVault(key),
      limits: options.limitsFor(credentialKey(entry)),
      linkFor: options.linkFor,
    });
  } catch (cause) {
    const error = toSeksError(cause);
    const source = entry.sources[leased.source];
    const envelope = options.findings.get(credentialKey(leased))?.[leased.source]?.envelope;
    if (isUnusable(error) && source !== undefined && envelope !== undefined) {
      options.reject(source, envelope, error);
    }
    return error;
  } finally {
    dataKey.erase();
  }
}

async function openSource(
  leased: LeasedCredential,
  entry: TokenEntry,
  dataKey: Secret<'data-key'>,
  { namespace, findings }: OpenLeaseOptions,
): Promise<Secret<'provider-key'>> {
  if (leased.provider.name !== entry.provider)
    throw new SeksError('SEKS_CREDENTIAL_REMOVED', 'Another provider.');
  const found = findings.get(credentialKey(leased)) ?? [];
  // S16: the first source that is present, and no other, whatever the answer says.
  const first = found.findIndex(({ report }) => report.state !== 'missing');
  const source = entry.sources[leased.source];
  const envelope = found[leased.source]?.envelope;
  if (
    leased.source !== first ||
    source === undefined ||
    source.tier !== leased.tier ||
    envelope === undefined
  ) {
    throw new SeksError(
      'SEKS_CREDENTIAL_REMOVED',
      'The lease names another source than the first present one.',
    );
  }
  const { secret, key } = source;
  return openEnvelope(envelope, dataKey, { namespace, secret, key, provider: entry.provider });
}

/** an unchanged key stays where it is, so that running requests and new ones share one copy */
function reuseVault(
  previous: LeaseState | undefined,
  entry: TokenEntry,
  key: Secret<'provider-key'>,
): KeyVault | undefined {
  const before = previous?.credentials.get(credentialKey(entry));
  if (before === undefined || before instanceof SeksError || !secretEquals(before.vault.key, key))
    return undefined;
  key.erase();
  return before.vault;
}

function firstProblem(findings: readonly SourceFinding[] | undefined): SeksError | undefined {
  return findings?.find(({ report }) => report.state !== 'missing')?.problem;
}

function providersOf(credentials: ReadonlyMap<string, GrantedCredential | SeksError>): Provider[] {
  return [...credentials.values()].flatMap((found) => (found instanceof SeksError ? [] : [found.provider]));
}
