// The list of sub-protocols in the handshake of a WebSocket.
import { SeksError } from '@seks/crds';

/** RFC 9110 §5.6.2 */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const MAX_PROTOCOLS = 32;

/**
 * the sub-protocols that a client offers, in its order
 *
 * @param values of Sec-WebSocket-Protocol, one for each time that the header stands there
 * @throws SeksError SEKS_REQUEST_MALFORMED if the list breaks RFC 6455 §4.1, as an empty or repeated element does
 */
export function parseProtocols(values: readonly string[]): string[] {
  const list = values.flatMap((value) => value.split(',')).map((element) => element.trim());
  if (list.length > MAX_PROTOCOLS) throw malformed(`More than ${MAX_PROTOCOLS} sub-protocols.`);
  if (!list.every((protocol) => TOKEN.test(protocol))) throw malformed('A sub-protocol is not a token.');
  if (new Set(list).size < list.length) throw malformed('A sub-protocol is named twice.');
  return list;
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
