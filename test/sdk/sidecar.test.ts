// The SDKs through the sidecar, in each mode that they can use: the agent has a fake token, and the stub takes only the real key.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitUntil } from '../cluster/wait-until.ts';
import { mask } from '../upstream/mask.ts';
import type { Interception, SdkRow, SidecarRun } from './row.ts';
import { SDK_ROWS } from './rows.ts';
import { runScenario } from './scenario.ts';
import { SIDECAR_ADDRESS, STUB_ADDRESS, startSidecar, type Sidecar } from './sidecar.ts';
import { openStubInternet, type StubInternet } from './stub-internet.ts';
import { missingPairs, tokenPair } from './told-usage.ts';

const OPEN_TIMEOUT_MS = 10 * 60_000;
const RUN_TIMEOUT_MS = 80_000;
const METER_TIMEOUT_MS = 5_000;
/** nothing listens there: an SDK that passes its base URL or proxy by fails */
const NOWHERE = '127.0.0.9';
const LOCAL = '127.0.0.1,localhost';
const MODE_ENV: Readonly<Record<Interception, Readonly<Record<string, string>>>> = {
  BaseURL: {},
  HostAlias: {},
  Proxy: { HTTPS_PROXY: 'http://127.0.0.1:15080', NO_PROXY: LOCAL, NODE_USE_ENV_PROXY: '1' },
};

let internet: StubInternet;
let sidecar: Sidecar;
beforeAll(async () => {
  const extraHosts = SDK_ROWS.flatMap((row) => row.hosts ?? []);
  internet = await openStubInternet({ extraHosts, address: NOWHERE });
  sidecar = await startSidecar(internet, SDK_ROWS);
}, OPEN_TIMEOUT_MS);
afterAll(() => internet.close());

const runs = SDK_ROWS.flatMap((row) =>
  row.throughSidecar.map((run) => [row.scenario, run.mode, { row, run }] as const),
);

describe('an SDK with a fake token', () => {
  test.each(runs)(
    'S1, S9, S10: %s by %s',
    async (_scenario, _mode, { row, run }) => {
      const sinceId = (await internet.requests()).at(-1)?.id ?? 0;
      const wroteBefore = sidecar.output().length;
      // As in a pod: only what the webhook points to the sidecar leads anywhere.
      const aliased = new Set(run.mode === 'HostAlias' ? sidecar.intercepted : []);
      const direct = new Set(row.direct);
      const address = (host: string): string =>
        aliased.has(host) ? SIDECAR_ADDRESS : direct.has(host) ? STUB_ADDRESS : NOWHERE;
      await internet.namespace.resolve(
        Object.fromEntries(internet.hosts.map((host) => [host, address(host)])),
      );
      const credentials = sidecar.tokensFor(row);
      const result = await runScenario(internet, withSteps(row, run), {
        credentials,
        env: { ...MODE_ENV[run.mode], ...run.env },
        nodeOnly: run.mode === 'BaseURL' && run.withBundle !== true,
        // A host outside has a certificate of a public authority, which the stubs' stands for.
        caPem: sidecar.caPem() + (direct.size === 0 ? '' : internet.caPem),
      });
      expect(result.steps.filter((step) => !step.ok)).toEqual([]);
      expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
      expect(result.steps).not.toHaveLength(0);

      const line = (name: string): string => JSON.stringify(result.steps.find(({ step }) => step === name));
      const wasRun = (name: string): boolean => result.steps.some(({ step }) => step === name);
      for (const name of row.deniedSteps?.filter(wasRun) ?? []) expect(line(name)).toContain('SEKS_');
      for (const name of row.echoSteps?.filter(wasRun) ?? []) expect(line(name)).toContain('*'.repeat(16));
      for (const token of Object.values(credentials)) expect(sidecar.output()).not.toContain(token);
      for (const form of keyForms(row)) {
        expect(result.stdout + result.stderr).not.toContain(form);
        expect(sidecar.output()).not.toContain(form);
      }

      const seen = await internet.requests(sinceId);
      expect(seen.some((request) => request.isExpectedKey)).toBe(true);
      expect(seen.filter((request) => request.isFakeToken)).toEqual([]);
      const refused = seen.filter((request) => request.credential !== undefined && !request.isExpectedKey);
      expect(refused).toEqual([]);

      const told = result.steps.flatMap((step) => tokenPair(step['usage']) ?? []);
      // Audit lines are written together, and a connection's when it has ended.
      await waitUntil(
        () => {
          expect(missingPairs(told, sidecar.metered(wroteBefore))).toEqual([]);
          return true;
        },
        { what: 'the audit of every count that the agent was told', timeoutMs: METER_TIMEOUT_MS },
      );
    },
    RUN_TIMEOUT_MS,
  );
});

function withSteps(row: SdkRow, run: SidecarRun): SdkRow {
  return run.steps === undefined ? row : { ...row, steps: run.steps };
}

/** how a real key of the row may not be seen: as it is, encoded, or in the parts that some providers show */
function keyForms(row: SdkRow): string[] {
  return Object.values(row.keys).flatMap((provider) => {
    const key = internet.keys[provider];
    const bytes = Buffer.from(key);
    return [key, mask(key), bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
  });
}
