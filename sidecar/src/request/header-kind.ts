// What becomes of a request header, by its name alone. The tables are closed: what is not named here passes unchanged.

/** what the sidecar does with a header of the agent's request */
export type HeaderKind =
  | 'pass'
  /** not forwarded: hop-by-hop (RFC 9110 §7.6.1), or a hint that only the sidecar may give */
  | 'drop'
  /** the request is refused: it would change the meaning of what the policy has looked at */
  | 'refuse'
  | 'credential'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'expect'
  | 'upgrade'
  /** part of a WebSocket handshake (RFC 6455 §11.3) */
  | 'websocket';

/** a header name in lower case, with its kind */
export interface ClassifiedName {
  name: string;
  kind: HeaderKind;
}

const SPECIAL: Readonly<Record<string, HeaderKind>> = {
  host: 'host',
  'content-length': 'content-length',
  'transfer-encoding': 'transfer-encoding',
  connection: 'connection',
  expect: 'expect',
  upgrade: 'upgrade',
};

const DROPPED = new Set([
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'http2-settings',
  // We ask for identity ourselves: what is compressed cannot be scrubbed or metered.
  'accept-encoding',
  // Two ranges, each with half of a reflected key, would each pass the scrubber. Servers may ignore Range (RFC 9110 §14.2).
  'range',
  'if-range',
  'forwarded',
  'via',
  'x-real-ip',
  'true-client-ip',
  'cf-connecting-ip',
]);

/** names by which some servers exchange the method, path or host after the policy has looked at them */
const REFUSED = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-original-host',
  'x-rewrite-url',
  'x-host',
  'x-envoy-original-path',
  '__proto__',
]);

/** names whose last word says that a credential is in them; `idempotency-key` and the like are none */
const CREDENTIAL_SHAPE =
  /(?:^|-)(?:auth|authentication|authorization|cookie2?|token|secret|password|passwd|credentials?|jwt|apikey|(?:api|access|auth|account|admin|master|private|secret|subscription|user)-?key|key-?id)$/;
const CREDENTIALS = new Set(['key', 'x-key', 'bearer', 'x-amz-signature', 'x-amz-credential']);

const MAX_CACHED_NAMES = 512;

/** sorts header names into kinds */
export interface HeaderClassifier {
  classify(rawName: string): ClassifiedName;
}

/**
 * a classifier that also takes the given names for credentials
 *
 * @param placements header names, in lower case, that the providers of this pod take a key in
 */
export function createHeaderClassifier(placements: ReadonlySet<string>): HeaderClassifier {
  // SDKs send the same few spellings for ever; an agent that invents names must not fill the memory.
  const cache = new Map<string, ClassifiedName>();
  return {
    classify(rawName) {
      const known = cache.get(rawName);
      if (known !== undefined) return known;
      const name = rawName.toLowerCase();
      const isPlacement = placements.has(name) || placements.has(name.replaceAll('_', '-'));
      const classified = { name, kind: isPlacement ? placementKind(name) : kindOf(name) };
      if (cache.size < MAX_CACHED_NAMES) cache.set(rawName, classified);
      return classified;
    },
  };
}

/** a provider document cannot make a credential of what frames the request */
function placementKind(name: string): HeaderKind {
  return Object.hasOwn(SPECIAL, name) || REFUSED.has(name) ? 'refuse' : 'credential';
}

/** CGI and its heirs read an underscore as a hyphen, so a name with one stands for the other as well */
function kindOf(name: string): HeaderKind {
  if (!name.includes('_')) return kindOfPlain(name);
  const kind = REFUSED.has(name) ? 'refuse' : kindOfPlain(name.replaceAll('_', '-'));
  return kind === 'pass' || kind === 'drop' || kind === 'credential' ? kind : 'refuse';
}

function kindOfPlain(name: string): HeaderKind {
  if (Object.hasOwn(SPECIAL, name)) return SPECIAL[name] ?? 'refuse';
  if (REFUSED.has(name)) return 'refuse';
  if (CREDENTIALS.has(name) || CREDENTIAL_SHAPE.test(name)) return 'credential';
  if (DROPPED.has(name)) return 'drop';
  if (name.startsWith('sec-websocket-')) return 'websocket';
  if (name.startsWith('x-forwarded-') || name.startsWith('x-seks-') || name.startsWith('proxy-'))
    return 'drop';
  return 'pass';
}
