// What went wrong on the way to the provider, in the words of the error catalogue. Messages of foreign errors are not passed
// on: they may quote what was sent.
import { types } from 'node:util';

import { SeksError } from '@seks/crds';

/** maps an error of connecting, TLS or HTTP to the catalogue */
export function toUpstreamError(cause: unknown): SeksError {
  const own = findSeksError(cause);
  if (own !== undefined) return own;
  const code = codeOf(cause);
  if (isTlsCode(code)) return new SeksError('SEKS_UPSTREAM_TLS', `Cause: ${code}.`, { cause });
  // What undici calls silence; of node:http the forwarder tells itself.
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return new SeksError('SEKS_UPSTREAM_TIMEOUT', undefined, { cause });
  const detail = code === '' ? undefined : `Cause: ${code}.`;
  return new SeksError('SEKS_UPSTREAM_UNREACHABLE', detail, { cause });
}

/** the `code` of a Node.js error, if it has a plain one; the first one of several attempts */
export function codeOf(cause: unknown): string {
  const [first] = attemptsOf(cause);
  if (first !== undefined) return codeOf(first);
  const code = types.isNativeError(cause) && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : '';
}

function findSeksError(cause: unknown): SeksError | undefined {
  if (cause instanceof SeksError) return cause;
  return attemptsOf(cause).find((error) => error instanceof SeksError);
}

/** the errors of an AggregateError: one for each address that was tried */
function attemptsOf(cause: unknown): readonly unknown[] {
  return types.isNativeError(cause) && 'errors' in cause && Array.isArray(cause.errors) ? cause.errors : [];
}

// OpenSSL's verification results have their own names, e.g. DEPTH_ZERO_SELF_SIGNED_CERT, UNABLE_TO_GET_ISSUER_CERT_LOCALLY.
function isTlsCode(code: string): boolean {
  return /^ERR_(?:TLS|SSL)_|^EPROTO$|CERT|CRL|ISSUER|SIGNATURE|INVALID_CA|INVALID_PURPOSE/.test(code);
}

/** what a network error says of itself, e.g. `connect ECONNREFUSED 10.0.0.1:8443`; else its code */
export function networkDetail(cause: unknown): string {
  const first = attemptsOf(cause)[0] ?? cause;
  // Only system errors: they name an operation, a code and an address, never what was sent.
  if (types.isNativeError(first) && 'syscall' in first) return first.message;
  return codeOf(cause) || 'unknown cause';
}
