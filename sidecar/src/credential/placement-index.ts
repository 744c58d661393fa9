// Where the providers of this pod take their keys, in the form in which requests are searched. Made once for each lease.
import type { Placement, Provider } from '@seks/crds';

import { plainName } from '../request/query-names.ts';

export interface PlacementIndex {
  /** names of request headers, in lower case */
  readonly headers: ReadonlySet<string>;
  /** names of query parameters */
  readonly queryNames: ReadonlySet<string>;
  /** the same without case and punctuation, as lenient servers read them */
  readonly plainQueryNames: ReadonlySet<string>;
  /** provider and prefix of tokens in paths, longest prefix first */
  readonly pathPrefixes: readonly { provider: string; prefix: string }[];
  /** prefixes of entries of Sec-WebSocket-Protocol, longest first */
  readonly protocolPrefixes: readonly string[];
}

/** the index of some providers */
export function indexPlacements(providers: Iterable<Provider>): PlacementIndex {
  const headers = new Set<string>();
  const queryNames = new Set<string>();
  const pathPrefixes: { provider: string; prefix: string }[] = [];
  const protocolPrefixes = new Set<string>();
  for (const { name, spec } of providers) {
    for (const placement of spec.auth) add(name, placement);
  }
  pathPrefixes.sort((a, b) => b.prefix.length - a.prefix.length);
  const byLength = [...protocolPrefixes].sort((a, b) => b.length - a.length);
  const plainQueryNames = new Set([...queryNames].map((name) => plainName(name.toLowerCase())));
  return { headers, queryNames, plainQueryNames, pathPrefixes, protocolPrefixes: byLength };

  function add(provider: string, placement: Placement): void {
    if ('header' in placement) headers.add(placement.header.name.toLowerCase());
    else if ('basic' in placement) headers.add('authorization');
    else if ('query' in placement) queryNames.add(placement.query.name);
    else if ('path' in placement) pathPrefixes.push({ provider, prefix: placement.path.prefix });
    else if ('webSocketProtocol' in placement) protocolPrefixes.add(placement.webSocketProtocol.prefix);
  }
}
