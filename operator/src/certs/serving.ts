// Keeps a TLS server's certificate fresh without a restart.
import type { Server } from 'node:https';

import type { CertificateAuthority } from './authority.ts';
import { poll } from './poll.ts';
import type { CertsLog } from './store.ts';
import type { IssuedCertificate } from './x509.ts';

const CHECK_MS = 60_000;

export interface ServingDeps {
  server: Pick<Server, 'setSecureContext'>;
  authority: Pick<CertificateAuthority, 'issue' | 'onChange'>;
  dnsNames: readonly string[];
  /** `ms` since 1970 */
  clock: () => number;
  log: CertsLog;
  signal: AbortSignal;
  /** how often the certificate's age is looked at, in `ms` */
  checkMs?: number;
}

/** resolves once the server has its first certificate; renewal goes on until the signal aborts */
export async function keepServingCertificate(deps: ServingDeps): Promise<void> {
  const { server, authority, dnsNames, clock, log, signal } = deps;
  let served = await serve();

  async function serve(): Promise<IssuedCertificate> {
    const issued = await authority.issue(dnsNames);
    // Open connections keep the old certificate, new ones get this.
    server.setSecureContext({ cert: issued.certPem, key: issued.keyPem, minVersion: 'TLSv1.2' });
    log.info(
      { event: 'serving_certificate_issued', dnsNames, notAfterMs: issued.notAfterMs },
      'serving certificate issued',
    );
    return issued;
  }

  async function renew(): Promise<void> {
    served = await serve();
  }

  function onError(err: unknown): void {
    log.error({ event: 'serving_certificate_failed', err }, 'serving certificate not renewed');
  }

  // A new signing CA: the old certificate is good for as long as its CA is in the bundles, but not longer.
  const unsubscribe = authority.onChange(() => {
    renew().catch(onError);
  });
  signal.addEventListener('abort', unsubscribe, { once: true });
  void poll({
    everyMs: deps.checkMs ?? CHECK_MS,
    signal,
    run: () => (clock() >= renewAtMs(served) ? renew() : Promise.resolve()),
    onError,
  });
}

/** two thirds of the way to the end */
function renewAtMs({ notBeforeMs, notAfterMs }: IssuedCertificate): number {
  return notBeforeMs + (2 / 3) * (notAfterMs - notBeforeMs);
}
