// Tries the newest version of every SDK against the stubs, without touching the pins:  node test/sdk/newer.ts
// Prints a table; ends with 1 when a scenario fails.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { writeNewestPins } from './newest-pins.ts';
import { findPython } from './python.ts';
import { DIRECT_ROWS } from './rows.ts';
import { runScenario, type ScenarioResult } from './scenario.ts';
import { scenarioPackages } from './scenario-packages.ts';
import { openStubInternet } from './stub-internet.ts';

const agentDir = join(import.meta.dirname, '..', 'agent');

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'seks-newer-'));
  try {
    const versions = await writeNewestPins(agentDir, folder, (await findPython()).version);
    const failed = await failedScenarios(folder);
    const users = scenarioPackages(join(agentDir, 'scenarios'), versions);
    const wasRun = new Set(DIRECT_ROWS.map((row) => row.scenario));
    console.log(['registry', 'package', 'pinned', 'newest', 'scenarios'].join('\t'));
    for (const { registry, name, pinned, newest } of versions) {
      const scenarios = users.get(`${registry}:${name}`)?.filter((file) => wasRun.has(file)) ?? [];
      const broken = scenarios.filter((scenario) => failed.has(scenario));
      const verdict = broken.length > 0 ? `FAILED: ${broken.join(' ')}` : `ok: ${scenarios.join(' ')}`;
      console.log([registry, name, pinned, newest, scenarios.length === 0 ? '-' : verdict].join('\t'));
    }
    for (const [scenario, result] of failed) {
      console.error(`\n${scenario} ended with ${result.exitCode}`);
      for (const step of result.steps.filter(({ ok }) => !ok)) console.error(JSON.stringify(step));
      console.error(result.stderr.trim());
    }
    process.exitCode = failed.size > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** runs every scenario with the real keys */
async function failedScenarios(pinsFolder: string): Promise<Map<string, ScenarioResult>> {
  const extraHosts = DIRECT_ROWS.flatMap((row) => row.hosts ?? []);
  const sdks = { pinsFolder, cacheDir: join(pinsFolder, 'cache') };
  const internet = await openStubInternet({ extraHosts, address: '127.0.0.2', sdks });
  const failed = new Map<string, ScenarioResult>();
  try {
    for (const row of DIRECT_ROWS) {
      const credentials = Object.fromEntries(
        Object.entries(row.keys).map(([variable, provider]) => [variable, internet.keys[provider]]),
      );
      const result = await runScenario(internet, row, { credentials, caPem: internet.caPem });
      if (result.exitCode !== 0) failed.set(row.scenario, result);
    }
  } finally {
    await internet.close();
  }
  return failed;
}

await main();
