// The command line.
import { parseArgs } from 'node:util';

export interface Options {
  help: boolean;
  quick: boolean;
  install: boolean;
  /** names or their beginnings, in lower case; undefined: all */
  only: readonly string[] | undefined;
  scenarios: readonly string[] | undefined;
}

export const HELP = `Measures the sidecar beside proxies that do the same job, side by side in one run.

Usage: node test/bench/main.ts [FLAGS]

Flags
  --quick             a few seconds for each scenario (three minutes in all): shows that everything works; results are
                      printed and not kept
  --only NAMES        contenders, by comma; a part of the name is enough. "direct" always takes part
  --scenario NAMES    scenarios, by comma; a name's beginning is enough ("sse" is all of them)
  --no-install        do not install peers that are missing (the first run installs them: LiteLLM is large, and nono
                      compiles for some ten minutes)
  --list              print the names of contenders and scenarios

A full run takes some twenty minutes on an idle machine, and writes test/bench/results/latest.md and latest.json. Peers are
kept in ~/.cache/seks/bench-peers. One that cannot be installed is reported as not run, with the reason.

Exit codes
  0  done     1  failed, or the sidecar could not be measured     2  wrong command line

Examples
  node test/bench/main.ts
  node test/bench/main.ts --quick --only sidecar,nginx,undici
  node test/bench/main.ts --scenario json-1k,sse --no-install
  node test/bench/main.ts --scenario stages`;

/** @throws TypeError for a flag that does not exist */
export function parseOptions(args: readonly string[]): Options & { list: boolean } {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      quick: { type: 'boolean', default: false },
      install: { type: 'boolean', default: true },
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      scenario: { type: 'string' },
    },
  });
  const { help, quick, install, list, only, scenario } = values;
  return { help, quick, install, list, only: namesOf(only), scenarios: namesOf(scenario) };
}

function namesOf(list: string | undefined): string[] | undefined {
  return list
    ?.split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/**
 * those that were asked for
 *
 * @throws RangeError if a name fits nothing
 */
export function choose<T extends { name: string }>(
  all: readonly T[],
  names: readonly string[] | undefined,
  fits: (name: string, wanted: string) => boolean,
): T[] {
  if (names === undefined) return [...all];
  for (const wanted of names) {
    if (!all.some(({ name }) => fits(name.toLowerCase(), wanted)))
      throw new RangeError(`there is no ${wanted}`);
  }
  return all.filter(({ name }) => names.some((wanted) => fits(name.toLowerCase(), wanted)));
}
