// The operator's certificate authority. It lives in one Secret; any replica may create or renew it, and each replica
// signs its own short serving certificate in memory, so that no serving key is ever stored.
import { SeksError } from '@seks/crds';

import {
  CA_LIFETIME_MS,
  decodeCaState,
  encodeCaState,
  nextCaState,
  trustedCertificates,
} from './ca-state.ts';
import type { CaState } from './ca-state.ts';
import { poll } from './poll.ts';
import { settle } from './store.ts';
import type { CaStore, CertsLog } from './store.ts';
import { createCa, issueLeaf } from './x509.ts';
import type { IssuedCertificate } from './x509.ts';

const LEAF_LIFETIME_MS = 7 * 24 * 3600_000;
const DEFAULT_POLL_MS = 60_000;

export interface AuthorityDeps {
  store: CaStore;
  /** `ms` since 1970 */
  clock: () => number;
  log: CertsLog;
  /** names below which the CA may issue, e.g. `seks.svc`; omitted: any */
  permittedDnsSuffixes?: readonly string[];
  /** how often the Secret is read again, in `ms` */
  pollMs?: number;
}

export interface CertificateAuthority {
  /** reads or creates the CA, then keeps it fresh until the signal aborts */
  start(signal: AbortSignal): Promise<void>;
  /** reads the Secret again and renews or promotes what is due; `start` calls it by itself */
  refresh(): Promise<void>;
  /** PEM of every CA certificate that is not expired */
  bundle(): string;
  /** new key and serving certificate, signed in memory */
  issue(dnsNames: readonly string[]): Promise<IssuedCertificate>;
  /** calls back after the bundle or the signing CA changed; the result unsubscribes */
  onChange(listener: () => void): () => void;
}

/** CA kept in one Secret; before `start` has resolved, `bundle` and `issue` throw SEKS_INJECT_NOT_READY */
export function createCertificateAuthority(deps: AuthorityDeps): CertificateAuthority {
  const { store, clock, log } = deps;
  const listeners = new Set<() => void>();
  let state: CaState | undefined;
  let published = '';
  let refreshing: Promise<void> | undefined;

  function known(): CaState {
    if (state === undefined) throw new SeksError('SEKS_INJECT_NOT_READY', 'The CA was not read yet.');
    return state;
  }

  function bundle(): string {
    return trustedCertificates(known(), clock())
      .map(({ certPem }) => certPem)
      .join('');
  }

  async function readAndRenew(): Promise<void> {
    const data = await settle(store, async (stored) => {
      const wanted = await nextCaState(
        stored === undefined ? undefined : decodeCaState(stored),
        clock(),
        () =>
          createCa({
            nowMs: clock(),
            lifetimeMs: CA_LIFETIME_MS,
            permittedDnsSuffixes: deps.permittedDnsSuffixes ?? [],
          }),
      );
      return wanted === undefined ? undefined : encodeCaState(wanted);
    });
    state = decodeCaState(data);
    // The bundle starts with the signing CA, so it changes whenever that does.
    const current = bundle();
    if (current === published) return;
    published = current;
    log.info(
      {
        event: 'ca_changed',
        certificates: trustedCertificates(state, clock()).length,
        notAfterMs: state.current.notAfterMs,
      },
      'certificate authority changed',
    );
    for (const listener of listeners) listener();
  }

  /** one at a time: two interleaved reads could leave the older result */
  function refresh(): Promise<void> {
    refreshing ??= readAndRenew().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  return {
    async start(signal) {
      await refresh();
      void poll({
        everyMs: deps.pollMs ?? DEFAULT_POLL_MS,
        signal,
        run: refresh,
        onError: (err) =>
          log.error({ event: 'ca_refresh_failed', err }, 'certificate authority not refreshed'),
      });
    },
    refresh,
    bundle,
    issue: async (dnsNames) =>
      issueLeaf({ ca: known().current, dnsNames, nowMs: clock(), lifetimeMs: LEAF_LIFETIME_MS }),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
