// One WebSocket of the agent, from its handshake to its end: admitted like any request, relayed message by message, scrubbed, metered.
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { SeksError, toSeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { returnAddressOf, type ReturnDeps } from '../answer/return-address-of.ts';
import { type Keyed, placeKey } from '../credential/place.ts';
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { Scheduler } from '../lease/scheduler.ts';
import { Account, type AccountDeps } from '../listen/account.ts';
import { admit, type AdmitOptions, type AdmittedRequest } from '../listen/admit.ts';
import { errorAnswer } from '../listen/error-answer.ts';
import { logInternal } from '../listen/log-internal.ts';
import { originOf } from '../listen/origin.ts';
import { plainModelName } from '../policy/models.ts';
import { type ReturnAddress, rewriteUrl } from '../rewrite/return-address.ts';
import { scrubBytes } from '../scrub/stream-scrubber.ts';
import { createMessageUsage } from '../usage/message-readers.ts';
import type { MessageUsage } from '../usage/message-usage.ts';
import { CLOSE_GOING_AWAY, CLOSE_WITHOUT_CODE } from './close-codes.ts';
import { discordGatewayQuery } from './discord-gateway.ts';
import { writeHttpAnswer } from './http-answer.ts';
import { createLateToken, isDiscordGateway, type LateToken, type LateTokenDeps } from './late-token.ts';
import type { Message } from './message.ts';
import { MessageRules } from './message-rules.ts';
import { passableRefusal } from './refusal.ts';
import type { RefusedUpgrade } from './refused-upgrade.ts';
import type { RelayMemory } from './relay-memory.ts';
import type { Relay } from './relay-options.ts';
import { startRelay } from './relay.ts';
import { protocolForAgent } from './subprotocol.ts';
import { checkHandshake, upgradeHeaders } from './upgrade-headers.ts';

export interface WebSocketDeps extends AdmitOptions, AccountDeps, ReturnDeps, LateTokenDeps {
  log: Logger;
  scheduler: Scheduler;
  requestId: () => string;
  /** of all connections */
  socketMemory: RelayMemory;
}

/** an upgrade of the agent */
export interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  /** the sidecar is shutting down */
  draining: boolean;
  /** called once, when everything about it is written down */
  ended: () => void;
}

const SWITCHING_PROTOCOLS = 101;
const UNAUTHORIZED = 401;
/** a socket without a word in either direction for so long is gone; ping and pong count */
const IDLE_TIMEOUT_MS = 900_000;
const CLEAN_CLOSES = new Set([1000, CLOSE_GOING_AWAY, CLOSE_WITHOUT_CODE]);

/** handles an upgrade, whatever becomes of it; never throws */
export function openWebSocket(upgrade: Upgrade, deps: WebSocketDeps): void {
  const { request, socket } = upgrade;
  const account = new Account(request.method ?? '', deps.requestId(), deps);
  // Until the relay takes over nobody else listens, and an unheard error would end the process.
  socket.on('error', () => socket.destroy());
  try {
    if (upgrade.draining) throw new SeksError('SEKS_SHUTTING_DOWN');
    const { method = '', url = '', httpVersion, rawHeaders } = request;
    const origin = originOf(request.socket);
    const arrival = { method, url, httpVersion, rawHeaders, origin, upgrade: true };
    const admitted = admit(arrival, deps, account.admission);
    checkHandshake(request);
    new Session(upgrade, admitted, account, deps).start();
  } catch (cause) {
    refuse(socket, account, toSeksError(cause), deps.log);
    upgrade.ended();
  }
}

class Session {
  readonly #upgrade: Upgrade;
  readonly #admitted: AdmittedRequest;
  readonly #account: Account;
  readonly #deps: WebSocketDeps;
  readonly #late: LateToken | undefined;
  #relay: Relay | undefined;
  #calledOff = (): void => undefined;
  /** whose key is used; undefined until the token has come */
  #used: GrantedCredential | undefined;
  /** undefined where no key is used */
  #rules: MessageRules | undefined;
  #usage: MessageUsage | undefined;
  /** status of the answer; 0: none yet */
  #status = 0;
  #opened = false;

  constructor(upgrade: Upgrade, admitted: AdmittedRequest, account: Account, deps: WebSocketDeps) {
    this.#upgrade = upgrade;
    this.#admitted = admitted;
    this.#account = account;
    this.#deps = deps;
    const { tokenField } = admitted;
    this.#late = tokenField === undefined ? undefined : this.#lateToken(tokenField);
  }

  start(): void {
    const { token, credential, target, screened } = this.#admitted;
    const { host, port } = target.upstream;
    if (this.#late === undefined) this.#use(credential);
    const keyed = this.#keyed();
    const prefix = token?.place.kind === 'webSocketProtocol' ? token.place.prefix : undefined;
    const { request, socket, head } = this.#upgrade;
    this.#relay = startRelay({
      request,
      socket,
      head,
      upstream: {
        url: new URL(`wss://${host}:${port}${keyed.path}${keyed.query}`),
        headers: keyed.headers,
        protocols: keyed.protocols,
        agent: credential.linkTo(target.upstream).agent,
      },
      scheduler: this.#deps.scheduler,
      memory: this.#deps.socketMemory,
      chooseProtocol: (chosen) => protocolForAgent(screened.protocols, prefix, chosen),
      toUpstream: (message) => this.#toUpstream(message),
      toClient: (message) => this.#toClient(message),
      controlToClient: (payload) => this.#scrub(payload),
      refused: (answer) => this.#passRefusal(answer),
      opened: () => {
        this.#opened = true;
        this.#status = SWITCHING_PROTOCOLS;
        this.#account.headSent(this.#account.answered(SWITCHING_PROTOCOLS, token !== undefined));
      },
      failed: (error) => this.#failed(error),
      closed: ({ code }) => {
        this.#calledOff();
        this.#account.finish({ status: this.#status, complete: CLEAN_CLOSES.has(code) });
        this.#upgrade.ended();
      },
      idleTimeoutMs: IDLE_TIMEOUT_MS,
    });
    if (this.#late !== undefined) {
      this.#calledOff = this.#late.watch(() => this.#relay?.cut('SEKS_TOKEN_MISSING'));
    }
  }

  /** the handshake as it goes to the provider */
  #keyed(): Keyed {
    const { token, credential, target, screened } = this.#admitted;
    const keyed: Keyed = {
      headers: upgradeHeaders(screened.headers),
      path: target.path,
      query: isDiscordGateway(this.#admitted) ? discordGatewayQuery(target.query) : target.query,
      protocols: [...screened.protocols],
    };
    if (token !== undefined) placeKey(keyed, token.place, credential.vault.key, target.shift ?? 0);
    return keyed;
  }

  /** S15: limits and models first; from then on the credential is in use, until it is revoked or the connection ends */
  #use(credential: GrantedCredential): void {
    const { admission } = this.#account;
    if (this.#admitted.target.upstream.keyed) {
      this.#account.enter(credential);
      this.#rules = new MessageRules({
        admitted: this.#admitted,
        entry: admission.entry ?? this.#admitted.entry,
        credential,
        admission,
        holder: this.#deps.holder,
      });
      this.#meter(credential);
    }
    this.#account.forwarding(credential, this.#admitted.target.upstream.keyed, (reason) =>
      this.#relay?.cut(reason.code),
    );
    this.#used = credential;
  }

  #meter({ provider, pricing }: GrantedCredential): void {
    const { usage: spec } = provider.spec;
    const usage = spec === undefined ? undefined : createMessageUsage(spec.format);
    if (usage === undefined) return;
    this.#usage = usage;
    this.#account.usage = {
      counts: () => usage.counts(),
      estimate: () => usage.estimate(),
      // The provider knows best, but its name for a model need not be the one that has a price.
      model: () => {
        const told = usage.model();
        const isPriced = told !== undefined && pricing?.find(plainModelName(told)) !== undefined;
        return isPriced ? told : (this.#rules?.model ?? told);
      },
    };
  }

  #lateToken(field: string): LateToken {
    const back = this.#returnAddress();
    return createLateToken({
      field,
      admitted: this.#admitted,
      admission: this.#account.admission,
      deps: this.#deps,
      use: (credential) => this.#use(credential),
      rewriteUrl: (url) => rewriteUrl(url, back) ?? url,
    });
  }

  #toUpstream(message: Message): Message {
    const sent = this.#late === undefined ? message : this.#late.toUpstream(message);
    this.#rules?.check(message);
    this.#usage?.asked(message.data);
    return sent;
  }

  #toClient(received: Message): Message {
    const message = this.#late === undefined ? received : this.#late.toClient(received);
    if (this.#usage !== undefined) {
      this.#usage.observe(message.data);
      this.#spend();
    }
    const clean = this.#scrub(message.data);
    return clean === message.data ? message : { data: clean, binary: message.binary };
  }

  /** what was used is known when it has been used: the message that tells of it passes, and is the last one */
  #spend(): void {
    try {
      this.#account.meter();
    } catch (cause) {
      const { code } = toSeksError(cause);
      queueMicrotask(() => this.#relay?.cut(code));
    }
  }

  #scrub(bytes: Buffer): Buffer {
    if (this.#used === undefined) return bytes;
    const { clean, hits } = scrubBytes(bytes, this.#used.vault.needles);
    if (hits > 0) this.#account.leaked(hits);
    return clean;
  }

  #passRefusal(refused: RefusedUpgrade): void {
    const { credential, token } = this.#admitted;
    const { socket } = this.#upgrade;
    const keyed = token !== undefined;
    this.#account.answered(refused.status, keyed);
    try {
      const { answer, hits } = passableRefusal(refused, credential, this.#returnAddress(), keyed);
      if (hits > 0) this.#account.leaked(hits);
      if (answer.status === UNAUTHORIZED && keyed) this.#account.note('SEKS_UPSTREAM_KEY_REFUSED');
      writeHttpAnswer(socket, answer);
      this.#account.finish({ status: answer.status, complete: true });
    } catch (cause) {
      this.#failed(toSeksError(cause));
    }
  }

  #returnAddress(): ReturnAddress {
    return returnAddressOf(originOf(this.#upgrade.request.socket), this.#admitted, this.#deps);
  }

  #failed(error: SeksError): void {
    if (!this.#opened) {
      refuse(this.#upgrade.socket, this.#account, error, this.#deps.log);
      return;
    }
    logInternal(this.#deps.log, this.#account.requestId, error);
    this.#account.failed(error);
  }
}

/** answers on a socket that was not upgraded; also where the books have the reason already, as of a revocation */
function refuse(socket: Duplex, account: Account, error: SeksError, log: Logger): void {
  logInternal(log, account.requestId, error);
  account.failed(error);
  const { status } = error.spec;
  const { headers, body } = errorAnswer(error, account.requestId);
  const rawHeaders = Object.entries(headers).flat();
  writeHttpAnswer(socket, {
    status,
    statusText: STATUS_CODES[status] ?? '',
    rawHeaders,
    body: Buffer.from(body),
  });
  account.finish({ status, complete: true });
}
