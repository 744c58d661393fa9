// One login budget for each credential: it is the bot that Discord counts, not the connection.
import { createIdentifyBudget, type IdentifyBudget } from './identify-budget.ts';

/** finds the budget of a credential */
export interface IdentifyBudgets {
  of(credentialKey: string): Pick<IdentifyBudget, 'take'>;
  /** by credential, the moments of its logins in `ms` since 1970; those that nobody has asked for yet are not among them */
  logins(): [credentialKey: string, number[]][];
}

export interface IdentifyBudgetsOptions {
  /** monotonic, in `ms`: the clock of {@link IdentifyBudget.take} */
  nowMs: () => number;
  /** time of day in `ms` since 1970, for what outlives the process */
  wallClock: () => number;
  /** logins of an earlier process in this pod */
  earlier?: (credentialKey: string) => readonly number[] | undefined;
  /** a login was granted */
  changed?: () => void;
}

/** Discord resets the token after 1,000 in 24 hours; one pod of several must stay far below */
const LOGINS_PER_DAY = 200;
const DAY_MS = 86_400_000;

/** budgets that live as long as the process, and begin with what is told of an earlier one */
export function createIdentifyBudgets(options: IdentifyBudgetsOptions): IdentifyBudgets {
  const { nowMs, wallClock, earlier, changed } = options;
  // Bounded: the credentials that the pod was injected with.
  const known = new Map<string, IdentifyBudget>();
  const budgetOf = (key: string): IdentifyBudget => {
    let budget = known.get(key);
    if (budget === undefined) {
      const [now, wall] = [nowMs(), wallClock()];
      // A clock that was set back makes none of them younger than now.
      const earlierMs = (earlier?.(key) ?? []).map((atMs) => now - Math.max(0, wall - atMs));
      budget = createIdentifyBudget({ perDay: LOGINS_PER_DAY, windowMs: DAY_MS, earlierMs });
      known.set(key, budget);
    }
    return budget;
  };
  return {
    of: (key) => ({
      take(atMs) {
        const decision = budgetOf(key).take(atMs);
        if (decision === 'granted') changed?.();
        return decision;
      },
    }),
    logins() {
      const [now, wall] = [nowMs(), wallClock()];
      return [...known].map(([key, budget]) => [key, budget.grantedMs().map((atMs) => wall - (now - atMs))]);
    },
  };
}
