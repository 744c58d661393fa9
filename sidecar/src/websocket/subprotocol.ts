// Sub-protocols, where browser-style clients put their key: `realtime, openai-insecure-api-key.<token>`.

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
