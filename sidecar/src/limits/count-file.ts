// What was used today, kept where the sidecar's container finds it again after a restart. Otherwise an agent that could make its
// sidecar end would have its budgets anew, and a bot that logs in too often would lose its token at Discord.
import { SeksError } from '@seks/crds';

import type { Scheduler } from '../lease/scheduler.ts';
import { readIfThere, writeAtomically } from '../run-directory/run-file.ts';
import type { Spending } from './credential-limits.ts';
import type { DayCount } from './day-budget.ts';

/** by credential */
export interface Counts {
  spendings: ReadonlyMap<string, Spending>;
  /** moments of logins in `ms` since 1970, oldest first */
  logins: ReadonlyMap<string, readonly number[]>;
}

/** in the run directory */
export const COUNT_FILE = 'counts.json';
const VERSION = 1;
/** what may be lost when the process is killed */
const DELAY_MS = 1_000;

/**
 * the counts of an earlier process of this pod; empty if there was none
 *
 * @throws SeksError SEKS_INTERNAL if the file is not one of ours: counting from zero would give the day's amounts a second time
 */
export async function readCounts(runDirectory: string): Promise<Counts> {
  const text = await readIfThere(runDirectory, COUNT_FILE);
  if (text === undefined) return { spendings: new Map(), logins: new Map() };
  const counts = parse(text);
  if (counts !== undefined) return counts;
  throw new SeksError(
    'SEKS_INTERNAL',
    `The pod's ${COUNT_FILE} cannot be read, so nothing is known of today. Delete the pod.`,
  );
}

export interface CountWriterOptions {
  runDirectory: string;
  scheduler: Pick<Scheduler, 'after'>;
  randomBytes: (size: number) => Buffer;
  /** as they are now */
  counts: () => Counts;
  /** the counts could not be written; they are kept in memory, and written with the next change or at the end */
  failed: (cause: unknown) => void;
}

export interface CountWriter {
  /** to be called for every change, however often */
  changed: () => void;
  /** resolves when all changes are written, or cannot be */
  flush(): Promise<void>;
}

/** writes the counts a moment after they have changed */
export function createCountWriter(options: CountWriterOptions): CountWriter {
  const { runDirectory, scheduler, randomBytes, counts, failed } = options;
  let isDirty = false;
  let callOff: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    if (!isDirty) return;
    isDirty = false;
    try {
      await writeAtomically(runDirectory, COUNT_FILE, format(counts()), { mode: 0o600, randomBytes });
    } catch (cause) {
      isDirty = true;
      failed(cause);
    }
  };
  // One after the other: a later state must not be overtaken by an earlier one.
  const enqueue = (): void => {
    callOff = undefined;
    writing = writing.then(write);
  };
  return {
    changed() {
      isDirty = true;
      callOff ??= scheduler.after(DELAY_MS, enqueue);
    },
    flush() {
      callOff?.();
      enqueue();
      return writing;
    },
  };
}

function format({ spendings, logins }: Counts): string {
  return JSON.stringify({ version: VERSION, spendings: [...spendings], logins: [...logins] });
}

function parse(text: string): Counts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value['version'] !== VERSION) return undefined;
  const { spendings, logins } = value;
  if (!isListOf(spendings, isSpending) || !isListOf(logins, isMoments)) return undefined;
  return { spendings: new Map(spendings), logins: new Map(logins) };
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is [string, T][] {
  return (
    Array.isArray(value) &&
    value.every(
      (pair: unknown) =>
        Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && is(pair[1]),
    )
  );
}

function isSpending(value: unknown): value is Spending {
  return isRecord(value) && isDayCount(value['tokens']) && isDayCount(value['nanoUsd']);
}

function isDayCount(value: unknown): value is DayCount {
  return isRecord(value) && Number.isSafeInteger(value['day']) && Number.isFinite(value['spent']);
}

function isMoments(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
