// Finds the one credential of a request (S4, S5): exactly one, ours, and nothing else that looks like one.
import { looksLikeFakeToken, SeksError } from '@seks/crds';

import type { CredentialHeader, ScreenedRequest } from '../request/screen.ts';
import { hasCredentialParameter } from './foreign-parameter.ts';
import type { Place, PresentedToken } from './place.ts';
import type { PlacementIndex } from './placement-index.ts';
import { refuseStranger } from './stranger.ts';
import { findInPath, findInProtocols, findInQuery, hasKeyInPath } from './url-places.ts';
import type { TokenTable } from './tokens.ts';

/** what is searched */
export type Searched = Pick<ScreenedRequest, 'credentials' | 'target' | 'protocols'>;

/** scheme, spaces, token; or the token alone */
const SCHEME_AND_TOKEN = /^([A-Za-z][A-Za-z0-9-]*)( +)([^\s]+)$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const MAX_OTHER_FIELD = 256;
/** each costs a hash, and there is room for 20,000 of them in a header */
const MAX_TOKEN_COLONS = 8;
/** what entries of Sec-WebSocket-Protocol are called that hold a key; names of real protocols have none of these */
const CREDENTIAL_PROTOCOL = /api-?key|bearer|token|auth|secret|jwt|password|credential/i;
/** every fake token has it, so that most requests need no closer look */
const MARKER = 'seks';

/**
 * finds the token of this pod in a request
 *
 * @returns undefined if the request carries no credential at all
 * @throws SeksError if there is one that is not ours, or more than one
 */
export function findToken(
  request: Searched,
  tokens: TokenTable,
  index: PlacementIndex,
): PresentedToken | undefined {
  const { credentials, target, protocols } = request;
  if (credentials.length > 1) throw refuseSeveral(credentials, tokens);
  const first = credentials[0];
  const inHeader = first === undefined ? undefined : recognise(first, tokens);
  // The usual request: one header, and nothing anywhere else.
  if (
    inHeader !== undefined &&
    target.query === '' &&
    protocols.length === 0 &&
    index.pathPrefixes.length === 0 &&
    !target.plainPath.includes(MARKER)
  ) {
    return inHeader;
  }
  const inUrl = findInPath(target, index, tokens) ?? findInQuery(target.query, index, tokens);
  const inProtocols = findInProtocols(protocols, index, tokens);
  checkRest(request, tokens, inUrl?.place, inProtocols?.place);
  const found = [inHeader, inUrl, inProtocols].filter((token) => token !== undefined);
  if (found.length > 1) throw new SeksError('SEKS_TOKEN_AMBIGUOUS');
  const [token] = found;
  if (token?.place.kind !== 'path' && hasKeyInPath(target.plainPath, index, token?.entry.provider)) {
    throw token === undefined
      ? new SeksError('SEKS_TOKEN_UNKNOWN')
      : new SeksError('SEKS_CREDENTIAL_FOREIGN', 'It is in the path.');
  }
  return token;
}

/**
 * S5: besides the token's own parameter a query must hold no credential. Not for URLs that the provider handed out: their
 * signatures are credentials, and belong there
 *
 * @throws SeksError SEKS_CREDENTIAL_FOREIGN
 */
export function checkQuery(query: string, token: PresentedToken | undefined, index: PlacementIndex): void {
  if (query === '') return;
  const place = token?.place;
  const known = place?.kind === 'query' ? place.name : undefined;
  if (hasCredentialParameter(query, index.plainQueryNames, known)) {
    throw new SeksError('SEKS_CREDENTIAL_FOREIGN', 'It is a query parameter.');
  }
}

/** S5: whatever is left beside the recognised token must not be a credential, nor a token in an odd place */
function checkRest(
  { target, protocols }: Searched,
  tokens: TokenTable,
  inUrl: Place | undefined,
  inProtocols: Place | undefined,
): void {
  const path = inUrl?.kind === 'path' ? without(target.path, inUrl) : target.path;
  const query = inUrl?.kind === 'query' ? without(target.query, inUrl) : target.query;
  const rest = protocols.filter(
    (_, at) => inProtocols?.kind !== 'webSocketProtocol' || inProtocols.index !== at,
  );
  for (const text of [path, query, ...rest]) {
    const plain = text.includes('%') ? unescaped(text) : text;
    if (plain.includes(MARKER) && looksLikeFakeToken(plain)) throw refuseStranger(plain, tokens);
  }
  if (rest.some((entry) => CREDENTIAL_PROTOCOL.test(entry))) {
    throw new SeksError('SEKS_CREDENTIAL_FOREIGN', 'It is an entry of Sec-WebSocket-Protocol.');
  }
}

function recognise(header: CredentialHeader, tokens: TokenTable): PresentedToken {
  const parts = SCHEME_AND_TOKEN.exec(header.value);
  const token = parts?.[3] ?? header.value;
  const prefix = header.value.slice(0, header.value.length - token.length);
  const entry = tokens.find(token);
  if (entry !== undefined) return { entry, place: { kind: 'header', name: header.name, prefix } };
  const basic =
    parts?.[1]?.toLowerCase() === 'basic' ? recogniseBasic(header, prefix, token, tokens) : undefined;
  if (basic !== undefined) return basic;
  throw refuseStranger(header.value, tokens);
}

/** RFC 7617 §2: the first colon ends the user name */
function recogniseBasic(
  { name }: CredentialHeader,
  prefix: string,
  encoded: string,
  tokens: TokenTable,
): PresentedToken | undefined {
  if (!BASE64.test(encoded)) throw refuseStranger(encoded, tokens);
  const text = Buffer.from(encoded, 'base64').toString('latin1');
  for (const [field, token, other] of splits(text)) {
    const entry = tokens.find(token);
    if (entry === undefined) continue;
    if (other.length > MAX_OTHER_FIELD || looksLikeFakeToken(other)) {
      throw new SeksError('SEKS_TOKEN_AMBIGUOUS');
    }
    return { entry, place: { kind: 'basic', name, prefix, field, other } };
  }
  throw refuseStranger(text, tokens);
}

/** tokens may hold colons (Telegram's do), so each of the first may be the border */
function* splits(text: string): Generator<['Username' | 'Password', string, string]> {
  const first = text.indexOf(':');
  if (first === -1) return;
  yield ['Password', text.slice(first + 1), text.slice(0, first)];
  for (let at = first, before = 0; at !== -1 && before <= MAX_TOKEN_COLONS; before += 1) {
    yield ['Username', text.slice(0, at), text.slice(at + 1)];
    at = text.indexOf(':', at + 1);
  }
}

function refuseSeveral(headers: readonly CredentialHeader[], tokens: TokenTable): SeksError {
  let ours = 0;
  for (const header of headers) {
    try {
      recognise(header, tokens);
      ours += 1;
    } catch (cause) {
      if (cause instanceof SeksError && cause.code === 'SEKS_TOKEN_FOREIGN') return cause;
    }
  }
  const repeated = new Set(headers.map(({ name }) => name)).size < headers.length;
  return new SeksError(ours > 1 || repeated ? 'SEKS_TOKEN_AMBIGUOUS' : 'SEKS_CREDENTIAL_FOREIGN');
}

function without(text: string, { start, end }: { start: number; end: number }): string {
  return text.slice(0, start) + text.slice(end);
}

function unescaped(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
