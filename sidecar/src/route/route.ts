// From connection, path and token to the provider's own host and path. The route decides where a request goes, never the
// request (S6): a host in the path or in the connection only picks one of those that the provider document names.
import { type PathAlias, type Provider, SeksError } from '@seks/crds';

import type { Origin } from '../listen/origin.ts';
import type { Target } from '../request/target.ts';
import type { UpstreamHost, Upstreams } from './upstreams.ts';

/** where a request goes */
export interface UpstreamTarget {
  upstream: UpstreamHost;
  /** raw path, to be sent */
  path: string;
  /** path without percent-encoding, to be matched by the policy */
  plainPath: string;
  /** with its question mark, or empty */
  query: string;
  /** how many characters of the agent's raw path were left out at its beginning; undefined: it was changed otherwise, too */
  shift: number | undefined;
  /** of a URL that an answer handed out; only hosts without credential have one */
  ticket: string | undefined;
}

/** the first segment of a path that names a host: `/~uploads.example.com/files` */
export const HOST_MARK = '~';
export const HOST_SEGMENT = /^\/~([a-z0-9.-]{4,253})(?=\/|$)/;
const TICKET_SEGMENT = /^\/~([0-9A-Za-z_-]{1,64})(?=\/|$)/;

/** the provider name that a path starts with, if this pod has that provider; on a provider's own host paths name none */
export function providerOf(
  { path }: Target,
  origin: Origin,
  providers: ReadonlySet<string>,
): string | undefined {
  if (origin.kind === 'host') return undefined;
  const end = path.indexOf('/', 1);
  const first = end === -1 ? path.slice(1) : path.slice(1, end);
  return providers.has(first) ? first : undefined;
}

/** what {@link resolveTarget} looks at */
export interface RouteRequest {
  target: Target;
  origin: Origin;
  /** the provider name that the path starts with */
  named: string | undefined;
  provider: Provider;
  upstreams: Upstreams;
}

/**
 * finds host and path at the provider. `/{provider}/rest` and, on the provider's own host, `/rest` mean the same; a path without
 * provider belongs to the token's provider, because some SDKs cannot carry a prefix
 *
 * @throws SeksError SEKS_ROUTE_UNKNOWN for a host that is not the provider's, SEKS_TOKEN_WRONG_PROVIDER if the connection is to one
 */
export function resolveTarget({ target, origin, named, provider, upstreams }: RouteRequest): UpstreamTarget {
  // A provider name holds no percent sign, so both forms of the path start with the same bytes.
  const skip = named === undefined ? 0 : named.length + 1;
  const path = target.path.slice(skip) || '/';
  const { query } = target;
  const connected = origin.kind === 'host' ? upstreams.find(origin.host) : undefined;
  // S4: a token is good at its own provider's hosts only, whatever host the path names besides.
  if (origin.kind === 'host' && connected === undefined) throw new SeksError('SEKS_TOKEN_WRONG_PROVIDER');
  const explicit = HOST_SEGMENT.exec(path);
  if (explicit !== null) return onNamedHost(target, skip, explicit[1] ?? '', upstreams);
  const plainPath = skip === 0 ? target.plainPath : target.plainPath.slice(skip) || '/';
  if (connected !== undefined) {
    return { upstream: connected, path, plainPath, query, shift: skip, ticket: undefined };
  }
  const alias = provider.spec.aliases?.find((candidate) => aliasFits(candidate, path));
  if (alias === undefined) {
    return { upstream: upstreams.primary, path, plainPath, query, shift: skip, ticket: undefined };
  }
  const upstream = alias.host === undefined ? upstreams.primary : upstreams.find(alias.host);
  if (upstream === undefined) throw new SeksError('SEKS_ROUTE_UNKNOWN');
  const renamed = (text: string): string => alias.path + text.slice(alias.prefix.length);
  return {
    upstream,
    path: renamed(path),
    plainPath: renamed(plainPath),
    query,
    shift: undefined,
    ticket: undefined,
  };
}

/** the ticket of a URL that an answer handed out, with what it was made for; no provider has to be known for that */
export function ticketOf(
  { path, plainPath }: Target,
  named: string | undefined,
): { ticket: string; host: string; plainPath: string } | undefined {
  const skip = named === undefined ? 0 : named.length + 1;
  const host = HOST_SEGMENT.exec(path.slice(skip))?.[1];
  if (host === undefined) return undefined;
  const afterHost = skip + HOST_MARK.length + 1 + host.length;
  const ticket = TICKET_SEGMENT.exec(path.slice(afterHost))?.[1];
  if (ticket === undefined) return undefined;
  const rest = plainPath.slice(afterHost + HOST_MARK.length + 1 + ticket.length);
  return { ticket, host, plainPath: rest || '/' };
}

function onNamedHost(target: Target, skip: number, host: string, upstreams: Upstreams): UpstreamTarget {
  const upstream = upstreams.find(host);
  if (upstream === undefined) throw new SeksError('SEKS_ROUTE_UNKNOWN');
  let shift = skip + HOST_MARK.length + 1 + host.length;
  let ticket: string | undefined;
  if (!upstream.keyed) {
    ticket = TICKET_SEGMENT.exec(target.path.slice(shift))?.[1];
    if (ticket === undefined) throw new SeksError('SEKS_URL_NOT_ISSUED');
    shift += HOST_MARK.length + 1 + ticket.length;
  }
  // Marks and hosts hold nothing that could be percent-encoded, so both forms are shortened by the same number of characters.
  return {
    upstream,
    path: target.path.slice(shift) || '/',
    plainPath: target.plainPath.slice(shift) || '/',
    query: target.query,
    shift,
    ticket,
  };
}

/** an alias must not turn an encoded letter of its prefix into something that the policy does not see: prefixes are compared raw */
function aliasFits({ prefix, except = [] }: PathAlias, path: string): boolean {
  return path.startsWith(prefix) && !except.some((other) => path.startsWith(other));
}
