// Tokens in the request target and in Sec-WebSocket-Protocol.
import { SeksError } from '@seks/crds';

import type { Target } from '../request/target.ts';
import { HOST_SEGMENT } from '../route/route.ts';
import type { PlacementIndex } from './placement-index.ts';
import type { PresentedToken } from './place.ts';
import { refuseStranger } from './stranger.ts';
import type { TokenTable } from './tokens.ts';

/**
 * a token in the path, at the root or below the provider's name: `/bot{token}/getMe`, `/telegram/bot{token}/getMe`. A colon in
 * it may be percent-encoded, as some clients do
 */
export function findInPath(
  { path }: Target,
  { pathPrefixes }: PlacementIndex,
  tokens: TokenTable,
): PresentedToken | undefined {
  for (const { provider, prefix } of pathPrefixes) {
    for (const start of startsOf(path, provider, prefix)) {
      const slash = path.indexOf('/', start);
      const end = slash === -1 ? path.length : slash;
      const entry = tokens.find(decode(path.slice(start, end)));
      if (entry !== undefined) return { entry, place: { kind: 'path', prefix, start, end } };
    }
  }
  return undefined;
}

/**
 * whether something that is no token of ours stands where a provider takes its key: below the provider's name, or, if the request
 * has a token of that provider elsewhere, at the root
 *
 * @param plainPath the provider may decode more of it than a token needs
 * @param owner provider of the token that was found elsewhere
 */
export function hasKeyInPath(
  plainPath: string,
  { pathPrefixes }: PlacementIndex,
  owner: string | undefined,
): boolean {
  return pathPrefixes.some(({ provider, prefix }) => {
    if (owner !== provider && !plainPath.startsWith(`/${provider}/`)) return false;
    return startsOf(plainPath, provider, prefix).some((start) => /^[^/]/.test(plainPath.slice(start)));
  });
}

/** where a token would begin: after the prefix at the root, below the provider, and below a host of it */
function startsOf(path: string, provider: string, prefix: string): number[] {
  const starts: number[] = [];
  for (const base of ['', `/${provider}`]) {
    if (!path.startsWith(base)) continue;
    const host = HOST_SEGMENT.exec(path.slice(base.length))?.[0] ?? '';
    const at = base.length + host.length;
    if (path.startsWith(prefix, at)) starts.push(at + prefix.length);
  }
  return starts;
}

/**
 * a token as the value of a parameter in which some provider of this pod takes its key
 *
 * @throws SeksError SEKS_TOKEN_AMBIGUOUS if there are several of them
 */
export function findInQuery(
  query: string,
  { queryNames }: PlacementIndex,
  tokens: TokenTable,
): PresentedToken | undefined {
  if (query === '' || queryNames.size === 0) return undefined;
  let found: PresentedToken | undefined;
  for (const { name, start, end } of parameters(query)) {
    if (!queryNames.has(name)) continue;
    const entry = tokens.find(decode(query.slice(start, end)));
    if (entry === undefined) continue;
    if (found !== undefined) throw new SeksError('SEKS_TOKEN_AMBIGUOUS');
    found = { entry, place: { kind: 'query', name, start, end } };
  }
  return found;
}

/** names as they stand, with the borders of their values; an encoded name is no name that a provider document gives */
function* parameters(query: string): Generator<{ name: string; start: number; end: number }> {
  for (let from = 1; from <= query.length;) {
    const ampersand = query.indexOf('&', from);
    const end = ampersand === -1 ? query.length : ampersand;
    // Not in the whole query: without any, each parameter would be a search to its end.
    const equals = query.slice(from, end).indexOf('=');
    if (equals !== -1) yield { name: query.slice(from, from + equals), start: from + equals + 1, end };
    from = end + 1;
  }
}

/**
 * a token in an entry of Sec-WebSocket-Protocol, after a prefix
 *
 * @throws SeksError if something else stands there, or if there are several
 */
export function findInProtocols(
  protocols: readonly string[],
  { protocolPrefixes }: PlacementIndex,
  tokens: TokenTable,
): PresentedToken | undefined {
  let found: PresentedToken | undefined;
  for (const [index, entry] of protocols.entries()) {
    const prefix = protocolPrefixes.find((candidate) => entry.startsWith(candidate));
    if (prefix === undefined) continue;
    const token = tokens.find(entry.slice(prefix.length));
    if (token === undefined) throw refuseStranger(entry, tokens);
    if (found !== undefined) throw new SeksError('SEKS_TOKEN_AMBIGUOUS');
    found = { entry: token, place: { kind: 'webSocketProtocol', prefix, index } };
  }
  return found;
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
