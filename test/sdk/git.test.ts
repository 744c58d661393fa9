// What git's transfers look like on the wire, so that the scenario is known to meet each form of a body.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SDK_ROWS } from './rows.ts';
import { runScenario } from './scenario.ts';
import { openStubInternet, type StubInternet } from './stub-internet.ts';

/** the first run on a machine installs the SDKs */
const OPEN_TIMEOUT_MS = 10 * 60_000;
const RUN_TIMEOUT_MS = 70_000;
const LARGE_BYTES = 4_000_000;

let internet: StubInternet;
beforeAll(async () => {
  internet = await openStubInternet({ extraHosts: [], address: '127.0.0.2' });
}, OPEN_TIMEOUT_MS);
afterAll(() => internet.close());

test(
  'git meets a challenge, compresses requests, and sends large packs both chunked and whole',
  async () => {
    const row = SDK_ROWS.find(({ scenario }) => scenario === 'git.sh')!;
    const steps = ['clone.askpass', 'push.chunked', 'push.whole'];
    const credentials = { GITHUB_TOKEN: internet.keys.github };
    const result = await runScenario(internet, { ...row, steps }, { credentials, caPem: internet.caPem });
    expect(result.steps).toMatchObject(steps.map((step) => ({ step, ok: true })));

    const seen = await internet.requests();
    expect(seen[0]?.path).toBe('/acme/widgets.git/info/refs');
    expect(seen[0]).not.toHaveProperty('credential');
    const fetches = seen.filter(({ path }) => path.endsWith('/git-upload-pack'));
    expect(fetches.some(({ headerNames }) => headerNames.includes('content-encoding'))).toBe(true);
    const pushes = seen.filter(
      ({ path, bodyBytes }) => path.endsWith('/git-receive-pack') && bodyBytes > LARGE_BYTES,
    );
    const framings = pushes.map(({ headerNames }) =>
      ['transfer-encoding', 'content-length'].filter((name) => headerNames.includes(name)),
    );
    expect(framings).toEqual([['transfer-encoding'], ['content-length']]);
  },
  RUN_TIMEOUT_MS,
);
