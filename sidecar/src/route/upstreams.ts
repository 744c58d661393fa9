// The hosts of one provider, compiled: which of them a request or a URL means.
import type { ProviderSpec, Upstream } from '@seks/crds';

/** one host that may be called */
export interface UpstreamHost {
  /** as in the provider document, for policies; may begin with `*.` */
  name: string;
  /** the host itself, in lower case */
  host: string;
  port: number;
  network: 'Public' | 'Private';
  /** whether it gets the credential */
  keyed: boolean;
}

/** finds the hosts of a provider */
export interface Upstreams {
  /** the one that a path without host means */
  readonly primary: UpstreamHost;
  /** the entry for a host, in lower case; the exact one before a pattern */
  find(host: string): UpstreamHost | undefined;
}

const DEFAULT_PORT = 443;
/** a DNS name (RFC 1123 §2.1); what is compared with a pattern must be one */
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z][-a-z0-9]{0,62}$/;

/** @throws RangeError if the spec has no upstream; the CRD asks for one */
export function compileUpstreams({ upstreams }: Pick<ProviderSpec, 'upstreams'>): Upstreams {
  const [first] = upstreams;
  if (first === undefined) throw new RangeError('a provider has an upstream');
  const exact = new Map<string, UpstreamHost>();
  const patterns: { suffix: string; upstream: Upstream }[] = [];
  for (const upstream of upstreams) {
    if (upstream.host.startsWith('*.'))
      patterns.push({ suffix: upstream.host.slice(1).toLowerCase(), upstream });
    else exact.set(upstream.host.toLowerCase(), concrete(upstream, upstream.host));
  }
  return {
    primary: concrete(first, first.host),
    find(host) {
      const found = exact.get(host);
      if (found !== undefined || patterns.length === 0 || !HOST_NAME.test(host)) return found;
      // A pattern stands for one label, as in certificates (RFC 9525 §6.3).
      const suffix = host.slice(host.indexOf('.'));
      const pattern = patterns.find((candidate) => candidate.suffix === suffix);
      return pattern === undefined ? undefined : concrete(pattern.upstream, host);
    },
  };
}

function concrete({ host: name, port, network, auth }: Upstream, host: string): UpstreamHost {
  return {
    name,
    host: host.toLowerCase(),
    port: port ?? DEFAULT_PORT,
    network: network ?? 'Public',
    keyed: auth !== 'None',
  };
}
