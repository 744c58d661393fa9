// Runs the sidecar's request path as a plain process, without Kubernetes and key service: for test/bench and test/e2e. Not part of
// the product, and not bundled: here keys come from a file in plain text, and names resolve to what that file says.
//
//   node --disable-sigusr1 sidecar/src/testing/standalone.ts config.json
//
// {
//   "port": 15080, "adminPort": 15090,
//   "credentials": [{ "provider": { "name", "spec" }, "token", "key", "agent"?, "container"?, "tier"?, "allow"?, "deny"?,
//                     "models"?, "limits"? }],
//   "addresses": { "api.openai.com": ["127.0.0.1"], "*": ["127.0.0.2"] },
//   "interception": { "aliases": ["api.telegram.org"], "proxied": [], "hostPort": 443,                        // optional
//                     "runDirectory": "/tmp/run", "publicDirectory": "/tmp/public" },
//   "plainUpstreams": false,       // true: http instead of https, to compare with peers that cannot do TLS
//   "forwarder": "routed",         // or one of them for everything: "undici", "http-proxy-middleware"; not with plainUpstreams
//   "withoutScrub": false          // true: looks for no key in answers, to measure what looking costs
// }
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as PlainAgent } from 'node:http';
import { once } from 'node:events';

import { SeksError } from '@seks/crds';
import { destination, pino } from 'pino';

import { createAudit } from '../audit/audit.ts';
import { createLineBatcher } from '../audit/line-batcher.ts';
import { createTokenTable } from '../credential/tokens.ts';
import type { ForwarderKind } from '../forward/forwarder-kinds.ts';
import { LeaseHolder, type LeaseState } from '../lease/lease-state.ts';
import { createScheduler } from '../lease/scheduler.ts';
import { createAdminServer } from '../listen/admin-server.ts';
import { createAgentSide } from '../listen/agent-side.ts';
import { createLedgers } from '../listen/ledger.ts';
import { giveBackWhenQuiet } from '../memory/give-back.ts';
import { processMemory } from '../memory/process-memory.ts';
import { createSidecarMetrics } from '../metrics/sidecar-metrics.ts';
import { createLimitKeeper } from '../limits/credential-limits.ts';
import { createNeedles } from '../scrub/needles.ts';
import { ensurePodCa } from '../tls/pod-ca.ts';
import { createServerContext } from '../tls/server-context.ts';
import { createIdentifyBudgets } from '../websocket/identify-budgets.ts';
import { createTestLinks } from './test-forwarder.ts';
import { type StaticCredential, staticBindings, staticLease } from './static-lease.ts';

interface StandaloneConfig {
  port: number;
  adminPort: number;
  credentials: StaticCredential[];
  addresses: Record<string, string[]>;
  plainUpstreams?: boolean;
  forwarder?: ForwarderKind;
  withoutScrub?: boolean;
  interception?: {
    aliases: string[];
    proxied: string[];
    /** where intercepted hosts are answered */
    hostPort: number;
    runDirectory: string;
    publicDirectory: string;
  };
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
const scheduler = createScheduler();
const memory = processMemory();
giveBackWhenQuiet({ scheduler, ...memory });
const metrics = createSidecarMetrics('standalone');
const holder = new LeaseHolder(scheduler);
const plainAgent = config.plainUpstreams === true ? new PlainAgent({ keepAlive: true }) : undefined;
const lease = staticLease(
  config.credentials,
  createTestLinks({ addresses: config.addresses, plainAgent, kind: config.forwarder }),
  createLimitKeeper({ nowMs: scheduler.nowMs, wallClock: Date.now }).limitsFor,
);
if (config.withoutScrub === true) forgetNeedles(lease);
holder.replace(undefined, lease);
const audit = createAudit({
  namespace: 'standalone',
  pod: 'standalone',
  wallClock: Date.now,
  sink: auditLines.add,
  result: metrics.audited,
});
const { interception } = config;
const tls = interception === undefined ? undefined : await openTls(interception);
const { server, serverFor, drain } = createAgentSide({
  tokens: createTokenTable(staticBindings(config.credentials)),
  holder,
  ledgers: createLedgers(metrics, audit),
  log,
  scheduler,
  randomBytes,
  identifyBudgets: createIdentifyBudgets({ nowMs: scheduler.nowMs, wallClock: Date.now }),
  port: config.port,
  tls,
});
const admin = createAdminServer({ registry: metrics.registry, ready: () => server.listening });
admin.listen(config.adminPort, '127.0.0.1');
server.listen(config.port, '127.0.0.1');
const listening = [once(admin, 'listening'), once(server, 'listening')];
if (interception !== undefined && interception.aliases.length > 0) {
  const { hostPort } = interception;
  listening.push(once(serverFor(hostPort).listen(hostPort, '127.0.0.1'), 'listening'));
}
await Promise.all(listening);
log.info({ event: 'ready' }, 'ready');
memory.collect();
process.once('SIGTERM', () => {
  void drain().then(() => {
    auditLines.flush();
    auditOutput.flushSync();
    process.exit(0);
  });
});

/** the product has no such switch, so the field is overwritten from outside */
function forgetNeedles({ credentials }: LeaseState): void {
  for (const granted of credentials.values()) {
    if (!(granted instanceof SeksError)) Object.assign(granted.vault, { needles: createNeedles([]) });
  }
}

async function openTls({
  aliases,
  proxied,
  runDirectory,
  publicDirectory,
}: NonNullable<StandaloneConfig['interception']>) {
  const hosts = [...new Set([...aliases, ...proxied])];
  const { identity } = await ensurePodCa({
    runDirectory,
    publicDirectory,
    hosts,
    nowMs: Date.now(),
    randomBytes,
  });
  return {
    secureContext: createServerContext(identity),
    hosts,
    proxied,
  };
}
