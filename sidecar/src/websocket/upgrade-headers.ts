// The agent's opening handshake: what makes it a valid one, and which of its headers go to the provider.
import { SeksError } from '@seks/crds';

import type { ForwardHeaders } from '../request/screen.ts';

/** the head of an upgrade request, as the parser of HTTP hands it over */
export interface RawHandshake {
  method?: string | undefined;
  httpVersion: string;
  /** names and values in turn, as received */
  rawHeaders: readonly string[];
}

/** 16 bytes in base64: 21 characters, one that has four bits of them, and the padding */
const KEY_OF_16_BYTES = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * checks the handshake as RFC 6455 §4.2.1 asks; on the raw headers, because duplicates are ambiguous
 *
 * @throws SeksError SEKS_REQUEST_MALFORMED saying what is wrong
 */
export function checkHandshake({ method, httpVersion, rawHeaders }: RawHandshake): void {
  if (method !== 'GET') throw malformed('A WebSocket handshake is a GET request.');
  if (httpVersion !== '1.1') throw malformed('A WebSocket handshake needs HTTP/1.1.');
  const seen = handshakeFields(rawHeaders);
  if (seen.upgrade.length !== 1 || seen.upgrade[0]?.toLowerCase() !== 'websocket')
    throw malformed('The Upgrade header is not websocket.');
  if (!seen.connection.some(namesUpgrade))
    throw malformed('The Connection header does not name the upgrade.');
  if (seen.version.length !== 1 || seen.version[0] !== '13')
    throw malformed('Sec-WebSocket-Version is not 13.');
  if (seen.key.length !== 1 || !KEY_OF_16_BYTES.test(seen.key[0] ?? ''))
    throw malformed('Sec-WebSocket-Key is not 16 bytes in base64.');
  // What follows a handshake is frames. Read as a body by anyone, it would be a request of its own.
  if (seen.framing.some((value) => value !== '0')) throw malformed('A WebSocket handshake has no body.');
}

/**
 * the headers of a screened handshake that go to the provider
 *
 * Key, version and extensions belong to one connection and the relay makes two; compression is left out because what is
 * compressed cannot be scrubbed. Sub-protocols may carry the credential and are handled apart.
 */
export function upgradeHeaders(screened: ForwardHeaders): ForwardHeaders {
  const headers = Object.create(null) as ForwardHeaders;
  for (const name in screened) {
    if (name.startsWith('sec-websocket-') || name === 'content-length') continue;
    const value = screened[name];
    if (value !== undefined) headers[name] = value;
  }
  // For the body of a refusal, which has to be scrubbed too.
  headers['accept-encoding'] = 'identity';
  return headers;
}

interface HandshakeFields {
  upgrade: string[];
  connection: string[];
  version: string[];
  key: string[];
  framing: string[];
}

function handshakeFields(rawHeaders: readonly string[]): HandshakeFields {
  const seen: HandshakeFields = { upgrade: [], connection: [], version: [], key: [], framing: [] };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = (rawHeaders[i + 1] ?? '').trim();
    switch ((rawHeaders[i] ?? '').toLowerCase()) {
      case 'upgrade':
        seen.upgrade.push(value);
        break;
      case 'connection':
        seen.connection.push(value);
        break;
      case 'sec-websocket-version':
        seen.version.push(value);
        break;
      case 'sec-websocket-key':
        seen.key.push(value);
        break;
      case 'content-length':
      case 'transfer-encoding':
        seen.framing.push(value);
        break;
    }
  }
  return seen;
}

function namesUpgrade(connection: string): boolean {
  return connection.split(',').some((option) => option.trim().toLowerCase() === 'upgrade');
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
