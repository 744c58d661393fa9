// Scenarios of an agent's author, run in the agent's container as its own program would run: with what was injected, and nothing else.
import { extname } from 'node:path';
import type { Kubectl, Target } from './kubectl.ts';

/** what one step of a scenario says of itself, and the facts that it found */
export interface ScenarioStep {
  readonly step: string;
  readonly ok: boolean;
  readonly [fact: string]: unknown;
}

export interface ScenarioRun {
  readonly steps: readonly ScenarioStep[];
  readonly exitCode: number;
  /** everything that it printed */
  readonly said: string;
}

const INTERPRETERS: Readonly<Record<string, string>> = { '.mjs': 'node', '.py': 'python3', '.sh': '/bin/sh' };
const SCENARIO_TIMEOUT_MS = 90_000;

/** @param steps all when empty */
export async function runScenario(
  kubectl: Kubectl,
  target: Target,
  scenario: string,
  steps: readonly string[] = [],
): Promise<ScenarioRun> {
  const interpreter = INTERPRETERS[extname(scenario)];
  if (interpreter === undefined) throw new Error(`no interpreter for ${scenario}`);
  const { code, stdout, stderr } = await kubectl.exec(
    target,
    [interpreter, `scenarios/${scenario}`, ...steps],
    { timeoutMs: SCENARIO_TIMEOUT_MS },
  );
  // Other lines are what the SDK has to say.
  const lines = stdout.split('\n').filter((line) => line.startsWith('{"step":'));
  return {
    steps: lines.map((line) => JSON.parse(line) as ScenarioStep),
    exitCode: code,
    said: stdout + stderr,
  };
}
