// Keys that wait for work: each at most once, never two workers on one key, and a failing key retried by itself.
import type { Logger } from 'pino';

import { createBackoff } from './backoff.ts';
import type { Backoff } from './backoff.ts';

/** told about what happens, for metrics */
export interface QueueObserver {
  depth(keys: number): void;
  /** one run of the work is over */
  done(outcome: 'ok' | 'error', durationMs: number): void;
}

export interface WorkQueueOptions {
  /** does the work for a key; a rejection is retried with exponential waiting times */
  process: (key: string, signal: AbortSignal) => Promise<void>;
  workers: number;
  clock: () => number;
  random: () => number;
  log: Logger;
  observer?: QueueObserver;
  retry?: { minMs: number; maxMs: number };
}

export interface WorkQueue {
  /** asks for the key to be worked on; asking twice before that is asking once */
  add(key: string): void;
  /** as {@link add}, `delayMs` from now; the earlier of two times wins */
  addAfter(key: string, delayMs: number): void;
  /** works until the signal aborts; returns when the last running work is over */
  run(signal: AbortSignal): Promise<void>;
}

/** setTimeout turns longer waits into none */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** an empty queue that does nothing until it is run */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { process, workers, clock, random, log, observer } = options;
  const retry = options.retry ?? { minMs: 250, maxMs: 60_000 };
  const waiting = new Set<string>();
  const running = new Set<string>();
  const again = new Set<string>();
  const backoffs = new Map<string, Backoff>();
  const timers = new Map<string, { atMs: number; timer: NodeJS.Timeout }>();
  let active: AbortSignal | undefined;
  let onIdle: (() => void) | undefined;

  function add(key: string): void {
    if (running.has(key)) again.add(key);
    else waiting.add(key);
    observer?.depth(waiting.size);
    startWorkers();
  }

  function addAfter(key: string, delayMs: number): void {
    // A timer that nobody clears would keep the process from ending.
    if (active?.aborted === true) return;
    const atMs = clock() + delayMs;
    const planned = timers.get(key);
    if (planned !== undefined && planned.atMs <= atMs) return;
    clearTimeout(planned?.timer);
    const timer = setTimeout(
      () => {
        timers.delete(key);
        add(key);
      },
      Math.min(Math.max(0, delayMs), MAX_DELAY_MS),
    );
    timers.set(key, { atMs, timer });
  }

  function startWorkers(): void {
    const signal = active;
    if (signal === undefined || signal.aborted) return;
    while (running.size < workers) {
      const next = waiting.values().next();
      if (next.done === true) return;
      waiting.delete(next.value);
      running.add(next.value);
      observer?.depth(waiting.size);
      void work(next.value, signal);
    }
  }

  async function work(key: string, signal: AbortSignal): Promise<void> {
    const startedAtMs = clock();
    try {
      await process(key, signal);
      backoffs.delete(key);
      observer?.done('ok', clock() - startedAtMs);
    } catch (error) {
      if (!signal.aborted) {
        const backoff = backoffs.get(key) ?? createBackoff(retry, random);
        backoffs.set(key, backoff);
        addAfter(key, backoff.next());
        observer?.done('error', clock() - startedAtMs);
        log.warn({ event: 'work_failed', key, err: error }, 'work failed, it will be tried again');
      }
    }
    running.delete(key);
    if (again.delete(key)) waiting.add(key);
    startWorkers();
    if (running.size === 0) onIdle?.();
  }

  return {
    add,
    addAfter,
    async run(signal) {
      active = signal;
      startWorkers();
      await new Promise<void>((resolve) => {
        const stop = (): void => {
          for (const { timer } of timers.values()) clearTimeout(timer);
          timers.clear();
          if (running.size === 0) resolve();
          else onIdle = resolve;
        };
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      });
    },
  };
}
