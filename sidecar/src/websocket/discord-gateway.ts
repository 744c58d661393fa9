// Discord's gateway, where the bot's token is inside the first message (IDENTIFY, RESUME) instead of the handshake.
import { type Secret, SeksError } from '@seks/crds';

import type { IdentifyBudget } from './identify-budget.ts';
import { findValue, JsonFieldError, readField, replaceField, replaceValue } from './json-field.ts';
import { ConnectionRefusal, type Message } from './message.ts';

export interface DiscordGatewayOptions {
  /** the key that the agent's token stands for; throws a SeksError if it is none of ours */
  swap: (token: string) => Secret<'provider-key'>;
  /** whether the provider's document has the host, so that there is a way back to it through the sidecar */
  isOurs: (host: string) => boolean;
  /** the URL by which the agent comes back through the sidecar; gets `wss://<host>` with a host below discord.gg */
  rewriteUrl: (url: string) => string;
  /** shared by all connections of the credential */
  identifyBudget: Pick<IdentifyBudget, 'take'>;
  /** monotonic time in `ms` */
  nowMs: () => number;
}

/** the protocol of one connection; not to be shared */
export interface DiscordGateway {
  /**
   * what to send instead of the agent's message
   *
   * @throws ConnectionRefusal
   */
  toUpstream(message: Message): Message;
  /**
   * what to send instead of Discord's message
   *
   * @throws SeksError if it cannot be read where it has to be
   */
  toClient(message: Message): Message;
}

const OP_HEARTBEAT = 1;
const OP_IDENTIFY = 2;
const OP_RESUME = 6;

// Clients decide by the code whether to come back. discord.js and discord.py take 4004 for final. With 4002, 4003 or a code
// that they do not know they are back in half a second, for ever.
const CLOSE_AUTHENTICATION_FAILED = 4004;
/** both wait their 5 s before they identify again */
const CLOSE_RATE_LIMITED = 4008;

const TOKEN_PATH = ['d', 'token'];
const RESUME_URL_PATH = ['d', 'resume_gateway_url'];
const RESUME_URL_NAME = Buffer.from('"resume_gateway_url"');
const GATEWAY_HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}discord\.gg$/;
const DEFAULT_GATEWAY = 'wss://gateway.discord.gg';

/**
 * the query for Discord's gateway, made of the agent's: JSON without compression, because nothing else can be read
 *
 * @param query with its question mark, or empty
 * @throws SeksError SEKS_REQUEST_MALFORMED if the agent asks for another encoding
 */
export function discordGatewayQuery(query: string): string {
  const asked = new URLSearchParams(query);
  const versions = asked.getAll('v');
  const encodings = asked.getAll('encoding');
  if (encodings.some((encoding) => encoding !== 'json'))
    throw malformed('Only encoding=json is relayed; ETF is not.');
  if (versions.length > 1 || encodings.length > 1) throw malformed('A parameter is repeated.');
  const version = versions[0];
  if (version !== undefined && !/^\d{1,3}$/.test(version)) throw malformed('The version is not a number.');
  return version === undefined ? '?encoding=json' : `?v=${version}&encoding=json`;
}

/** the adapter for one connection */
export function createDiscordGateway(options: DiscordGatewayOptions): DiscordGateway {
  let authenticated = false;
  return {
    toUpstream(message) {
      try {
        const text = readText(message);
        const op = readOp(text);
        if (op === OP_IDENTIFY || op === OP_RESUME) {
          const swapped = authenticate(text, op, options);
          authenticated = true;
          return { data: Buffer.from(swapped), binary: false };
        }
        if (!authenticated && op !== OP_HEARTBEAT) throw new SeksError('SEKS_TOKEN_MISSING');
        return message;
      } catch (cause) {
        throw refusalOf(cause);
      }
    },
    toClient(message) {
      // Compression was turned off in query and IDENTIFY; what is compressed all the same could not be scrubbed.
      if (message.binary) throw new SeksError('SEKS_UPSTREAM_ENCODING');
      if (!message.data.includes(RESUME_URL_NAME)) return message;
      return { data: Buffer.from(bringHome(message.data.toString('utf8'), options)), binary: false };
    },
  };
}

function readText({ data, binary }: Message): string {
  if (binary) throw malformed('Binary messages of a gateway client are not relayed.');
  return data.toString('utf8');
}

/** written as an integer: `2.0` or `"2"` might still be IDENTIFY to someone */
function readOp(text: string): number {
  const span = findValue(text, ['op']);
  const literal = span === undefined ? '' : text.slice(span.start, span.end);
  if (!/^\d{1,3}$/.test(literal)) throw malformed('The message has no opcode.');
  return Number(literal);
}

// S15: the token first, then the budget, and only then the key.
function authenticate(text: string, op: number, options: DiscordGatewayOptions): string {
  const token = readField(text, TOKEN_PATH);
  if (token === undefined) throw new SeksError('SEKS_TOKEN_MISSING');
  const key = options.swap(token);
  // A RESUME costs nothing at Discord.
  if (op === OP_IDENTIFY) spend(options);
  const swapped = key.reveal((plaintext) => replaceField(text, TOKEN_PATH, plaintext.toString('utf8')));
  return replaceValue(swapped, ['d', 'compress'], 'false');
}

function spend({ identifyBudget, nowMs }: DiscordGatewayOptions): void {
  const decision = identifyBudget.take(nowMs());
  if (decision === 'granted') return;
  const error = new SeksError('SEKS_IDENTIFY_BUDGET');
  throw new ConnectionRefusal(
    error,
    decision === 'too-soon' ? CLOSE_RATE_LIMITED : CLOSE_AUTHENTICATION_FAILED,
  );
}

/** the message with a resume URL that leads through the sidecar */
function bringHome(text: string, { isOurs, rewriteUrl }: DiscordGatewayOptions): string {
  try {
    const url = readField(text, RESUME_URL_PATH);
    if (url === undefined) return text;
    return replaceField(text, RESUME_URL_PATH, rewriteUrl(trustedGateway(url, isOurs)));
  } catch (cause) {
    if (!(cause instanceof JsonFieldError)) throw cause;
    throw new SeksError('SEKS_UPSTREAM_UNREACHABLE', 'Its gateway sent a message that cannot be read.', {
      cause,
    });
  }
}

// The URL becomes part of a route on which the real token is sent: another host than Discord's must not get there. One that the
// document does not have would stay as it is, and lead the agent around the sidecar. An odd one is replaced by the gateway that
// everybody starts with; Discord answers a RESUME there with "invalid session" at worst.
function trustedGateway(url: string, isOurs: (host: string) => boolean): string {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.protocol !== 'wss:' || parsed.port !== '') return DEFAULT_GATEWAY;
  if (parsed.username !== '' || parsed.password !== '') return DEFAULT_GATEWAY;
  const { hostname } = parsed;
  return GATEWAY_HOST.test(hostname) && isOurs(hostname) ? `wss://${hostname}` : DEFAULT_GATEWAY;
}

function refusalOf(cause: unknown): unknown {
  if (cause instanceof ConnectionRefusal) return cause;
  if (cause instanceof SeksError) return new ConnectionRefusal(cause, CLOSE_AUTHENTICATION_FAILED);
  if (cause instanceof JsonFieldError)
    return new ConnectionRefusal(malformed(cause.message), CLOSE_AUTHENTICATION_FAILED);
  return cause;
}

function malformed(detail: string): SeksError {
  return new SeksError('SEKS_REQUEST_MALFORMED', detail);
}
