// What the sidecar may do right now. A state is never changed, only replaced as a whole, so that a request sees one or the other.
import { SeksError } from '@seks/crds';

import type { PlacementIndex } from '../credential/placement-index.ts';
import { credentialKey, type TokenEntry } from '../credential/tokens.ts';
import type { HeaderClassifier } from '../request/header-kind.ts';
import type { GrantedCredential } from './granted-credential.ts';
import type { KeyVault } from './key-vault.ts';
import type { Scheduler } from './scheduler.ts';

/** one lease, opened */
export interface LeaseState {
  readonly id: string;
  /** on the scheduler's clock */
  readonly expiresAtMs: number;
  /** by {@link credentialKey}; an error is the answer to every request for that credential */
  readonly credentials: ReadonlyMap<string, GrantedCredential | SeksError>;
  readonly classifier: HeaderClassifier;
  /** where the providers of this pod take their keys */
  readonly placements: PlacementIndex;
}

/** holds the current state */
export class LeaseHolder {
  readonly #scheduler: Scheduler;
  #state: LeaseState | undefined;
  #podRefusal: SeksError | undefined;
  #callOffExpiry: () => void = () => {};
  /** keys that no lease has any more, by {@link credentialKey}, while something runs with them: a WebSocket may do so for days */
  #outgoing: { key: string; vault: KeyVault }[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** the current state; undefined before the first lease */
  get state(): LeaseState | undefined {
    return this.#state;
  }

  /**
   * the credential of a token
   *
   * @throws SeksError with the reason why it may not be used now
   */
  granted(entry: TokenEntry): GrantedCredential {
    if (this.#podRefusal !== undefined) throw this.#podRefusal;
    if (this.#state === undefined || this.#scheduler.nowMs() >= this.#state.expiresAtMs)
      throw new SeksError('SEKS_LEASE_EXPIRED');
    const found = this.#state.credentials.get(credentialKey(entry));
    if (found === undefined) throw new SeksError('SEKS_CREDENTIAL_REMOVED');
    if (found instanceof SeksError) throw found;
    return found;
  }

  /**
   * puts a new lease in the place of `previous`
   *
   * @returns false if that is not the current state any more: what was revoked meanwhile must not come back
   */
  replace(previous: LeaseState | undefined, next: LeaseState): boolean {
    if (this.#state !== previous) {
      retireMissing(next, this.#state);
      return false;
    }
    this.#enter(next);
    this.#podRefusal = undefined;
    for (const granted of grantedOf(next)) granted.enforceLimits();
    this.#endOutgoing((key) => {
      const found = next.credentials.get(key) ?? new SeksError('SEKS_CREDENTIAL_REMOVED');
      return found instanceof SeksError && !passesByItself(found) ? found : undefined;
    });
    this.#callOffExpiry();
    const leftMs = next.expiresAtMs - this.#scheduler.nowMs();
    // A lease without end exists in tests only.
    if (Number.isFinite(leftMs)) this.#callOffExpiry = this.#scheduler.after(leftMs, () => this.#expire());
    return true;
  }

  /** drops the credentials of one binding, and breaks off what they are being used for */
  revoke(bindingUid: string, reason: SeksError): void {
    if (this.#state === undefined) return;
    const credentials = new Map(this.#state.credentials);
    for (const key of credentials.keys()) if (isOf(bindingUid, key)) credentials.set(key, reason);
    this.#enter({ ...this.#state, credentials });
    this.#endOutgoing((key) => (isOf(bindingUid, key) ? reason : undefined));
  }

  /** whether a credential of the binding may be used, by the current lease */
  grants(bindingUid: string): boolean {
    const all = [...(this.#state?.credentials ?? [])];
    return all.some(([key, found]) => isOf(bindingUid, key) && !(found instanceof SeksError));
  }

  /** S12: whether or not it was revoked, nobody could tell us; so what is running ends as well */
  #expire(): void {
    this.#dropAll(new SeksError('SEKS_LEASE_EXPIRED'));
  }

  /** drops everything: the pod itself may not have credentials any more */
  refusePod(reason: SeksError): void {
    this.#podRefusal = reason;
    this.#dropAll(reason);
  }

  #dropAll(reason: SeksError): void {
    if (this.#state === undefined) return;
    const credentials = new Map([...this.#state.credentials.keys()].map((key) => [key, reason] as const));
    this.#enter({ ...this.#state, credentials });
    this.#endOutgoing(() => reason);
  }

  /** makes a state the current one; the keys that it does not have go out */
  #enter(next: LeaseState): void {
    const kept = new Set(grantedOf(next).map(({ vault }) => vault));
    for (const [key, old] of this.#state?.credentials ?? []) {
      if (old instanceof SeksError || kept.has(old.vault)) continue;
      this.#outgoing.push({ key, vault: old.vault });
      old.vault.retire();
    }
    this.#state = next;
  }

  /**
   * S12: what was refused for good ends now, however many leases ago its key went out; all else may end by itself, unless it is
   * refused later
   *
   * @param reasonFor why what runs with the credential of this key has to end; undefined if it does not
   */
  #endOutgoing(reasonFor: (key: string) => SeksError | undefined): void {
    for (const { key, vault } of this.#outgoing) {
      const reason = reasonFor(key);
      if (reason !== undefined && !mayEnd(reason)) vault.cut(reason);
    }
    this.#outgoing = this.#outgoing.filter(({ vault }) => vault.inUse);
  }
}

function isOf(bindingUid: string, key: string): boolean {
  return key.startsWith(`${bindingUid}/`);
}

/** retires the keys of one state that another does not have */
function retireMissing(old: LeaseState | undefined, current: LeaseState | undefined): void {
  const kept = new Set(grantedOf(current).map(({ vault }) => vault));
  for (const { vault } of grantedOf(old)) if (!kept.has(vault)) vault.retire();
}

/** the key service or its KMS has trouble, so nothing was decided about the credential */
function passesByItself({ spec }: SeksError): boolean {
  return spec.area === 'lease' && spec.retry;
}

/** a pod that is being deleted may finish what it has begun (S14) */
function mayEnd({ code }: SeksError): boolean {
  return code === 'SEKS_LEASE_POD_TERMINATING';
}

function grantedOf(state: LeaseState | undefined): GrantedCredential[] {
  const all = [...(state?.credentials.values() ?? [])];
  return all.filter((credential): credential is GrantedCredential => !(credential instanceof SeksError));
}
