// The agent's opening handshake: what makes it a valid one, and which of its headers go to the provider.
import { SeksError } from '@seks/crds';

import type { ForwardHeaders } from '../request/screen.ts';

/** the head of an upgrade request, as the parser of HTTP hands it over */
export interface RawHandshake {
  method?: string | undefined;
  /** names and values in turn, as received */
  rawHeaders: readonly string[];
}

/** 16 bytes in base64: 21 characters, one that has four bits of them, and the padding */
const KEY_OF_16_BYTES = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * checks what RFC 6455 §4.2.1 asks beyond the screening of every upgrade; on the raw headers, because duplicates are ambiguous
 *
 * @throws SeksError SEKS_REQUEST_MALFORMED saying what is wrong
 */
export function checkHandshake({ method, rawHeaders }: RawHandshake): void {
  if (method !== 'GET') throw malformed('A WebSocket handshake is a GET request.');
  if (!valuesOf(rawHeaders, 'connection').some(namesUpgrade))
    throw malformed('The Connection header does not name the upgrade.');
  const versions = valuesOf(rawHeaders, 'sec-websocket-version');
  if (versions.length !== 1 || versions[0] !== '13') throw malformed('Sec-WebSocket-Version is not 13.');
  const keys = valuesOf(rawHeaders, 'sec-websocket-key');
  if (keys.length !== 1 || !KEY_OF_16_BYTES.test(keys[0] ?? ''))
    throw malformed('Sec-WebSocket-Key is not 16 bytes in base64.');
}

/** the headers of a screened handshake that go to the provider */
export function upgradeHeaders(screened: ForwardHeaders): ForwardHeaders {
  const headers = Object.assign(Object.create(null) as ForwardHeaders, screened);
  // For the body of a refusal, which has to be scrubbed too.
  headers['accept-encoding'] = 'identity';
  return headers;
}

/** @param name in lower case */
function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push((rawHeaders[i + 1] ?? '').trim());
  }
  return values;
}

function namesUpgrade(connection: string): boolean {
  return connection.split(',').some((option) => option.trim().toLowerCase() === 'upgrade');
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
