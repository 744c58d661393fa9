// One request with its answer, from head to end: what happens to it is told to metrics and audit here, and only here.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { ErrorCode, SeksError } from '@seks/crds';

import type { AuditAction } from '../audit/audit.ts';
import type { GrantedCredential } from '../lease/lease-state.ts';
import type { UsageObserver } from '../usage/usage-observer.ts';
import type { Admission } from './admit.ts';
import { answerError } from './error-answer.ts';
import type { Ledger, Ledgers } from './ledger.ts';

export interface ExchangeDeps {
  ledgers: Ledgers;
  /** monotonic, in `ms` */
  nowMs: () => number;
}

/** one request and its answer */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly admission: Admission = { entry: undefined, credential: undefined, route: undefined };
  usage: UsageObserver | undefined;
  readonly #deps: ExchangeDeps;
  readonly #startedMs: number;
  readonly #method: string;
  /** set when the request goes to the provider */
  #ledger: Ledger | undefined;
  #release: (() => void) | undefined;
  #overheadMs = 0;
  #code: ErrorCode | undefined;
  #scrubbed = 0;
  #ended = false;

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string, deps: ExchangeDeps) {
    this.request = request;
    this.response = response;
    this.requestId = requestId;
    this.#deps = deps;
    this.#startedMs = deps.nowMs();
    this.#method = request.method ?? '';
    response.on('close', () => this.#finish());
  }

  /** the request goes to the provider now, with this credential */
  forwarding(credential: GrantedCredential): void {
    this.#ledger = this.#currentLedger();
    this.#ledger.metrics.started();
    this.#release = credential.vault.begin((reason) => this.#cut(reason));
    this.#overheadMs = this.#deps.nowMs() - this.#startedMs;
  }

  /** the head of the provider's answer came; returns the moment, for {@link headSent} */
  answered(): number {
    const nowMs = this.#deps.nowMs();
    this.#ledger?.metrics.firstByte(nowMs - this.#startedMs);
    return nowMs;
  }

  /** the head of the answer was passed on */
  headSent(answeredMs: number): void {
    this.#ledger?.metrics.overhead(this.#overheadMs + this.#deps.nowMs() - answeredMs);
  }

  /** the key was found in the answer */
  leaked(hits: number): void {
    this.#scrubbed += hits;
    this.#ledger?.metrics.scrubbed(hits);
  }

  /** answers with an error, or breaks off */
  fail(error: SeksError): void {
    // The library tells of some errors twice; and when the client has gone, that the provider's connection broke is no news.
    if (this.#ended || this.#code !== undefined) return;
    this.#code = error.code;
    if (!this.response.destroyed && !this.response.writableEnded)
      answerError(this.response, error, this.requestId);
    const { metrics } = this.#currentLedger();
    metrics.denied(error.code);
    if (error.code === 'SEKS_TOKEN_FOREIGN') metrics.foreignToken();
  }

  /** the credential was revoked */
  #cut(reason: ErrorCode): void {
    this.#code ??= reason;
    this.response.destroy();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release?.();
    const latencyMs = this.#deps.nowMs() - this.#startedMs;
    const status = this.response.headersSent ? this.response.statusCode : 0;
    const tokens = this.usage?.counts();
    const { metrics } = this.#currentLedger();
    if (this.#ledger !== undefined) metrics.ended();
    metrics.finished(this.#method, status, latencyMs);
    if (tokens !== undefined) metrics.tokens(tokens);
    if (this.#code === 'SEKS_TOKEN_FOREIGN') this.#audit('foreign_token', status, tokens, latencyMs);
    if (this.#scrubbed > 0) this.#audit('leak_scrubbed', status, tokens, latencyMs);
    this.#audit('request', status, tokens, latencyMs);
  }

  #currentLedger(): Ledger {
    return this.#ledger ?? this.#deps.ledgers.for(this.admission.entry, this.admission.credential?.tier);
  }

  #audit(
    action: AuditAction,
    status: number,
    tokens: ReturnType<UsageObserver['counts']>,
    latencyMs: number,
  ): void {
    this.#currentLedger().audit({
      action,
      method: this.#method,
      route: this.admission.route ?? '',
      decision: this.#ledger === undefined ? 'deny' : 'allow',
      code: this.#code,
      status,
      tokens,
      partial: this.#ledger !== undefined && !this.response.writableFinished,
      scrubbed: this.#scrubbed,
      latencyMs,
      requestId: this.requestId,
    });
  }
}

/** tells metrics and audit of a request that could not be parsed, so that nothing is known of it */
export function recordUnparsable(ledgers: Ledgers, error: SeksError, requestId: string): void {
  const { metrics, audit } = ledgers.for(undefined, undefined);
  const { status } = error.spec;
  metrics.denied(error.code);
  metrics.finished('', status, 0);
  audit({
    action: 'request',
    method: '',
    route: '',
    decision: 'deny',
    code: error.code,
    status,
    tokens: undefined,
    partial: false,
    scrubbed: 0,
    latencyMs: 0,
    requestId,
  });
}
