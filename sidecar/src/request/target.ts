// The request target, screened so that policy and provider cannot read it differently (S5, S6).
import { SeksError } from '@seks/crds';

/** a request target in origin form that means one thing only */
export interface Target {
  /** path as sent */
  path: string;
  /** path with percent-encoding removed: what policies are matched on */
  plainPath: string;
  /** query with its question mark, or empty */
  query: string;
}

export const MAX_TARGET_BYTES = 16_384;

// Raw: non-ASCII, controls, characters that RFC 3986 does not allow in a path, and `;`, which some servers cut off
// (`/v1/organization;x` would miss a deny rule). Encoded: dot, backslash, percent, semicolon, question mark, number
// sign and controls, each of which some server decodes before it routes. Then empty and dot segments.
const AMBIGUOUS_PATH =
  /[^\x21-\x7e]|[\\#"<>^`{|};]|%(?:2e|5c|25|3b|3f|23|[01][0-9a-f]|7f)|%(?![0-9a-f]{2})|\/\/|\/\.{1,2}(?:\/|$)/i;
const ODD_SEGMENTS = /\/\/|\/\.{1,2}(?:\/|$)/;
const ENCODED_SLASH = /%2f/i;
const AMBIGUOUS_QUERY = /[^\x21-\x7e]|[\\#]|%(?![0-9a-f]{2})|%00/i;

/**
 * reads the request target of an HTTP/1.1 request line
 *
 * @throws SeksError SEKS_REQUEST_MALFORMED if it is not in origin form or could be read in two ways
 */
export function parseTarget(raw: string): Target {
  if (raw.length > MAX_TARGET_BYTES) throw malformed('The request target is too long.');
  if (!raw.startsWith('/')) throw malformed('The request target must be a path.');
  // Google's Live client asks for `//ws/…`. Slashes at the beginning are one here, for the policy and for the provider alike.
  if (raw.startsWith('//')) return parseTarget(raw.replace(/^\/+/, '/'));
  const mark = raw.indexOf('?');
  const path = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? '' : raw.slice(mark);
  if (AMBIGUOUS_PATH.test(path)) throw malformed('The path can be read in more than one way.');
  const plainPath = path.includes('%') ? decode(path) : path;
  // An encoded slash is common (`/contents/docs%2Fa.md`); policies look at both readings of it. But it must make no new segments
  // of the kind that servers take out.
  if (plainPath !== path && ODD_SEGMENTS.test(plainPath))
    throw malformed('The path can be read in more than one way.');
  if (query !== '' && AMBIGUOUS_QUERY.test(query))
    throw malformed('The query can be read in more than one way.');
  return { path, plainPath, query };
}

/** the path as a server reads it to which an encoded slash ends no segment; undefined if there is none */
export function literalPath(path: string): string | undefined {
  if (!ENCODED_SLASH.test(path)) return undefined;
  return path.split(ENCODED_SLASH).map(decode).join('%2F');
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw malformed('The path is not valid UTF-8.');
  }
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
