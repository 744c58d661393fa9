// Ends TLS on a connection of the agent: the name that the client asked for decides the origin, or the connection is refused.
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

import type { Scheduler } from '../lease/scheduler.ts';
import type { Origin } from './origin.ts';

/** why a TLS connection was not served; a closed set, so that it can be a metric's label */
export type TlsRefusal = 'server-name' | 'handshake' | 'timeout';

export interface TlsOptions {
  secureContext: SecureContext;
  scheduler: Pick<Scheduler, 'after'>;
  /** in `ms`, for the whole handshake: an idle timeout would start again with every byte */
  handshakeTimeoutMs: number;
  /** takes over the decrypted connection */
  secured: (socket: TLSSocket, origin: Origin) => void;
  /** told once of a connection that was refused */
  refused: (reason: TlsRefusal) => void;
}

/** RFC 8446 §6: a fatal alert `unrecognized_name`. OpenSSL sends it for nobody, and before the server's first flight it is plain text */
const UNRECOGNIZED_NAME = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]);
/** in our order: HTTP/2 is turned into HTTP/1.1 here, which costs something, and most clients that offer it speak both */
const PROTOCOLS = ['http/1.1', 'h2'];

/**
 * ends TLS on a connection
 *
 * @param originOfName the origin for a server name in lower case, empty if the client named none; undefined refuses it
 */
export function terminateTls(
  raw: Socket,
  originOfName: (serverName: string) => Origin | undefined,
  { secureContext, scheduler, handshakeTimeoutMs, secured, refused }: TlsOptions,
): void {
  let settled = false;
  const settle = (reason?: TlsRefusal): boolean => {
    if (settled) return false;
    settled = true;
    calledOff();
    if (reason !== undefined) refused(reason);
    return true;
  };
  const calledOff = scheduler.after(handshakeTimeoutMs, () => {
    if (settle('timeout')) raw.destroy();
  });
  const tls = new TLSSocket(raw, {
    isServer: true,
    secureContext,
    ALPNProtocols: PROTOCOLS,
    SNICallback: (serverName, done) => {
      if (originOfName(serverName.toLowerCase()) !== undefined) done(null);
      // The handshake stays suspended: not even the certificate is shown under a name that is not ours.
      else if (settle('server-name')) raw.end(UNRECOGNIZED_NAME, () => raw.destroy());
    },
  });
  // For as long as the connection lives: a broken record ends it, and never the process.
  tls.on('_tlsError', () => {
    settle('handshake');
    tls.destroy();
  });
  tls.on('error', () => settle('handshake'));
  tls.once('close', () => settle());
  // What the client had sent before it half-closed was read already, so TLS itself never sees the end.
  raw.once('end', () => tls.destroy());
  const onEnd = (): void => void tls.destroy();
  tls.once('end', onEnd);
  tls.once('secure', () => {
    tls.removeListener('end', onEnd);
    // Asked again because the callback above is skipped without a server name, and where OpenSSL resumes a session.
    const origin = originOfName((tls.servername || '').toLowerCase());
    if (origin === undefined) {
      settle('server-name');
      tls.destroy();
    } else if (settle()) {
      // As tls.Server does: node:http2 waits until it is false.
      Object.assign(tls, { secureConnecting: false });
      secured(tls, origin);
    }
  });
}
