// The form of all scenarios, and how they go round the targets.
import { mediansOf, type Column, type Figures, type Row, type Table } from '../figures.ts';
import type { Pace } from '../pace.ts';
import type { Lane, Target } from '../target.ts';

/** one kind of measurement */
export interface Scenario {
  name: string;
  title: string;
  about: string;
  lanes: readonly Lane[];
  /** too long for a quick run, unless it is asked for by name */
  long?: boolean;
  columns: readonly Column[];
  /** which targets can take part */
  fits(target: Target): boolean;
  rounds(pace: Pace): number;
  /** before the rounds, once for each target */
  warmUp?(target: Target, pace: Pace): Promise<void>;
  /** one round of one target */
  measure(target: Target, pace: Pace): Promise<Figures>;
  /** after all rounds, once for each target */
  afterwards?: { waitMs(pace: Pace): number; measure(target: Target): Figures };
}

export interface RunOptions {
  pace: Pace;
  /** told what is going on */
  note: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** called after each step of each target: nothing of it may be left to disturb the next */
  afterEach: () => Promise<void>;
}

/** far beyond what any step takes: a contender that hangs must not hold up the run */
const STEP_LIMIT_MS = 60_000;

/**
 * goes round the targets, again and again, so that noise of the machine hits all alike; one that fails is left out from then on, and
 * its row says why
 */
export async function runScenario(
  scenario: Scenario,
  targets: readonly Target[],
  { pace, note, wait, afterEach }: RunOptions,
): Promise<Table> {
  const results = targets
    .filter((target) => scenario.fits(target))
    .map((target) => ({ target, rounds: [] as Figures[], failure: undefined as string | undefined }));
  const each = async (
    step: string,
    work: (result: (typeof results)[number]) => Promise<void>,
  ): Promise<void> => {
    for (const result of results) {
      if (result.failure !== undefined) continue;
      note(`${step}: ${result.target.name}`);
      try {
        await withDeadline(work(result), STEP_LIMIT_MS);
      } catch (cause) {
        result.failure = cause instanceof Error ? cause.message : String(cause);
      }
      await afterEach();
    }
  };
  await each('warm-up', async ({ target }) => scenario.warmUp?.(target, pace));
  const count = scenario.rounds(pace);
  for (let round = 1; round <= count; round += 1) {
    await each(`round ${round} of ${count}`, async ({ target, rounds }) => {
      rounds.push(await scenario.measure(target, pace));
    });
  }
  const { afterwards } = scenario;
  if (afterwards !== undefined) {
    note('waiting');
    await wait(afterwards.waitMs(pace));
    await each('afterwards', async ({ target, rounds }) => {
      rounds.push(afterwards.measure(target));
    });
  }
  const rows = results.map(({ target, rounds, failure }): Row => {
    return failure === undefined
      ? { name: target.name, figures: mediansOf(rounds) }
      : { name: target.name, figures: {}, failure };
  });
  const { name, title, about, columns } = scenario;
  return { name, title, about, columns, rows };
}

async function withDeadline(work: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limitMs / 1000} s`)), limitMs);
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
