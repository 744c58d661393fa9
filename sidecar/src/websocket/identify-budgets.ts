// One login budget for each credential: it is the bot that Discord counts, not the connection.
import { createIdentifyBudget, type IdentifyBudget } from './identify-budget.ts';

/** finds the budget of a credential */
export interface IdentifyBudgets {
  of(credentialKey: string): IdentifyBudget;
}

/** Discord resets the token after 1,000 in 24 hours; one pod of several must stay far below */
const LOGINS_PER_DAY = 200;
const DAY_MS = 86_400_000;

/** budgets that live as long as the process */
export function createIdentifyBudgets(): IdentifyBudgets {
  // Bounded: the credentials that the pod was injected with.
  const known = new Map<string, IdentifyBudget>();
  return {
    of(key) {
      let budget = known.get(key);
      if (budget === undefined) {
        budget = createIdentifyBudget({ perDay: LOGINS_PER_DAY, windowMs: DAY_MS });
        known.set(key, budget);
      }
      return budget;
    },
  };
}
