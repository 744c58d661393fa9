// What is written down of one request, from its head to the end of its answer: everything that happens to it is told to metrics,
// limits and audit here, and only here. HTTP exchanges and WebSockets keep one each.
import type { ErrorCode, SeksError } from '@seks/crds';

import type { AuditAction } from '../audit/audit.ts';
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { Permit } from '../limits/credential-limits.ts';
import { plainModelName } from '../policy/models.ts';
import { RunningCost } from '../usage/running-cost.ts';
import type { TokenCounts } from '../usage/token-counts.ts';
import type { Admission } from './admit.ts';
import type { Ledger, Ledgers } from './ledger.ts';

export interface AccountDeps {
  ledgers: Ledgers;
  /** monotonic, in `ms` */
  nowMs: () => number;
}

/** who knows what an answer used */
export interface UsageSource {
  counts(): TokenCounts | undefined;
  model(): string | undefined;
  /** the counts, with a guess where the answer did not tell: it broke off, or was not asked to */
  estimate?(): TokenCounts | undefined;
}

/** how a request ended */
export interface Ending {
  /** status of the answer; 0: there was none */
  status: number;
  /** the answer came to its end */
  complete: boolean;
}

/** the books of one request */
export class Account {
  readonly requestId: string;
  readonly admission: Admission = { entry: undefined, credential: undefined, route: undefined };
  /** the model that the request named, if the policy asked for it */
  model: string | undefined;
  usage: UsageSource | undefined;
  /** guesses what the request asks, in tokens; undefined: nobody can */
  guessInput: (() => number) | undefined;
  readonly #deps: AccountDeps;
  readonly #startedMs: number;
  readonly #method: string;
  /** set when the request goes to the provider */
  #ledger: Ledger | undefined;
  #permit: Permit | undefined;
  #release: (() => void) | undefined;
  #overheadMs = 0;
  #code: ErrorCode | undefined;
  #scrubbed = 0;
  #cost: RunningCost | undefined;
  #spentTokens = 0;
  #spentPicodollars = 0n;
  #ended = false;

  constructor(method: string, requestId: string, deps: AccountDeps) {
    this.requestId = requestId;
    this.#deps = deps;
    this.#startedMs = deps.nowMs();
    this.#method = method;
  }

  /** S15: limits come before the key, and hold until the end */
  enter(credential: GrantedCredential): void {
    this.#permit = credential.limits.enter();
  }

  /**
   * the request goes to the provider now
   *
   * @param keyed with the key
   * @param cut breaks it off when the credential may not be used any more
   * @throws SeksError SEKS_UPSTREAM_BREAKER_OPEN
   */
  forwarding(credential: GrantedCredential, keyed: boolean, cut: (reason: SeksError) => void): void {
    // Last of all checks: what any other would refuse must not use up the one request that may try the key.
    if (keyed) credential.vault.breaker.check(this.#deps.nowMs());
    this.#ledger = this.#currentLedger();
    this.#ledger.metrics.started();
    this.#release = credential.vault.begin((reason) => {
      this.failed(reason);
      cut(reason);
    });
    this.#overheadMs = this.#deps.nowMs() - this.#startedMs;
  }

  /** the head of the provider's answer came; returns the moment, for {@link headSent} */
  answered(status: number, keyed: boolean): number {
    const nowMs = this.#deps.nowMs();
    this.#ledger?.metrics.firstByte(nowMs - this.#startedMs);
    if (keyed) this.admission.credential?.vault.breaker.answered(status, nowMs);
    return nowMs;
  }

  /** the head of the answer was passed on */
  headSent(answeredMs: number): void {
    this.#ledger?.metrics.overhead(this.#overheadMs + this.#deps.nowMs() - answeredMs);
  }

  /** the key was found in the answer so many times */
  leaked(hits: number): void {
    this.#scrubbed += hits;
    this.#ledger?.metrics.scrubbed(hits);
  }

  /** the provider answered, and what it answered has a code of its own */
  note(code: ErrorCode): void {
    this.#code ??= code;
    this.#currentLedger().metrics.denied(code);
  }

  /** writes an error down; false if it is the consequence of an earlier one, or of the end */
  failed({ code }: SeksError): boolean {
    // Libraries tell of some errors twice; and when the client has gone, that the provider's connection broke is no news.
    if (this.#ended || this.#code !== undefined) return false;
    this.#code = code;
    const { metrics } = this.#currentLedger();
    metrics.denied(code);
    if (code === 'SEKS_TOKEN_FOREIGN') metrics.foreignToken();
    return true;
  }

  /** closes the books; only the first call counts */
  finish({ status, complete }: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release?.();
    this.#permit?.release();
    const latencyMs = this.#deps.nowMs() - this.#startedMs;
    const { tokens, guessed } = this.#used();
    const picodollars = this.#spend(tokens);
    const { metrics } = this.#currentLedger();
    if (this.#ledger !== undefined) metrics.ended();
    metrics.finished(this.#method, status, latencyMs);
    if (tokens !== undefined) metrics.tokens(tokens);
    if (picodollars !== undefined) metrics.cost(picodollars);
    const audit = (action: AuditAction): void =>
      this.#currentLedger().audit({
        action,
        method: this.#method,
        route: this.admission.route ?? '',
        decision: this.#ledger === undefined ? 'deny' : 'allow',
        code: this.#code,
        status,
        tokens,
        picodollars,
        partial: this.#ledger !== undefined && (!complete || guessed),
        scrubbed: this.#scrubbed,
        latencyMs,
        requestId: this.requestId,
      });
    if (this.#code === 'SEKS_TOKEN_FOREIGN') audit('foreign_token');
    if (this.#scrubbed > 0) audit('leak_scrubbed');
    audit('request');
  }

  /**
   * counts what was used so far against the day's budgets: a WebSocket may live for hours
   *
   * @throws SeksError SEKS_LIMIT_TOKENS, SEKS_LIMIT_COST when nothing is left
   */
  meter(): void {
    this.#spend(this.usage?.counts());
    this.admission.credential?.limits.checkBudgets();
  }

  /** S7: an agent that breaks off, or asks for an answer without usage, must not work for nothing */
  #used(): { tokens: TokenCounts | undefined; guessed: boolean } {
    const { usage, guessInput } = this;
    const reported = usage?.counts();
    const tokens = usage?.estimate === undefined ? reported : usage.estimate();
    const guessed = tokens?.output !== reported?.output || tokens?.input !== reported?.input;
    if (!guessed || tokens?.input !== undefined || guessInput === undefined) return { tokens, guessed };
    return { tokens: { ...tokens, input: guessInput() }, guessed };
  }

  /** counts what is new against the day's budgets; returns the whole cost, if there is a price */
  #spend(tokens: TokenCounts | undefined): bigint | undefined {
    const { credential } = this.admission;
    if (tokens === undefined || credential === undefined) return undefined;
    const model = this.model ?? this.usage?.model();
    const price = model === undefined ? undefined : credential.pricing?.find(plainModelName(model));
    const cost = (this.#cost ??= new RunningCost()).add(tokens, price);
    const total = (tokens.input ?? 0) + (tokens.output ?? 0);
    credential.limits.spend(total - this.#spentTokens, (cost ?? 0n) - this.#spentPicodollars);
    this.#spentTokens = total;
    this.#spentPicodollars = cost ?? 0n;
    return cost;
  }

  #currentLedger(): Ledger {
    return this.#ledger ?? this.#deps.ledgers.for(this.admission.entry, this.admission.credential?.tier);
  }
}

/** tells metrics and audit of a request that could not be parsed, so that nothing is known of it */
export function recordUnparsable(ledgers: Ledgers, error: SeksError, requestId: string): void {
  const account = new Account('', requestId, { ledgers, nowMs: () => 0 });
  account.failed(error);
  account.finish({ status: error.spec.status, complete: true });
}
