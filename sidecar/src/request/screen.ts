// Screens a request before anything else looks at it. Works on the raw header list: Node's own `headers` object drops and
// joins duplicates, and duplicates are what smuggling is made of.
import { SeksError } from '@seks/crds';

import type { HeaderClassifier } from './header-kind.ts';
import { parseProtocols } from './offered-protocols.ts';
import { hasMethodParameter } from './query-names.ts';
import { parseTarget, type Target } from './target.ts';

/** what the parser of HTTP hands over */
export interface RawRequest {
  method: string;
  url: string;
  httpVersion: string;
  /** names and values in turn, as received */
  rawHeaders: readonly string[];
}

export interface CredentialHeader {
  /** in lower case */
  name: string;
  value: string;
}

/** headers by lower-case name, in the form that `http.request` takes */
export type ForwardHeaders = Record<string, string | string[]>;

/** a request with exactly one meaning */
export interface ScreenedRequest {
  method: string;
  /** value of Host, which is one of the origin's own */
  host: string;
  target: Target;
  /** headers that may be forwarded: without credentials, hop-by-hop and Host */
  headers: ForwardHeaders;
  credentials: CredentialHeader[];
  /** entries of Sec-WebSocket-Protocol; empty unless the request asks for an upgrade */
  protocols: string[];
}

export interface ScreenOptions {
  /** values of Host, in lower case, that are this sidecar */
  hosts: ReadonlySet<string>;
  classifier: HeaderClassifier;
  /** the request came as an upgrade: it must ask for WebSocket, and for nothing else */
  upgrade?: boolean;
}

const MAX_HEADERS = 100;
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** with these Node frames a body of unknown length as chunked by itself */
const SELF_FRAMING_METHODS = new Set(['POST', 'PUT', 'PATCH']);

interface Framing {
  hosts: string[];
  contentLengths: string[];
  transferEncodings: string[];
  connection: string[];
  upgrades: string[];
  protocols: string[];
}

/**
 * checks that a request means one thing and takes it apart
 *
 * @throws SeksError with the code of the first rule that it breaks
 */
export function screenRequest(raw: RawRequest, options: ScreenOptions): ScreenedRequest {
  const { hosts, classifier, upgrade = false } = options;
  if (FORBIDDEN_METHODS.has(raw.method)) throw new SeksError('SEKS_METHOD_REFUSED');
  if (raw.rawHeaders.length > MAX_HEADERS * 2) throw malformed(`More than ${MAX_HEADERS} headers.`);
  // RTSP and ICE are told from HTTP/1.0 by nobody behind the parser; what speaks 1.0 today is a tool for attacks.
  if (raw.httpVersion !== '1.1') throw malformed('The version is not HTTP/1.1.');
  // Without a prototype: `constructor` is a header name like any other.
  const headers = Object.create(null) as ForwardHeaders;
  const credentials: CredentialHeader[] = [];
  const framing: Framing = {
    hosts: [],
    contentLengths: [],
    transferEncodings: [],
    connection: [],
    upgrades: [],
    protocols: [],
  };
  for (let i = 0; i < raw.rawHeaders.length; i += 2) {
    const value = raw.rawHeaders[i + 1] ?? '';
    const { name, kind } = classifier.classify(raw.rawHeaders[i] ?? '');
    switch (kind) {
      case 'pass':
        addHeader(headers, name, value);
        break;
      case 'credential':
        // SDKs that Speakeasy generates (Mistral's, OpenRouter's) send an empty Cookie with each request. It is not forwarded.
        if (name === 'cookie' && value === '') break;
        credentials.push({ name, value });
        break;
      case 'host':
        framing.hosts.push(value);
        break;
      case 'content-length':
        framing.contentLengths.push(value);
        break;
      case 'transfer-encoding':
        framing.transferEncodings.push(value);
        break;
      case 'connection':
        framing.connection.push(value);
        break;
      case 'expect':
        // The server has answered other expectations before; 100-continue is between agent and sidecar only.
        if (value.toLowerCase() !== '100-continue') throw new SeksError('SEKS_EXPECT_REFUSED');
        break;
      case 'upgrade':
        if (!upgrade) throw new SeksError('SEKS_UPGRADE_REFUSED');
        framing.upgrades.push(value);
        break;
      case 'websocket':
        // Key, version and extensions are between two ends of one connection, and there are two connections.
        if (name === 'sec-websocket-protocol') framing.protocols.push(value);
        break;
      case 'refuse':
        throw malformed(`The header ${name} is not forwarded.`);
      case 'drop':
        break;
    }
  }
  const host = checkHost(framing.hosts, hosts);
  if (upgrade) checkUpgrade(framing);
  dropNominated(headers, framing.connection, classifier, upgrade);
  frameBody(headers, framing, raw.method);
  const target = parseTarget(raw.url);
  if (hasMethodParameter(target.query)) throw malformed('A parameter of the query changes the method.');
  const protocols = upgrade ? parseProtocols(framing.protocols) : [];
  return { method: raw.method, host, target, headers, credentials, protocols };
}

function addHeader(headers: ForwardHeaders, name: string, value: string): void {
  const present = headers[name];
  if (present === undefined) headers[name] = value;
  else if (Array.isArray(present)) present.push(value);
  else headers[name] = [present, value];
}

function checkHost([host, ...others]: readonly string[], ours: ReadonlySet<string>): string {
  if (host === undefined || others.length > 0) throw malformed('The request needs exactly one Host header.');
  if (!ours.has(host.toLowerCase())) throw new SeksError('SEKS_HOST_REFUSED');
  return host;
}

// RFC 9110 §7.8 lets a client name several protocols; the relay speaks one.
function checkUpgrade({ upgrades, contentLengths, transferEncodings }: Framing): void {
  if (upgrades.length !== 1 || upgrades[0]?.toLowerCase() !== 'websocket')
    throw new SeksError('SEKS_UPGRADE_REFUSED');
  if (contentLengths.length + transferEncodings.length > 0) throw malformed('An upgrade has no body.');
}

// RFC 9110 §7.6.1 lets a client nominate more hop-by-hop headers. Nominating one that frames or authenticates the request
// is an attempt to make us drop it, and is refused instead.
function dropNominated(
  headers: ForwardHeaders,
  connection: readonly string[],
  classifier: HeaderClassifier,
  upgrade: boolean,
): void {
  for (const value of connection) {
    for (const option of value.split(',')) {
      const { name, kind } = classifier.classify(option.trim());
      if (kind === 'pass' && name !== 'content-type') delete headers[name];
      else if (kind !== 'drop' && !(upgrade && kind === 'upgrade'))
        throw malformed('The Connection header names a header that must be forwarded.');
    }
  }
}

// RFC 9112 §6.3: one framing, or the request can be split in two by the next server.
function frameBody(headers: ForwardHeaders, framing: Framing, method: string): void {
  const { contentLengths, transferEncodings } = framing;
  if (transferEncodings.length === 0) {
    if (contentLengths.length > 1) throw malformed('More than one Content-Length.');
    const length = contentLengths[0];
    if (length === undefined) return;
    if (!/^\d{1,15}$/.test(length)) throw malformed('Content-Length is not a number.');
    headers['content-length'] = length;
    return;
  }
  if (contentLengths.length > 0) throw malformed('Both Content-Length and Transfer-Encoding.');
  if (transferEncodings.length > 1 || transferEncodings[0]?.toLowerCase() !== 'chunked') {
    throw malformed('Transfer-Encoding is not chunked.');
  }
  // Without the header Node would send such a body unframed with other methods (as in CVE-2026-29057); with it,
  // httpxy gives up the upstream connection afterwards, so it is set only where it is needed.
  if (!SELF_FRAMING_METHODS.has(method)) headers['transfer-encoding'] = 'chunked';
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
