// Keeps a store equal to a collection of the API server: list, then watch for ever. It never gives up and never dies;
// what can go wrong on the way only costs time (half-open connections, resets, 410, 429, cut lines).
import type { Logger } from 'pino';

import { createBackoff } from './backoff.ts';
import { isGone, KubeApiError } from './conflict.ts';
import { sleep } from './deadline.ts';
import type { KubeApi, Selection } from './kube-api.ts';
import { LineTooLongError, splitLines, TruncatedLineError } from './lines.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resources.ts';
import { createStore, keyOf } from './store.ts';
import type { Store } from './store.ts';

/** why a watch ended; the label values of a metric */
export type RestartReason = 'closed' | 'silent' | 'gone' | 'truncated' | 'line-too-long' | 'http' | 'network';

/** told about what happens, for metrics */
export interface ReflectorObserver {
  /** something arrived from the server: a list, an event or a bookmark */
  alive(): void;
  restarted(reason: RestartReason): void;
  relisted(): void;
}

export interface ReflectorTiming {
  backoffMinMs: number;
  backoffMaxMs: number;
  /** a watch that lived this long is no failure, whatever came over it */
  steadyMs: number;
  /** silence that ends a watch on which bookmarks are known to arrive, about one a minute */
  silenceMs: number;
  /** shortest time that we ask the server to keep a watch open; up to 60 s are added at random */
  watchSeconds: number;
  /** silence after the requested end of a watch that ends it */
  graceMs: number;
}

export const REFLECTOR_TIMING: ReflectorTiming = {
  backoffMinMs: 500,
  backoffMaxMs: 30_000,
  steadyMs: 30_000,
  silenceMs: 100_000,
  watchSeconds: 240,
  graceMs: 10_000,
};

export interface ReflectorOptions<T> {
  api: Pick<KubeApi, 'list' | 'watch'>;
  resource: Resource<T>;
  selection?: Selection;
  /** makes a smaller object of each one before it is kept; must keep name, namespace, uid and resourceVersion */
  prune?: (object: T) => T;
  clock: () => number;
  random: () => number;
  log: Logger;
  observer?: ReflectorObserver;
  timing?: Partial<ReflectorTiming>;
  maxLineBytes?: number;
  pageSize?: number;
}

export interface Reflector<T> {
  readonly store: Store<T>;
  /** `milliseconds` since something arrived from the server; Infinity before the first list */
  silentForMs: () => number;
  /** runs until the signal aborts, and then returns at once */
  run(signal: AbortSignal): Promise<void>;
}

interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T & { code?: number; reason?: string };
}

class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** a reflector that does nothing until it is run */
export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  const { api, resource, selection = {}, clock, random, log, observer } = options;
  const prune = options.prune ?? ((object: T) => object);
  const timing = { ...REFLECTOR_TIMING, ...options.timing };
  const maxLineBytes = options.maxLineBytes ?? 16 * 1024 * 1024;
  const limit = options.pageSize ?? 500;
  const store = createStore<T>((error) =>
    log.error(
      { event: 'subscriber_failed', resource: resource.plural, err: error },
      'a store subscriber failed',
    ),
  );
  const backoff = createBackoff({ minMs: timing.backoffMinMs, maxMs: timing.backoffMaxMs }, random);
  let aliveAtMs = -Infinity;
  let bookmarksArrive = false;

  function alive(): void {
    aliveAtMs = clock();
    observer?.alive();
  }

  async function relist(signal: AbortSignal): Promise<string> {
    const present = new Set<string>();
    let token: string | undefined;
    let version: string;
    do {
      const page = await api.list(resource, { ...selection, limit, continue: token }, signal);
      for (const object of page.items) {
        present.add(keyOf(object));
        store.upsert(prune(object));
      }
      token = page.continue;
      version = page.resourceVersion;
      alive();
    } while (token !== undefined);
    // What was deleted while nobody watched is known only by its absence.
    const removed = store.retainOnly(present);
    store.markSynced();
    observer?.relisted();
    log.debug({ event: 'relisted', resource: resource.plural, objects: store.size(), removed }, 'listed');
    return version;
  }

  /** follows one watch to its end; `advance` is told each resource version that has been dealt with */
  async function watchFrom(
    version: string,
    advance: (version: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const timeoutSeconds = Math.round(timing.watchSeconds + random() * 60);
    let timer: NodeJS.Timeout | undefined;
    const rearm = (): void => {
      clearTimeout(timer);
      const silenceMs = bookmarksArrive ? timing.silenceMs : timeoutSeconds * 1000 + timing.graceMs;
      timer = setTimeout(() => attempt.abort(new SilenceError(`nothing for ${silenceMs} ms`)), silenceMs);
    };
    try {
      rearm();
      const query = { ...selection, resourceVersion: version, timeoutSeconds };
      const chunks = await api.watch(resource, query, attempt.signal);
      for await (const line of splitLines(chunks, maxLineBytes)) {
        rearm();
        alive();
        advance(handle(JSON.parse(line) as WatchEvent<T>));
      }
    } catch (error) {
      // An aborted body rejects with the abort's reason or with an error of its own: the reason is the truth.
      throw attempt.signal.aborted ? attempt.signal.reason : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      attempt.abort();
    }
  }

  function handle(event: WatchEvent<T>): string {
    const { type, object } = event;
    if (type === 'ERROR')
      throw new KubeApiError(object.code ?? 500, object.reason ?? '', 'the watch sent an error');
    const version = object.metadata?.resourceVersion;
    if (version === undefined)
      throw new KubeApiError(500, '', 'the watch sent an object without resourceVersion');
    if (type === 'BOOKMARK') bookmarksArrive = true;
    else if (type === 'DELETED') store.remove(object);
    else store.upsert(prune(object));
    return version;
  }

  async function run(signal: AbortSignal): Promise<void> {
    let version: string | undefined;
    let goneInARow = 0;
    while (!signal.aborted) {
      const startedAtMs = clock();
      let progressed = false;
      let retryAfterMs: number | undefined;
      let reason: RestartReason = 'closed';
      try {
        version ??= await relist(signal);
        await watchFrom(
          version,
          (next) => {
            version = next;
            progressed = true;
            goneInARow = 0;
            backoff.reset();
          },
          signal,
        );
      } catch (error) {
        if (signal.aborted) return;
        reason = reasonOf(error);
        retryAfterMs = error instanceof KubeApiError ? error.retryAfterMs : undefined;
        if (reason === 'gone' || reason === 'line-too-long') {
          version = undefined;
          goneInARow += 1;
        }
        log.info({ event: 'watch_interrupted', resource: resource.plural, reason }, 'watch interrupted');
        log.debug({ event: 'watch_error', resource: resource.plural, err: error }, 'watch error');
      }
      observer?.restarted(reason);
      const livedMs = clock() - startedAtMs;
      if (livedMs >= timing.steadyMs) backoff.reset();
      // A watch that did its work and ended is resumed at once: each second of waiting is a second in which nobody
      // hears of a revocation. One that ends as soon as it begins gets the full waiting time.
      const wasSteady = (progressed && livedMs >= 1_000) || livedMs >= timing.steadyMs;
      const relistNow = reason === 'gone' && goneInARow === 1;
      if ((wasSteady || relistNow) && retryAfterMs === undefined) continue;
      await sleep(backoff.next(retryAfterMs), signal);
    }
  }

  return { store, silentForMs: () => clock() - aliveAtMs, run };
}

function reasonOf(error: unknown): RestartReason {
  if (isGone(error)) return 'gone';
  if (error instanceof KubeApiError) return 'http';
  if (error instanceof SilenceError) return 'silent';
  if (error instanceof LineTooLongError) return 'line-too-long';
  if (error instanceof TruncatedLineError || error instanceof SyntaxError) return 'truncated';
  return 'network';
}
