// Scenario against stub, with the real key and nothing in between: shows that both are right before the sidecar joins.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeRealKeys } from './real-keys.ts';
import { DIRECT_ROWS } from './rows.ts';
import { runScenario } from './scenario.ts';
import { openStubInternet, type StubInternet } from './stub-internet.ts';

/** the first run on a machine installs the SDKs */
const OPEN_TIMEOUT_MS = 10 * 60_000;
const ROW_TIMEOUT_MS = 70_000;

let internet: StubInternet;
beforeAll(async () => {
  const extraHosts = DIRECT_ROWS.flatMap((row) => row.hosts ?? []);
  internet = await openStubInternet({ extraHosts, address: '127.0.0.2' });
}, OPEN_TIMEOUT_MS);
afterAll(() => internet.close());

describe('an SDK alone with the stub', () => {
  test.each(DIRECT_ROWS.map((row) => [row.scenario, row] as const))(
    '%s',
    async (_name, row) => {
      const sinceId = (await internet.requests()).at(-1)?.id ?? 0;
      const credentials = Object.fromEntries(
        Object.entries(row.keys).map(([variable, provider]) => [variable, internet.keys[provider]]),
      );
      const result = await runScenario(internet, row, { credentials, caPem: internet.caPem });
      expect(result.steps.filter((step) => !step.ok)).toEqual([]);
      expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
      expect(result.steps.map((step) => step.step)).toEqual(expect.arrayContaining([...(row.steps ?? [])]));
      expect(result.steps).not.toHaveLength(0);

      for (const name of row.echoSteps ?? []) {
        const line = JSON.stringify(result.steps.find((step) => step.step === name));
        expect(Object.values(credentials).some((key) => line.includes(key))).toBe(true);
      }
      const seen = await internet.requests(sinceId);
      expect(seen.some((request) => request.isExpectedKey)).toBe(true);
      const refused = seen.filter((request) => request.credential !== undefined && !request.isExpectedKey);
      expect(refused.length > 0).toBe((row.refusedSteps ?? []).length > 0);
    },
    ROW_TIMEOUT_MS,
  );

  const refusable = DIRECT_ROWS.filter((row) => row.echoSteps !== undefined);
  test.each(refusable.map((row) => [row.scenario, row] as const))(
    '%s is refused with another key of the same shape',
    async (_name, row) => {
      const sinceId = (await internet.requests()).at(-1)?.id ?? 0;
      const others = makeRealKeys();
      const credentials = Object.fromEntries(
        Object.entries(row.keys).map(([variable, provider]) => [variable, others[provider]]),
      );
      const one = { ...row, steps: row.echoSteps?.slice(0, 1) ?? [] };
      const result = await runScenario(internet, one, { credentials, caPem: internet.caPem });
      expect(result.exitCode).not.toBe(0);
      const seen = await internet.requests(sinceId);
      expect(seen.filter((request) => request.isExpectedKey)).toEqual([]);
      expect(seen.filter((request) => request.credential !== undefined)).not.toEqual([]);
    },
    ROW_TIMEOUT_MS,
  );
});
