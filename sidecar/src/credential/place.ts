// The places of a request in which a token can stand, and how the key gets into the same place (never into another: the same
// provider wants different places from different versions of its SDKs).
import { type Placement, type Provider, type Secret, SeksError } from '@seks/crds';

import type { ForwardHeaders } from '../request/screen.ts';
import type { TokenEntry } from './tokens.ts';

/** where the agent put its token */
export type Place =
  /** `prefix` is what stands before it, e.g. `Bearer `, as the agent spelled it */
  | { kind: 'header'; name: string; prefix: string }
  /** RFC 7617; `prefix` as above, `other` is the field beside it, forwarded as it is */
  | { kind: 'basic'; name: string; prefix: string; field: 'Username' | 'Password'; other: string }
  /** offsets of the value in the query */
  | { kind: 'query'; name: string; start: number; end: number }
  /** offsets of the token in the path */
  | { kind: 'path'; prefix: string; start: number; end: number }
  /** index of the entry in Sec-WebSocket-Protocol */
  | { kind: 'webSocketProtocol'; prefix: string; index: number };

/** a token of this pod, and where it stands */
export interface PresentedToken {
  entry: TokenEntry;
  place: Place;
}

/** the parts of a request that can hold a credential, about to be sent */
export interface Keyed {
  headers: ForwardHeaders;
  /** path without query, as it goes to the provider */
  path: string;
  /** with its question mark, or empty */
  query: string;
  protocols: string[];
}

/**
 * puts the real key where the token stood
 *
 * @param shift how many characters the path lost at its beginning since the place was found
 */
export function placeKey(request: Keyed, place: Place, key: Secret<'provider-key'>, shift: number): void {
  switch (place.kind) {
    case 'header':
      request.headers[place.name] = key.reveal((plain) => place.prefix + plain.toString('latin1'));
      break;
    case 'basic': {
      const { field, other } = place;
      request.headers[place.name] = key.reveal((plain) => {
        const text = plain.toString('latin1');
        return place.prefix + encodeBasic(field === 'Username' ? `${text}:${other}` : `${other}:${text}`);
      });
      break;
    }
    case 'query':
      request.query = splice(request.query, place.start, place.end, encoded(key));
      break;
    case 'path':
      request.path = splice(request.path, place.start - shift, place.end - shift, encoded(key));
      break;
    case 'webSocketProtocol':
      request.protocols[place.index] = key.reveal((plain) => place.prefix + plain.toString('latin1'));
      break;
  }
}

/**
 * checks that the provider takes its key where the agent put the token, and that no other key stands beside it
 *
 * @throws SeksError SEKS_TOKEN_MISSING naming the places that the provider wants, SEKS_CREDENTIAL_FOREIGN
 */
export function checkPlace(place: Place, { name, spec }: Provider): void {
  if (!spec.auth.some((placement) => fits(place, placement))) {
    const wanted = spec.auth.map(describePlacement);
    throw new SeksError('SEKS_TOKEN_MISSING', `Provider ${name} takes it as ${wanted.join(' or ')}.`);
  }
  // Some providers take a key as the user name and then do not look at the password.
  if (place.kind === 'basic' && spec.keyPrefixes?.some((prefix) => place.other.startsWith(prefix))) {
    throw new SeksError('SEKS_CREDENTIAL_FOREIGN', 'It is the user name of Basic authentication.');
  }
}

function fits(place: Place, placement: Placement): boolean {
  switch (place.kind) {
    case 'header':
      return (
        'header' in placement &&
        placement.header.name.toLowerCase() === place.name &&
        (placement.header.scheme ?? '').toLowerCase() === place.prefix.trimEnd().toLowerCase()
      );
    case 'basic':
      // A password beside a key in the name would be a second credential.
      return (
        'basic' in placement &&
        placement.basic.field === place.field &&
        (place.field === 'Password' || place.other === '')
      );
    case 'query':
      return 'query' in placement && placement.query.name === place.name;
    case 'path':
      return 'path' in placement && placement.path.prefix === place.prefix;
    case 'webSocketProtocol':
      break;
  }
  return 'webSocketProtocol' in placement && placement.webSocketProtocol.prefix === place.prefix;
}

function describePlacement(placement: Placement): string {
  if ('header' in placement) {
    const { name, scheme } = placement.header;
    return scheme === undefined ? name : `${name}: ${scheme}`;
  }
  if ('basic' in placement) return `${placement.basic.field.toLowerCase()} of Basic authentication`;
  if ('query' in placement) return `query parameter ${placement.query.name}`;
  if ('path' in placement) return `path ${placement.path.prefix}{token}`;
  if ('webSocketProtocol' in placement) return 'an entry of Sec-WebSocket-Protocol';
  return `${placement.webSocketMessage.field} in the first message of a WebSocket`;
}

/** RFC 7617 leaves the character set open; keys are ASCII, and the other field was read the same way */
export function encodeBasic(userPass: string): string {
  return Buffer.from(userPass, 'latin1').toString('base64');
}

/** keys of providers that take them in a URL hold nothing to escape, but `:` is allowed in paths and queries as it is */
function encoded(key: Secret<'provider-key'>): string {
  return key.reveal((plain) => encodeURIComponent(plain.toString('latin1')).replaceAll('%3A', ':'));
}

function splice(text: string, start: number, end: number, insert: string): string {
  return text.slice(0, start) + insert + text.slice(end);
}
