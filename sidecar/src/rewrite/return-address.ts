// Absolute URLs in answers name the provider's hosts; an agent that followed one as it stands would go around the sidecar. They
// are rewritten to the way back through it, in the manner in which the agent came.
import { isSecure, type Origin } from '../listen/origin.ts';
import { HOST_MARK } from '../route/route.ts';
import type { UpstreamHost, Upstreams } from '../route/upstreams.ts';

/** how the agent reached the sidecar with one request, and whom it called */
export interface ReturnAddress {
  origin: Origin;
  /** value of the request's Host header, checked before */
  host: string;
  provider: string;
  upstreams: Upstreams;
  /** whom the request went to */
  current: UpstreamHost;
  /** hosts that the agent reaches through the sidecar under their own name */
  intercepted: ReadonlySet<string>;
  /** a ticket for a URL of a host that never gets the credential */
  issue(host: string, plainPath: string): string;
}

/**
 * Scheme, user information, which is left out, host, port, and the rest (RFC 3986 §3). A template may begin right after the host
 * (RFC 6570), and browsers take a backslash for a slash.
 */
const ABSOLUTE =
  /^(https|http|wss|ws):\/\/(?:[^/?#\\]*@)?([A-Za-z0-9.-]{4,254})(?::(\d{0,5}))?(?=[/?#{\\]|$)(.*)$/is;
const BARE_HOST = /^[a-z0-9.-]{4,254}$/i;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, wss: 443, http: 80, ws: 80 };

/** a URL or path in a header; what is not the provider's stays as it is */
export function rewriteReference(reference: string, back: ReturnAddress): string {
  if (reference.startsWith('//')) return rewriteUrl(`https:${reference}`, back) ?? reference;
  if (reference.startsWith('/')) return pathPrefix(back.current, reference, back) + reference;
  return rewriteUrl(reference, back) ?? reference;
}

/** an absolute URL, or a host alone, in a JSON member; undefined: it stays as it is */
export function rewriteUrl(text: string, back: ReturnAddress): string | undefined {
  const parts = ABSOLUTE.exec(text);
  if (parts === null) {
    return BARE_HOST.test(text) ? wayBack('https', text, '', '', back) : undefined;
  }
  const [, scheme = '', host = '', port = '', rest = ''] = parts;
  return wayBack(scheme.toLowerCase(), host, port, rest, back);
}

function wayBack(
  scheme: string,
  host: string,
  portText: string,
  rest: string,
  back: ReturnAddress,
): string | undefined {
  // A full stop at the end says only that the name is whole.
  const upstream = back.upstreams.find(host.toLowerCase().replace(/\.$/, ''));
  if (upstream === undefined) return undefined;
  const port = portText === '' ? DEFAULT_PORTS[scheme] : Number(portText);
  const isDefaultPort = port === DEFAULT_PORTS[scheme];
  if (!isDefaultPort && port !== upstream.port) return undefined;
  const { origin } = back;
  const isReached = origin.kind === 'host' && upstream.keyed && back.intercepted.has(upstream.host);
  if (isReached && isDefaultPort && (scheme === 'https' || scheme === 'wss')) return undefined;
  const secure = isSecure(origin);
  const webSocket = scheme === 'ws' || scheme === 'wss';
  const ours = webSocket ? (secure ? 'wss' : 'ws') : secure ? 'https' : 'http';
  return `${ours}://${back.host}${pathPrefix(upstream, rest, back)}${rest}`;
}

/** what stands before the provider's own path on the way back */
function pathPrefix(upstream: UpstreamHost, rest: string, back: ReturnAddress): string {
  const { origin, provider, upstreams } = back;
  const base = origin.kind === 'base' ? `/${provider}` : '';
  const isDefault =
    origin.kind === 'base' ? upstream.host === upstreams.primary.host : upstream.host === origin.host;
  if (isDefault && upstream.keyed) return base;
  const named = `${base}/${HOST_MARK}${upstream.host}`;
  return upstream.keyed ? named : `${named}/${HOST_MARK}${back.issue(upstream.host, plainPathOf(rest))}`;
}

/** the path as the route will see it when the URL comes back */
function plainPathOf(rest: string): string {
  const path = /^[^?#{]*/.exec(rest)?.[0] ?? '';
  try {
    return decodeURIComponent(path) || '/';
  } catch {
    return path || '/';
  }
}
