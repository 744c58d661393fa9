// The head of an HTTP/2 request as one of HTTP/1.1, and of an answer the other way round. Whatever has no exact counterpart
// is refused here; everything else is left to the checks that all requests pass.
import { SeksError } from '@seks/crds';

/** a request head in the form that `http.request` takes */
export interface InnerHead {
  method: string;
  path: string;
  /** names and values in turn */
  headers: string[];
}

/** RFC 9113 §8.2.2: they frame or route an HTTP/1.1 message, so one that came through would frame ours */
const CONNECTION_SPECIFIC = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
const PSEUDO = new Set([':method', ':scheme', ':path', ':authority']);
const SELF_FRAMING_METHODS = new Set(['POST', 'PUT', 'PATCH']);

/**
 * translates the head of a stream
 *
 * @param raw names and values in turn, as received
 * @param scheme how the connection came in: RFC 9113 §8.3.1 lets a stream name another, which would be two opinions of one request
 * @param hasBody false if the stream's first half has ended with the head
 * @throws SeksError SEKS_METHOD_REFUSED for CONNECT, extended or not; SEKS_REQUEST_MALFORMED for all else that has no counterpart
 */
export function innerHead(raw: readonly string[], scheme: 'http' | 'https', hasBody: boolean): InnerHead {
  const pseudo = new Map<string, string>();
  const headers: string[] = [];
  const hosts: string[] = [];
  let framed = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name.startsWith(':')) {
      // RFC 9113 §8.3: known ones, once each, before all others.
      if (!PSEUDO.has(name) || pseudo.has(name) || headers.length + hosts.length > 0) {
        throw malformed('The pseudo-header fields are not those of a request.');
      }
      pseudo.set(name, value);
      continue;
    }
    if (name !== name.toLowerCase()) throw malformed('A header name has upper-case letters.');
    if (CONNECTION_SPECIFIC.has(name)) throw malformed(`The header ${name} does not exist in HTTP/2.`);
    if (name === 'te' && value !== 'trailers') throw malformed('TE has another value than trailers.');
    // Node hands values over decoded; sent on, they would not be the bytes that came.
    if (!isAscii(value)) throw malformed('A header value is not ASCII.');
    if (name === 'host') hosts.push(value);
    else headers.push(name, value);
    framed ||= name === 'content-length';
  }
  const method = pseudo.get(':method') ?? '';
  if (method === 'CONNECT') throw new SeksError('SEKS_METHOD_REFUSED');
  const path = pseudo.get(':path') ?? '';
  if (method === '' || path === '') throw malformed('The pseudo-header fields are not complete.');
  // `http.request` would send `get` as GET.
  if (method !== method.toUpperCase()) throw malformed('The method has lower-case letters.');
  if (pseudo.get(':scheme') !== scheme) throw malformed(`The scheme is not ${scheme}.`);
  const authority = pseudo.get(':authority');
  // RFC 9113 §8.3.1: a Host that differs must not be forwarded; which of the two was meant is nobody's to guess.
  if (authority !== undefined && hosts.some((host) => host !== authority)) {
    throw malformed('The Host header differs from :authority.');
  }
  for (const host of authority === undefined ? hosts : [authority]) headers.push('host', host);
  if (hasBody && !framed) headers.push('transfer-encoding', 'chunked');
  // One request for each connection in memory.
  headers.push('connection', 'close');
  if (!hasBody && !framed && SELF_FRAMING_METHODS.has(method)) headers.push('content-length', '0');
  return { method, path, headers };
}

/** the header fields of an answer by lower-case name, without those that HTTP/2 has no place for */
export function streamFields(rawHeaders: readonly string[]): Record<string, string | string[]> {
  // Without a prototype: `constructor` is a header name like any other.
  const fields = Object.create(null) as Record<string, string | string[]>;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    if (CONNECTION_SPECIFIC.has(name) || name === 'trailer') continue;
    const present = fields[name];
    if (present === undefined) fields[name] = value;
    else if (Array.isArray(present)) present.push(value);
    else fields[name] = [present, value];
  }
  return fields;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7e) return false;
  return true;
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
