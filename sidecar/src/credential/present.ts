// Finds the one credential of a request (S4, S5): exactly one, ours, and nothing else that looks like one.
import { type HeaderPlacement, looksLikeFakeToken, SeksError } from '@seks/crds';

import type { CredentialHeader, ScreenedRequest } from '../request/screen.ts';
import { hasCredentialParameter } from './foreign-parameter.ts';
import type { TokenEntry, TokenTable } from './tokens.ts';

/** where the agent put its token */
export interface PresentedToken {
  entry: TokenEntry;
  /** header name in lower case */
  header: string;
  /** what stands before the token in the header's value, e.g. `Bearer `, as the agent spelled it */
  prefix: string;
}

/** scheme, spaces, token; or the token alone */
const SCHEME_AND_TOKEN = /^([A-Za-z][A-Za-z0-9-]*)( +)([^\s]+)$/;

/**
 * finds the token of this pod in a request
 *
 * @returns undefined if the request carries no credential at all
 * @throws SeksError if there is one that is not ours, or more than one
 */
export function findToken(
  request: Pick<ScreenedRequest, 'credentials' | 'target'>,
  tokens: TokenTable,
): PresentedToken | undefined {
  const { credentials } = request;
  if (credentials.length === 1 && request.target.query === '') return recognise(only(credentials), tokens);
  if (looksLikeFakeToken(request.target.query)) throw refuseStranger(request.target.query, tokens);
  if (credentials.length > 1) throw refuseSeveral(credentials, tokens);
  if (hasCredentialParameter(request.target.query)) {
    throw new SeksError('SEKS_CREDENTIAL_FOREIGN', 'It is a query parameter.');
  }
  return credentials.length === 0 ? undefined : recognise(only(credentials), tokens);
}

/**
 * checks that the provider takes its key where the agent put the token
 *
 * @throws SeksError SEKS_TOKEN_MISSING naming the header that the provider wants
 */
export function checkPlacement(token: PresentedToken, placements: readonly HeaderPlacement[]): void {
  const scheme = token.prefix.trimEnd().toLowerCase();
  for (const { header } of placements) {
    if (header.name.toLowerCase() === token.header && (header.scheme ?? '').toLowerCase() === scheme) return;
  }
  const wanted = placements.map(({ header }) =>
    header.scheme ? `${header.name}: ${header.scheme}` : header.name,
  );
  throw new SeksError(
    'SEKS_TOKEN_MISSING',
    `Provider ${token.entry.provider} takes it as ${wanted.join(' or ')}.`,
  );
}

function recognise(header: CredentialHeader, tokens: TokenTable): PresentedToken {
  const parts = SCHEME_AND_TOKEN.exec(header.value);
  const token = parts?.[3] ?? header.value;
  const entry = tokens.find(token);
  if (entry === undefined) throw refuseStranger(header.value, tokens);
  return { entry, header: header.name, prefix: header.value.slice(0, header.value.length - token.length) };
}

/** a token of another pod is a leak alarm, wherever it stands; our own in an odd place is only a mistake */
function refuseStranger(text: string, tokens: TokenTable): SeksError {
  if (!looksLikeFakeToken(text)) return new SeksError('SEKS_TOKEN_UNKNOWN');
  const ours = text.split(/[^A-Za-z0-9._:-]+/).some((word) => tokens.find(word) !== undefined);
  return ours
    ? new SeksError('SEKS_CREDENTIAL_FOREIGN', 'The token is in a place where no provider takes it.')
    : new SeksError('SEKS_TOKEN_FOREIGN');
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

function only(headers: readonly CredentialHeader[]): CredentialHeader {
  return headers[0] ?? { name: '', value: '' };
}
