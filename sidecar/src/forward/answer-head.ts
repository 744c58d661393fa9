// Which headers of the provider's answer reach the agent.

const DROPPED = new Set([
  // RFC 9110 §7.6.1: hop-by-hop.
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // A session at the provider would be a credential in the agent's hands; the agent's cookies are refused anyway.
  'set-cookie',
  'set-cookie2',
  // Would tell the client to go around the sidecar.
  'alt-svc',
  'strict-transport-security',
  'public-key-pins',
]);

/** the raw headers, names and values in turn, that may be passed on */
export function passableHeaders(rawHeaders: readonly string[]): string[] {
  const nominated = nominatedBy(rawHeaders);
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] ?? '';
    if (isPassable(raw.toLowerCase(), nominated)) kept.push(raw, rawHeaders[i + 1] ?? '');
  }
  return kept;
}

function isPassable(name: string, nominated: ReadonlySet<string>): boolean {
  // `x-seks-`: only the sidecar speaks in its own name.
  return !DROPPED.has(name) && !nominated.has(name) && !name.startsWith('x-seks-');
}

const NONE: ReadonlySet<string> = new Set();

function nominatedBy(rawHeaders: readonly string[]): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] ?? '';
    if (raw.length !== 10 || raw.toLowerCase() !== 'connection') continue;
    for (const option of (rawHeaders[i + 1] ?? '').split(',')) {
      const name = option.trim().toLowerCase();
      // Without its length a body would have to be re-framed; nothing is gained by allowing that.
      if (name !== 'content-length' && name !== 'keep-alive' && name !== 'close')
        (names ??= new Set()).add(name);
    }
  }
  return names ?? NONE;
}
