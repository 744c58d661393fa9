// How the sidecar speaks TLS to the agent's clients.
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

import type { TlsIdentity } from './tls-identity.ts';

/**
 * the secure context of a server with this certificate
 *
 * Sessions are not resumed and not renegotiated: the server name, which decides what a connection may do, is then looked at
 * in every handshake, and cannot change later.
 */
export function createServerContext({ leafPem, leafKey }: TlsIdentity): SecureContext {
  return leafKey.reveal((key) =>
    createSecureContext({
      cert: leafPem,
      key,
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    }),
  );
}
