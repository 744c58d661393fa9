// Runs the sidecar's request path as a plain process, without Kubernetes and key service: for test/bench and test/e2e. Not part of
// the product, and not bundled: here keys come from a file in plain text, and names resolve to what that file says.
//
//   node --disable-sigusr1 sidecar/src/testing/standalone.ts config.json
//
// {
//   "port": 15080, "adminPort": 15090,
//   "credentials": [{ "provider": { "name", "spec" }, "token", "key", "agent"?, "container"?, "tier"?, "allow"?, "deny"? }],
//   "addresses": { "api.openai.com": ["127.0.0.1"] },
//   "plainUpstreams": false        // true: http instead of https, to compare with peers that cannot do TLS
// }
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as PlainAgent } from 'node:http';
import { once } from 'node:events';

import { destination, pino } from 'pino';

import { createAudit } from '../audit/audit.ts';
import { createLineBatcher } from '../audit/line-batcher.ts';
import { createTokenTable } from '../credential/tokens.ts';
import { LeaseHolder } from '../lease/lease-state.ts';
import { createScheduler } from '../lease/scheduler.ts';
import { createAdminServer } from '../listen/admin-server.ts';
import { createAgentSide } from '../listen/agent-side.ts';
import { createLedgers } from '../listen/ledger.ts';
import { createSidecarMetrics } from '../metrics/sidecar-metrics.ts';
import { createTestForwarder } from './test-forwarder.ts';
import { type StaticCredential, staticBindings, staticLease } from './static-lease.ts';

interface StandaloneConfig {
  port: number;
  adminPort: number;
  credentials: StaticCredential[];
  addresses: Record<string, string[]>;
  plainUpstreams?: boolean;
}

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as StandaloneConfig;
const log = pino({ level: 'info', base: null }, destination({ dest: 2, sync: true }));
const auditOutput = destination({ dest: 1, sync: false });
const auditLines = createLineBatcher({
  scheduler: createScheduler(),
  write: (batch) => auditOutput.write(batch) || true,
  maxDelayMs: 100,
  maxCharacters: 16_384,
});
const nowMs = (): number => performance.now();
const metrics = createSidecarMetrics('standalone');
const holder = new LeaseHolder(createScheduler());
const plainAgent = config.plainUpstreams === true ? new PlainAgent({ keepAlive: true }) : undefined;
holder.replace(
  undefined,
  staticLease(config.credentials, (provider) => createTestForwarder(provider, config.addresses, plainAgent)),
);
const audit = createAudit({
  namespace: 'standalone',
  pod: 'standalone',
  wallClock: Date.now,
  sink: auditLines.add,
  result: metrics.audited,
});
const { server, drain } = createAgentSide({
  tokens: createTokenTable(staticBindings(config.credentials)),
  holder,
  ledgers: createLedgers(metrics, audit),
  log,
  nowMs,
  randomBytes,
  port: config.port,
});
const admin = createAdminServer({ registry: metrics.registry, ready: () => server.listening });
admin.listen(config.adminPort, '127.0.0.1');
server.listen(config.port, '127.0.0.1');
await Promise.all([once(admin, 'listening'), once(server, 'listening')]);
log.info({ event: 'ready' }, 'ready');
process.once('SIGTERM', () => {
  void drain().then(() => {
    auditLines.flush();
    auditOutput.flushSync();
    process.exit(0);
  });
});
