// How a connection came in. Decided once, by the connection alone (port, TLS, server name), never by a request on it:
// a request that could choose its own origin could choose which Host is believed (S6).
import type { Duplex } from 'node:stream';

import { SeksError } from '@seks/crds';

/** how a connection came in */
export type Origin =
  /** addressed to the sidecar itself: 127.0.0.1 or localhost */
  | { readonly kind: 'base'; readonly secure: boolean; readonly hosts: ReadonlySet<string> }
  /** TLS whose server name is an intercepted provider host, in lower case */
  | { readonly kind: 'host'; readonly host: string; readonly hosts: ReadonlySet<string> };

const ORIGIN = Symbol('origin');
const DEFAULT_TLS_PORT = 443;

interface Marked {
  [ORIGIN]?: Origin;
}

/** origin of connections to the sidecar itself; `hosts` are the values of Host, in lower case, that fit */
export function baseOrigin(port: number, secure: boolean): Origin {
  const hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  if (port === DEFAULT_TLS_PORT) hosts.add('127.0.0.1').add('localhost');
  return { kind: 'base', secure, hosts };
}

/** origin of connections to an intercepted host, given in lower case */
export function hostOrigin(host: string): Origin {
  return { kind: 'host', host, hosts: new Set([host, `${host}:${DEFAULT_TLS_PORT}`]) };
}

/** whether the agent's client spoke TLS */
export function isSecure(origin: Origin): boolean {
  return origin.kind === 'host' || origin.secure;
}

/** tells a connection's origin to whoever handles requests on it */
export function markOrigin(socket: Duplex, origin: Origin): void {
  (socket as Marked)[ORIGIN] = origin;
}

/**
 * the origin of a connection
 *
 * @throws SeksError SEKS_INTERNAL if nobody has decided it: a guess would let a request through
 */
export function originOf(socket: Duplex): Origin {
  const origin = (socket as Marked)[ORIGIN];
  if (origin === undefined) throw new SeksError('SEKS_INTERNAL', 'The connection has no origin.');
  return origin;
}
