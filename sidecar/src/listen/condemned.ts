// Connections on which nothing more is read. After a head with two meanings nobody can say where the next request begins, and RFC 9112
// §6.3 wants the connection closed; but what came in the same segment is parsed before it is.
import type { Duplex } from 'node:stream';

const CONDEMNED = Symbol('condemned');

/** no further request of this connection is served */
export function condemn(connection: Duplex): void {
  (connection as { [CONDEMNED]?: true })[CONDEMNED] = true;
}

export function isCondemned(connection: Duplex): boolean {
  return CONDEMNED in connection;
}
