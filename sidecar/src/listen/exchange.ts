// One request with its answer, from head to end: what happens to it is told to metrics and audit here, and only here.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { ErrorCode, SeksError } from '@seks/crds';

import type { Audit, AuditAction } from '../audit/audit.ts';
import type { GrantedCredential } from '../lease/lease-state.ts';
import type { RequestMetrics, SidecarMetrics } from '../metrics/sidecar-metrics.ts';
import type { UsageObserver } from '../usage/usage-observer.ts';
import type { Admission } from './admit.ts';
import { answerError } from './error-answer.ts';

export interface ExchangeDeps {
  metrics: SidecarMetrics;
  audit: Audit;
  /** monotonic, in `ms` */
  nowMs: () => number;
}

/** one request and its answer */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly admission: Admission = {};
  readonly #deps: ExchangeDeps;
  readonly #startedMs: number;
  readonly #method: string;
  #metrics: RequestMetrics | undefined;
  #overheadMs = 0;
  #code: ErrorCode | undefined;
  #scrubbed = 0;
  #forwarded = false;
  #ended = false;
  usage: UsageObserver | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string, deps: ExchangeDeps) {
    this.request = request;
    this.response = response;
    this.requestId = requestId;
    this.#deps = deps;
    this.#startedMs = deps.nowMs();
    this.#method = request.method ?? '';
    response.once('close', () => this.#finish());
  }

  /** the request goes to the provider now */
  forwarding(credential: GrantedCredential): void {
    this.#forwarded = true;
    this.#metrics = this.#metricsFor(credential);
    this.#metrics.started();
    this.#overheadMs = this.#deps.nowMs() - this.#startedMs;
  }

  /** the head of the provider's answer came; returns the moment, for {@link headSent} */
  answered(): number {
    const nowMs = this.#deps.nowMs();
    this.#metrics?.firstByte(nowMs - this.#startedMs);
    return nowMs;
  }

  /** the head of the answer was passed on */
  headSent(answeredMs: number): void {
    this.#metrics?.overhead(this.#overheadMs + this.#deps.nowMs() - answeredMs);
  }

  /** the key was found in the answer */
  leaked(hits: number): void {
    this.#scrubbed += hits;
    this.#metrics?.scrubbed(hits);
  }

  /** answers with an error, or breaks off */
  fail(error: SeksError): void {
    // The library tells of some errors twice; and when the client has gone, that the provider's connection broke is no news.
    if (this.#ended || this.#code !== undefined) return;
    this.#code = error.code;
    if (!this.response.destroyed && !this.response.writableEnded)
      answerError(this.response, error, this.requestId);
    // Without metrics of its own yet, the request is counted where it was refused.
    (this.#metrics ?? this.#metricsFor(this.admission.credential)).denied(error.code);
    if (error.code === 'SEKS_TOKEN_FOREIGN') this.#metricsFor(undefined).foreignToken();
  }

  /** breaks off with a code: the credential was revoked */
  cut(code: ErrorCode): void {
    this.#code ??= code;
    this.response.destroy();
  }

  #metricsFor(credential: GrantedCredential | undefined): RequestMetrics {
    const { entry } = this.admission;
    return this.#deps.metrics.for({
      agent: entry?.agent ?? '',
      agent_container: entry?.container ?? '',
      credential: entry?.credential ?? '',
      provider: entry?.provider ?? '',
      tier: credential?.tier ?? '',
    });
  }

  #finish(): void {
    this.#ended = true;
    const durationMs = this.#deps.nowMs() - this.#startedMs;
    const status = this.response.headersSent ? this.response.statusCode : 0;
    const tokens = this.usage?.counts();
    const metrics = this.#metrics ?? this.#metricsFor(this.admission.credential);
    if (this.#forwarded) metrics.ended();
    metrics.finished(this.#method, status, durationMs);
    if (tokens !== undefined) metrics.tokens(tokens);
    const write = (action: AuditAction): void => this.#audit(action, status, tokens, durationMs);
    if (this.#code === 'SEKS_TOKEN_FOREIGN') write('foreign_token');
    if (this.#scrubbed > 0) write('leak_scrubbed');
    write('request');
  }

  #audit(
    action: AuditAction,
    status: number,
    tokens: ReturnType<UsageObserver['counts']>,
    latencyMs: number,
  ): void {
    const { entry, credential, route } = this.admission;
    this.#deps.audit.write({
      action,
      agent: entry?.agent ?? '',
      container: entry?.container ?? '',
      binding: entry?.binding ?? '',
      credential: entry?.credential ?? '',
      provider: entry?.provider ?? '',
      tier: credential?.tier ?? '',
      method: this.#method,
      route: route ?? '',
      decision: this.#forwarded ? 'allow' : 'deny',
      code: this.#code,
      status,
      tokens,
      partial: this.#forwarded && !this.response.writableFinished ? true : undefined,
      scrubbed: this.#scrubbed > 0 ? this.#scrubbed : undefined,
      latencyMs,
      requestId: this.requestId,
    });
  }
}

/** tells metrics and audit of a request that could not be parsed, so that nothing is known of it */
export function recordUnparsable(deps: ExchangeDeps, error: SeksError, requestId: string): void {
  const unknown = { agent: '', credential: '', provider: '', tier: '' };
  const metrics = deps.metrics.for({ ...unknown, agent_container: '' });
  metrics.denied(error.code);
  metrics.finished('', error.spec.status, 0);
  deps.audit.write({
    ...unknown,
    action: 'request',
    container: '',
    binding: '',
    method: '',
    route: '',
    decision: 'deny',
    code: error.code,
    status: error.spec.status,
    latencyMs: 0,
    requestId,
  });
}
