// What the sidecar may do right now. A state is never changed, only replaced as a whole, so that a request sees one or the other.
import { type Provider, SeksError, type Tier } from '@seks/crds';

import { credentialKey, type TokenEntry } from '../credential/tokens.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { Policy } from '../policy/policy.ts';
import type { HeaderClassifier } from '../request/header-kind.ts';
import type { KeyVault } from './key-vault.ts';
import type { Scheduler } from './scheduler.ts';

/** a credential that may be used, with its opened key */
export interface GrantedCredential {
  agent: string;
  tier: Tier;
  provider: Provider;
  policy: Policy;
  vault: KeyVault;
  forwarder: Forwarder;
}

/** one lease, opened */
export interface LeaseState {
  readonly id: string;
  /** on the scheduler's clock */
  readonly expiresAtMs: number;
  /** by {@link credentialKey}; an error is the answer to every request for that credential */
  readonly credentials: ReadonlyMap<string, GrantedCredential | SeksError>;
  readonly classifier: HeaderClassifier;
}

/** holds the current state */
export class LeaseHolder {
  readonly #scheduler: Scheduler;
  #state: LeaseState | undefined;
  #podRefusal: SeksError | undefined;
  #callOffExpiry: () => void = () => {};

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
    this.#state = next;
    this.#podRefusal = undefined;
    retireMissing(previous, next);
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
    const dropped: GrantedCredential[] = [];
    for (const [key, credential] of credentials) {
      if (!key.startsWith(`${bindingUid}/`)) continue;
      if (!(credential instanceof SeksError)) dropped.push(credential);
      credentials.set(key, reason);
    }
    this.#state = { ...this.#state, credentials };
    dropAll(dropped, reason);
  }

  /** S12: whether or not it was revoked, nobody could tell us; so what is running ends as well */
  #expire(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = { ...state, credentials: new Map() };
    dropAll(grantedOf(state), new SeksError('SEKS_LEASE_EXPIRED'));
  }

  /** drops everything: the pod itself may not have credentials any more */
  refusePod(reason: SeksError): void {
    this.#podRefusal = reason;
    const state = this.#state;
    if (state === undefined) return;
    this.#state = { ...state, credentials: new Map() };
    dropAll(grantedOf(state), reason);
  }
}

/** retires the keys of one state that another does not have */
function retireMissing(old: LeaseState | undefined, current: LeaseState | undefined): void {
  const kept = new Set(grantedOf(current).map(({ vault }) => vault));
  for (const { vault } of grantedOf(old)) if (!kept.has(vault)) vault.retire();
}

function dropAll(credentials: readonly GrantedCredential[], { code }: SeksError): void {
  for (const { vault } of credentials) {
    // A pod that is being deleted may finish what it has begun (S14).
    if (code !== 'SEKS_LEASE_POD_TERMINATING') vault.cut(code);
    vault.retire();
  }
}

function grantedOf(state: LeaseState | undefined): GrantedCredential[] {
  const all = [...(state?.credentials.values() ?? [])];
  return all.filter((credential): credential is GrantedCredential => !(credential instanceof SeksError));
}
