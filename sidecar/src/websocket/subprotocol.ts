// Sub-protocols, where browser-style clients put their key: `realtime, openai-insecure-api-key.<token>`.
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

/**
 * the sub-protocol that the agent is told; never one that carries a credential
 *
 * @param offered what the agent offered, before the swap
 * @param chosen what the provider chose; empty if nothing
 * @returns false if the agent is to be told none
 */
export function protocolForAgent(
  offered: readonly string[],
  prefix: string | undefined,
  chosen: string,
): string | false {
  if (chosen === '') return false;
  const harmless = offered.filter((protocol) => prefix === undefined || !carries(protocol, prefix));
  // A provider that echoes the key has agreed to the list; the first one without it stands for that.
  return harmless.includes(chosen) ? chosen : (harmless[0] ?? false);
}

// Case-insensitively, so that another spelling is not let through as a protocol like any other.
function carries(protocol: string, prefix: string): boolean {
  return protocol.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase();
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
