// What stands in the CA's Secret, and which step is due. The order `next` (in every bundle) → `current` (signs) →
// `previous` (in every bundle) lets a CA change without a moment at which somebody trusts the one and is shown the other.
import { SeksError } from '@seks/crds';

import { pemOf, readCaCertificate, readSigningCa } from './x509.ts';
import type { CaCertificate, SigningCa } from './x509.ts';

export interface CaState {
  /** signs */
  current: SigningCa;
  /** already trusted, signs soon */
  next?: SigningCa;
  /** still trusted, its key is gone */
  previous?: CaCertificate;
}

/** a year, as a lost Secret backup or a cluster that sleeps for months must not strand it */
export const CA_LIFETIME_MS = 365 * 24 * 3600_000;
/** how long a CA is in every bundle before it signs: operators, kubelets and sidecars have read it by then */
export const OVERLAP_MS = 3600_000;

/** the state that should stand in the Secret now, or `undefined` if it is the given one */
export async function nextCaState(
  state: CaState | undefined,
  nowMs: number,
  create: () => Promise<SigningCa>,
): Promise<CaState | undefined> {
  if (state === undefined) return { current: await create() };
  const { current, next, previous } = state;
  if (next === undefined) {
    const renewAtMs = current.createdMs + (2 / 3) * (current.notAfterMs - current.createdMs);
    if (nowMs >= renewAtMs) return { ...state, next: await create() };
  } else if (nowMs >= next.createdMs + OVERLAP_MS || nowMs >= current.notAfterMs) {
    const { certPem, createdMs, notAfterMs } = current;
    return { current: next, previous: { certPem, createdMs, notAfterMs } };
  }
  if (previous !== undefined && nowMs >= previous.notAfterMs) {
    return { current, ...(next === undefined ? {} : { next }) };
  }
  return undefined;
}

/** certificates that a client must trust: all that are not expired, the signing one first */
export function trustedCertificates({ current, next, previous }: CaState, nowMs: number): CaCertificate[] {
  return [current, next, previous]
    .filter((certificate) => certificate !== undefined)
    .filter(({ notAfterMs }) => nowMs < notAfterMs);
}

/** data of the Secret */
export function encodeCaState({ current, next, previous }: CaState): Record<string, Buffer> {
  return {
    'current.crt': Buffer.from(current.certPem),
    'current.key': pemOf(current.key),
    ...(next === undefined ? {} : { 'next.crt': Buffer.from(next.certPem), 'next.key': pemOf(next.key) }),
    ...(previous === undefined ? {} : { 'previous.crt': Buffer.from(previous.certPem) }),
  };
}

/**
 * reads what {@link encodeCaState} wrote
 *
 * @throws SeksError SEKS_CONFIG_INVALID: a CA that cannot be read is not replaced, because every sidecar trusts it
 */
export function decodeCaState(data: Record<string, Buffer>): CaState {
  const current = signingCa(data, 'current');
  if (current === undefined) throw invalid('current.crt and current.key are missing');
  const next = signingCa(data, 'next');
  const previousPem = data['previous.crt']?.toString('utf8');
  try {
    const previous = previousPem === undefined ? undefined : readCaCertificate(previousPem);
    return {
      current,
      ...(next === undefined ? {} : { next }),
      ...(previous === undefined ? {} : { previous }),
    };
  } catch {
    throw invalid('previous.crt is not a CA certificate');
  }
}

function signingCa(data: Record<string, Buffer>, name: 'current' | 'next'): SigningCa | undefined {
  const certificate = data[`${name}.crt`];
  const key = data[`${name}.key`];
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) throw invalid(`${name}.crt or ${name}.key is missing`);
  try {
    return readSigningCa(certificate.toString('utf8'), key);
  } catch {
    // OpenSSL's message could quote key material: only the field is named.
    throw invalid(`${name}.crt and ${name}.key are not a CA certificate and its key`);
  }
}

function invalid(problem: string): SeksError {
  return new SeksError(
    'SEKS_CONFIG_INVALID',
    `CA Secret: ${problem}; restore it, or delete it and restart all injected pods.`,
  );
}
