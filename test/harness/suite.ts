// The frame of every test file that needs a cluster: finds it or says why not, installs SEKS and the stub providers once,
// and keeps other suites away meanwhile.
import { afterAll, beforeAll, describe, jest, test } from '@jest/globals';
import { ambientContext } from '../cluster/cluster.ts';
import type { MachineLock } from '../cluster/machine-lock.ts';
import { findCluster, type ClusterAccess } from './cluster-access.ts';
import { ensureImages, type TestImages } from './images.ts';
import { ensureInstalled } from './install.ts';
import { lockInstallation } from './installation-lock.ts';
import type { Kubectl } from './kubectl.ts';
import { optedInNamespace } from './objects.ts';
import { ensureStubProvider, type StubProvider } from './stub-provider.ts';

/** what a test may use, from `beforeAll` on */
export interface Suite {
  readonly access: ClusterAccess;
  readonly kubectl: Kubectl;
  readonly images: TestImages;
  readonly stub: StubProvider;
}

/** opted in, shared by all files; each file has names of its own in it */
export const NAMESPACE = 'seks-e2e';
/** not opted in */
export const PLAIN_NAMESPACE = 'seks-e2e-plain';
const STUB_NAMESPACE = 'seks-e2e-provider';
/** short, so that the end of a lease can be waited for */
export const LEASE_TTL_SECONDS = 60;

const testTimeoutMs = 120_000;
/** the first file builds images and installs the chart */
const setUpTimeoutMs = 15 * 60_000;

const context = ambientContext();
const found = await findCluster(context);

/**
 * As `describe`. Without a cluster its tests count as skipped, and the reason is printed; with SEKS_REQUIRE_CLUSTER=1
 * that is a failure.
 */
export function clusterSuite(theme: string, body: (suite: () => Suite) => void): void {
  let suite: Suite | undefined;
  const get = (): Suite => {
    if (suite === undefined) throw new Error('the suite is not set up yet');
    return suite;
  };
  if (typeof found === 'string') {
    withoutCluster(theme, found, () => body(get));
    return;
  }
  describe(theme, () => {
    jest.setTimeout(testTimeoutMs);
    let lock: MachineLock | undefined;
    beforeAll(async () => {
      lock = await lockInstallation();
      suite = await setUp(found);
    }, setUpTimeoutMs);
    afterAll(() => lock?.release());
    body(get);
  });
}

function withoutCluster(theme: string, reason: string, body: () => void): void {
  if (process.env['SEKS_REQUIRE_CLUSTER'] === '1') {
    describe(theme, () => {
      test('a cluster is there', () => {
        throw new Error(`SEKS_REQUIRE_CLUSTER=1, but ${reason}`);
      });
    });
    return;
  }
  process.stderr.write(`SKIPPED, "${theme}": ${reason}\n`);
  describe.skip(theme, body);
}

async function setUp(access: ClusterAccess): Promise<Suite> {
  const { kubectl } = access;
  const images = await ensureImages(kubectl, access.context);
  await ensureInstalled(access, images, { leaseTtlSeconds: LEASE_TTL_SECONDS });
  const stub = await ensureStubProvider(kubectl, {
    namespace: STUB_NAMESPACE,
    image: images.upstream,
    nowMs: Date.now(),
  });
  await kubectl.apply(optedInNamespace(NAMESPACE), {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: PLAIN_NAMESPACE },
  });
  return { access, kubectl, images, stub };
}
