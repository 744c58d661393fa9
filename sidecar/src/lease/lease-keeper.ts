// Keeps the lease: gets the first one, renews it long before it ends, and follows the key service's events and the kubelet's
// refreshes of the sealed files. What it cannot renew it lets run out.
import {
  ERRORS,
  FEATURES,
  HEARTBEAT_SILENCE_MS,
  type LeaseRequest,
  type RevokedEvent,
  SeksError,
  toSeksError,
} from '@seks/crds';
import type { Logger } from 'pino';

import { credentialKey, type TokenEntry } from '../credential/tokens.ts';
import type { KeyService } from './key-service.ts';
import type { LeaseHolder } from './lease-state.ts';
import { type openLease, type OpenLeaseOptions, refusal } from './open-lease.ts';
import type { Scheduler } from './scheduler.ts';
import type { PrivateFiles, SourceFinding } from './sealed-files.ts';

export interface LeaseKeeperDeps {
  namespace: string;
  entries: readonly TokenEntry[];
  holder: LeaseHolder;
  keyService: KeyService;
  files: PrivateFiles;
  linkFor: OpenLeaseOptions['linkFor'];
  limitsFor: OpenLeaseOptions['limitsFor'];
  /** `openLease`, but for tests */
  open: typeof openLease;
  scheduler: Scheduler;
  /** a number from 0 to 1, e.g. `Math.random` */
  random: () => number;
  log: Logger;
  /** told of each new lease: for how long it holds, and of what it does not grant */
  leased(ttlMs: number): void;
}

export const START_LIMIT_MS = 120_000;
const FILE_POLL_MS = 1_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 15_000;
/** another replica of the key service may lag behind the one that told of a revocation: nothing is asked for so long */
const RECHECK_AFTER_REVOCATION_MS = 2_000;
/** a lag may be longer: what is granted again sooner than this after its revocation is asked for once more */
const SECOND_RECHECK_MS = 15_000;

/** refusals that mean the pod, not one credential: what it holds is dropped at once */
const POD_REFUSALS: ReadonlySet<string> = new Set([
  'SEKS_LEASE_TOKEN_INVALID',
  'SEKS_LEASE_POD_UNKNOWN',
  'SEKS_LEASE_POD_TERMINATING',
  'SEKS_LEASE_POD_NOT_SEALED',
]);

/** keeps one pod's lease */
export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  readonly #stopped = new AbortController();
  #renewing = false;
  #renewAgain = false;
  #failures = 0;
  #notBeforeMs = 0;
  /** by binding uid; those of the last {@link SECOND_RECHECK_MS} */
  readonly #revokedAtMs = new Map<string, number>();
  #callOffRenewal: () => void = () => {};
  #callOffPoll: () => void = () => {};
  #filesVersion = '';

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
  }

  /**
   * gets the first lease, then keeps it until {@link stop}
   *
   * @throws SeksError the last reason why there was none within {@link START_LIMIT_MS}, or the first that is final
   */
  async start(): Promise<void> {
    const { scheduler, log } = this.#deps;
    const deadlineMs = scheduler.nowMs() + START_LIMIT_MS;
    for (;;) {
      try {
        this.#scheduleRenewal(await this.#acquire());
        break;
      } catch (cause) {
        const error = toSeksError(cause);
        log.warn({ event: 'lease_refused', code: error.code, detail: error.message }, 'no lease yet');
        const delayMs = this.#backoffMs(this.#failures++);
        if (!ERRORS[error.code].retry || scheduler.nowMs() + delayMs >= deadlineMs) throw error;
        await this.#sleep(delayMs);
      }
    }
    this.#failures = 0;
    this.#pollFiles();
    void this.#listen();
    if (this.#renewAgain) this.#renewNow();
  }

  /** lets go of everything */
  stop(): void {
    this.#stopped.abort();
    this.#callOffRenewal();
    this.#callOffPoll();
  }

  /** asks for one lease and opens it; returns for how long it holds */
  async #acquire(): Promise<number> {
    const { holder, keyService, files, scheduler } = this.#deps;
    const previous = holder.state;
    this.#filesVersion = await files.version();
    const findings = await this.#inspectSources();
    const askedAtMs = scheduler.nowMs();
    const answer = await keyService.lease(this.#request(findings), await files.token(), this.#stopped.signal);
    const { namespace, entries, linkFor, limitsFor, open } = this.#deps;
    const next = await open(answer, {
      namespace,
      entries,
      findings,
      linkFor,
      limitsFor,
      askedAtMs,
      previous,
      reject: (source, envelope, problem) => {
        files.reject(source, envelope, problem);
        // Tells the key service, so that the binding's condition says what is wrong.
        this.#renewAgain = true;
      },
    });
    if (!holder.replace(previous, next)) {
      this.#renewAgain = true;
      return answer.ttlSeconds * 1000;
    }
    this.#deps.leased(next.expiresAtMs - scheduler.nowMs());
    this.#report(next.credentials, answer.ttlSeconds);
    return answer.ttlSeconds * 1000;
  }

  #report(credentials: ReadonlyMap<string, unknown>, ttlSeconds: number): void {
    const refused = [...credentials].flatMap(([key, value]) =>
      value instanceof SeksError ? [{ credential: key, code: value.code, detail: value.message }] : [],
    );
    const granted = credentials.size - refused.length;
    this.#deps.log.info({ event: 'lease_granted', granted, refused, ttlSeconds }, 'lease granted');
  }

  async #inspectSources(): Promise<Map<string, readonly SourceFinding[]>> {
    const findings = new Map<string, readonly SourceFinding[]>();
    for (const entry of this.#deps.entries) {
      const key = credentialKey(entry);
      if (findings.has(key)) continue;
      findings.set(key, await Promise.all(entry.sources.map((source) => this.#deps.files.source(source))));
    }
    return findings;
  }

  #request(findings: ReadonlyMap<string, readonly SourceFinding[]>): LeaseRequest {
    const named = new Map(this.#deps.entries.map((entry) => [credentialKey(entry), entry]));
    const credentials = [...named].map(([key, { bindingUid, credential }]) => ({
      bindingUid,
      credential,
      sources: (findings.get(key) ?? []).map(({ report }) => report),
    }));
    return { protocol: 1, features: [...FEATURES], credentials };
  }

  /**
   * asks for a new lease now, or as soon as it may after a revocation; one that is under way is followed by another, because it
   * may not know the news
   */
  #renewNow(): void {
    if (this.#stopped.signal.aborted) return;
    if (this.#renewing) {
      this.#renewAgain = true;
      return;
    }
    const holdMs = this.#notBeforeMs - this.#deps.scheduler.nowMs();
    if (holdMs > 0) {
      this.#renewAfter(holdMs);
      return;
    }
    this.#callOffRenewal();
    this.#renewing = true;
    this.#renewAgain = false;
    void this.#renew().finally(() => {
      this.#renewing = false;
      if (this.#renewAgain) this.#renewNow();
    });
  }

  async #renew(): Promise<void> {
    try {
      const ttlMs = await this.#acquire();
      this.#failures = 0;
      this.#scheduleRenewal(ttlMs);
    } catch (cause) {
      if (this.#stopped.signal.aborted) return;
      const error = toSeksError(cause);
      if (POD_REFUSALS.has(error.code)) this.#deps.holder.refusePod(error);
      this.#deps.log.warn(
        { event: 'lease_refused', code: error.code, detail: error.message },
        'lease not renewed',
      );
      this.#renewAgain = false;
      this.#renewAfter(this.#backoffMs(this.#failures++));
    }
  }

  #scheduleRenewal(ttlMs: number): void {
    // At a third, so that two attempts may fail; spread, so that pods that started together do not stay together.
    const usualMs = (ttlMs / 3) * (0.9 + 0.2 * this.#deps.random());
    this.#renewAfter(Math.min(usualMs, this.#secondRecheckMs()));
  }

  /** until when a grant stays in doubt, because its binding was revoked only just now */
  #secondRecheckMs(): number {
    const { holder, scheduler } = this.#deps;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const [bindingUid, revokedAtMs] of this.#revokedAtMs) {
      const leftMs = revokedAtMs + SECOND_RECHECK_MS - scheduler.nowMs();
      if (leftMs <= 0) this.#revokedAtMs.delete(bindingUid);
      else if (holder.grants(bindingUid)) dueMs = Math.min(dueMs, leftMs);
    }
    return dueMs;
  }

  #renewAfter(delayMs: number): void {
    this.#callOffRenewal();
    this.#callOffRenewal = this.#deps.scheduler.after(delayMs, () => this.#renewNow());
  }

  #pollFiles(): void {
    this.#callOffPoll = this.#deps.scheduler.after(FILE_POLL_MS, () => void this.#checkFiles());
  }

  async #checkFiles(): Promise<void> {
    const version = await this.#deps.files.version();
    if (this.#stopped.signal.aborted) return;
    if (version !== this.#filesVersion) this.#renewNow();
    this.#pollFiles();
  }

  async #listen(): Promise<void> {
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#listenOnce(() => {
          failures = 0;
        });
      } catch (cause) {
        const { code, message } = toSeksError(cause);
        this.#deps.log.warn({ event: 'events_failed', code, detail: message }, 'no event stream');
        // The stream of a lease that is not accepted any more will not open; a new lease may be.
        if (code !== 'SEKS_KEYSERVICE_UNREACHABLE') this.#renewNow();
      }
      await this.#sleep(this.#backoffMs(failures++));
    }
  }

  /** the stream of the newest lease: its id tells the key service what this sidecar does not know yet */
  async #listenOnce(opened: () => void): Promise<void> {
    const { holder, keyService, files, scheduler } = this.#deps;
    const silence = new AbortController();
    let callOff = (): void => {};
    const alive = (): void => {
      callOff();
      callOff = scheduler.after(HEARTBEAT_SILENCE_MS, () => silence.abort());
    };
    const events = {
      alive,
      opened,
      changed: () => this.#renewNow(),
      revoked: (event: RevokedEvent) => this.#revoke(event),
    };
    try {
      // From the start: a connection that never opens is silent, too.
      alive();
      const signal = AbortSignal.any([this.#stopped.signal, silence.signal]);
      await keyService.listen(holder.state?.id ?? '', await files.token(), events, signal);
    } finally {
      callOff();
    }
  }

  #revoke({ bindingUid, code, message }: RevokedEvent): void {
    this.#deps.holder.revoke(bindingUid, refusal(code, message));
    this.#deps.log.warn({ event: 'binding_revoked', bindingUid, code }, 'credentials dropped');
    const nowMs = this.#deps.scheduler.nowMs();
    this.#revokedAtMs.set(bindingUid, nowMs);
    this.#notBeforeMs = nowMs + RECHECK_AFTER_REVOCATION_MS;
    this.#renewNow();
  }

  #backoffMs(failures: number): number {
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10));
    return ceiling * (0.5 + 0.5 * this.#deps.random());
  }

  async #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#stopped;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        callOff();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const callOff = this.#deps.scheduler.after(delayMs, wake);
      signal.addEventListener('abort', wake);
    });
  }
}
