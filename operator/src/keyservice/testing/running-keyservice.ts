// The whole key service over real TLS on loopback, as the cluster has it: trust, KMS key, a binding and its injected pod are there.
// The API server is a mock; envelopes, seals, KMS and certificates are real.
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';

import { Secret, parseEnvelope, sealKey } from '@seks/crds';
import type { Envelope, SealContext, SeksBinding } from '@seks/crds';

import type { KeyserviceConfig } from '../../config.ts';
import { formatKeySet } from '../../injection/index.ts';
import { createLocalKms, generateLocalKeyPair } from '../../kms/index.ts';
import type { Pod } from '../../kube/objects.ts';
import { CONFIG_MAPS, PODS, SECRETS, SEKS_BINDINGS } from '../../kube/resources.ts';
import { startMockApiServer } from '../../kube/testing/mock-api-server.ts';
import type { MockApiServer, MockObject } from '../../kube/testing/mock-api-server.ts';
import { until } from '../../kube/testing/until.ts';
import { createLog } from '../../metrics/log.ts';
import { createMetrics } from '../../metrics/metrics.ts';
import { createKeyserviceProcess } from '../keyservice-process.ts';
import { CANARY_KEY, contextOf, injectedPod, researchBinding, reviewStatus, signer } from './fixture.ts';

/** namespace of the release */
export const RELEASE = 'seks';
/** now, because OpenSSL checks certificates against the real time */
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const CONFIG: KeyserviceConfig = {
  role: 'keyservice',
  namespace: RELEASE,
  clusterDomain: 'cluster.local',
  logLevel: 'debug',
  adminPort: 0,
  kube: { kind: 'in-cluster' },
  instance: 'test',
  listenPort: 0,
  leaseTtlSeconds: 900,
  kms: [{ kms: 'local' }],
};

// Made once: generating an RSA key takes longer than all the rest.
const sealing = await generateLocalKeyPair();

export interface RunningKeyservice {
  readonly api: MockApiServer;
  readonly port: number;
  /** the canary key for the fixture's first source */
  readonly envelope: Envelope;
  /** what it logged so far */
  logged(): string;
  /** its metrics, as they are scraped */
  metrics(): Promise<string>;
  /** what it is waiting for before it is ready */
  waitingFor(): readonly string[];
  /** lets time pass for it */
  pass(ms: number): void;
  /** the fixture's binding with a change */
  putBinding(spec?: Partial<SeksBinding['spec']>): void;
  /** seals with the key that the key service published, as the CLI does */
  seal(place?: Partial<SealContext>): Promise<Envelope>;
  /** tells the process to end, as SIGTERM does */
  end(): void;
  /** ends it, and the API server */
  close(): Promise<void>;
}

/** starts it, and waits until it is ready */
export async function startKeyservice(): Promise<RunningKeyservice> {
  const api = await startMockApiServer();
  api.onTokenReview = () => reviewStatus();
  const putBinding = (spec: Partial<SeksBinding['spec']> = {}): void => {
    api.put(SEKS_BINDINGS, researchBinding(spec) as unknown as MockObject);
  };
  putTrustAndKeys(api);
  putBinding();
  api.put(PODS, agentPod());

  let nowMs = NOW_MS;
  let logged = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged += chunk.toString();
      done();
    },
  });
  const abort = new AbortController();
  const metrics = createMetrics({ version: 'test', role: 'keyservice' });
  const keyservice = createKeyserviceProcess({
    config: CONFIG,
    api: api.api,
    metrics,
    log: createLog('debug', sink),
    clock: () => nowMs,
    random: () => 0,
    apiAudiences: [],
  });
  const { server } = keyservice;
  const running = keyservice.run(abort.signal);
  await keyservice.servable;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await until('it is ready', () => keyservice.waitingFor().length === 0);

  const seal = async (place: Partial<SealContext> = {}): Promise<Envelope> => {
    const published = await until('the sealing key is published', () =>
      api.get(CONFIG_MAPS, 'seks-sealing-key', RELEASE),
    );
    const publicKeyPem = (published['data'] as Record<string, string>)['sealing.pem'] ?? '';
    const ctx = { ...contextOf(), ...place };
    const { dataKey, wrapped } = await createLocalKms({ publicKeyPem }).wrap(ctx, abort.signal);
    const key = new Secret('provider-key', CANARY_KEY);
    return parseEnvelope(await sealKey(key, ctx, { dataKey, edks: [wrapped] }, randomBytes));
  };

  return {
    api,
    port: (server.address() as AddressInfo).port,
    envelope: await seal(),
    logged: () => logged,
    metrics: () => metrics.registry.metrics(),
    waitingFor: () => keyservice.waitingFor(),
    pass: (ms) => void (nowMs += ms),
    putBinding,
    seal,
    end: () => abort.abort(),
    async close() {
      abort.abort();
      await running;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await api.close();
    },
  };
}

/** the pod as it is read back after its injection for the fixture's binding */
export function agentPod(): Pod {
  return injectedPod([researchBinding()], NOW_MS);
}

/** what the controller publishes, and the local KMS's key */
function putTrustAndKeys(api: MockApiServer): void {
  const trust = { 'ca.crt': 'unused', 'injection-keys.json': formatKeySet(signer.publicKeys()) };
  api.put(CONFIG_MAPS, { metadata: { name: 'seks-trust', namespace: RELEASE }, data: trust });
  const keys = {
    [sealing.kid]: sealing.privateKeyPem.reveal((pem) => pem.toString('base64')),
    current: Buffer.from(sealing.kid).toString('base64'),
  };
  api.put(SECRETS, { metadata: { name: 'seks-kms-local', namespace: RELEASE }, data: keys });
}
