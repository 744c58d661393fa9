// A token that comes in the first message of a WebSocket instead of its handshake: Discord's gateway, and APIs whose document names
// a member of the message.
import { looksLikeFakeToken, type Secret, SeksError } from '@seks/crds';

import { credentialKey, type TokenEntry } from '../credential/tokens.ts';
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { Scheduler } from '../lease/scheduler.ts';
import { type Admission, type AdmitOptions, type AdmittedRequest, checkRoute } from '../listen/admit.ts';
import { createDiscordGateway } from './discord-gateway.ts';
import type { IdentifyBudgets } from './identify-budgets.ts';
import { JsonFieldError, readField, replaceField } from './json-field.ts';
import type { Message } from './message.ts';

export interface LateTokenDeps extends Pick<AdmitOptions, 'tokens' | 'holder'> {
  scheduler: Scheduler;
  nowMs: () => number;
  identifyBudgets: IdentifyBudgets;
}

export interface LateTokenOptions {
  /** path of the member, with full stops */
  field: string;
  admitted: AdmittedRequest;
  /** is filled when the token is known */
  admission: Admission;
  deps: LateTokenDeps;
  /** the credential is used from now on; what it throws refuses the token */
  use: (credential: GrantedCredential) => void;
  rewriteUrl: (url: string) => string;
}

/** the protocol of one connection until its token has come, and after */
export interface LateToken {
  toUpstream(message: Message): Message;
  toClient(message: Message): Message;
  /** calls back if no token comes in time; the returned function calls it off */
  watch(expired: () => void): () => void;
}

/** Discord gives its clients as long, and nobody needs longer to say who it is */
const TOKEN_TIMEOUT_MS = 60_000;

/** whether a connection speaks the gateway's protocol */
export function isDiscordGateway({ credential, tokenField }: AdmittedRequest): boolean {
  return credential.provider.spec.protocol === 'DiscordGateway' && tokenField !== undefined;
}

/** waits for the token of one connection */
export function createLateToken(options: LateTokenOptions): LateToken {
  const { admitted, admission, deps } = options;
  let known: { entry: TokenEntry; credential: GrantedCredential } | undefined;
  const swap = (token: string): Secret<'provider-key'> => {
    const entry = findOurs(token, deps);
    if (known !== undefined && entry !== known.entry) throw new SeksError('SEKS_TOKEN_AMBIGUOUS');
    admission.entry = entry;
    const credential = grantedHere(entry, admitted, deps);
    // A gateway may be asked to identify again on the same connection. It keeps its key, because that is the one that is scrubbed.
    if (known !== undefined) return known.credential.vault.key;
    admission.credential = credential;
    checkRoute({ ...admitted, credential }, 'GET', admission);
    options.use(credential);
    known = { entry, credential };
    return credential.vault.key;
  };
  const protocol = isDiscordGateway(admitted)
    ? createDiscordGateway({
        swap,
        isOurs: (host) => admitted.credential.upstreams.find(host)?.keyed === true,
        rewriteUrl: options.rewriteUrl,
        // The budget belongs to the bot, whichever of its tokens asks.
        identifyBudget: {
          take: (nowMs) => deps.identifyBudgets.of(credentialKey(known?.entry ?? admitted.entry)).take(nowMs),
        },
        nowMs: deps.nowMs,
      })
    : createFirstMessage(options.field.split('.'), swap);
  return {
    ...protocol,
    watch: (expired) =>
      deps.scheduler.after(TOKEN_TIMEOUT_MS, () => {
        if (known === undefined) expired();
      }),
  };
}

/** S4: a token of this pod */
function findOurs(token: string, { tokens }: LateTokenDeps): TokenEntry {
  const entry = tokens.find(token);
  if (entry !== undefined) return entry;
  throw new SeksError(looksLikeFakeToken(token) ? 'SEKS_TOKEN_FOREIGN' : 'SEKS_TOKEN_UNKNOWN');
}

/** S4, S16: the connection was made before the token was known, so it must be one that this credential would have made, too */
function grantedHere(
  entry: TokenEntry,
  admitted: AdmittedRequest,
  { holder }: LateTokenDeps,
): GrantedCredential {
  if (entry.provider !== admitted.entry.provider) throw new SeksError('SEKS_TOKEN_WRONG_PROVIDER');
  const credential = holder.granted(entry);
  const { host, port, network } = admitted.target.upstream;
  const own = credential.upstreams.find(host);
  const same =
    own?.keyed === true &&
    own.port === port &&
    own.network === network &&
    credential.provider.spec.caBundle === admitted.credential.provider.spec.caBundle;
  if (!same) throw new SeksError('SEKS_TOKEN_WRONG_PROVIDER');
  return credential;
}

/** the first message holds the token; what follows passes as it is */
function createFirstMessage(
  path: readonly string[],
  swap: (token: string) => Secret<'provider-key'>,
): Pick<LateToken, 'toUpstream' | 'toClient'> {
  let first = true;
  return {
    toUpstream(message) {
      if (!first) return message;
      if (message.binary) throw new SeksError('SEKS_TOKEN_MISSING');
      const swapped = swapField(message.data.toString('utf8'), path, swap);
      first = false;
      return { data: Buffer.from(swapped), binary: false };
    },
    toClient: (message) => message,
  };
}

function swapField(
  text: string,
  path: readonly string[],
  swap: (token: string) => Secret<'provider-key'>,
): string {
  try {
    const token = readField(text, path);
    if (token === undefined) throw new SeksError('SEKS_TOKEN_MISSING');
    return swap(token).reveal((plain) => replaceField(text, path, plain.toString('utf8')));
  } catch (cause) {
    if (cause instanceof JsonFieldError) throw new SeksError('SEKS_REQUEST_MALFORMED', cause.message);
    throw cause;
  }
}
