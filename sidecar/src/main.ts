// The sidecar process: reads the environment, opens sockets, ends. All else gets what it needs as arguments.
import { randomBytes } from 'node:crypto';
import { getServers } from 'node:dns';
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:net';

import {
  ADMIN_PORT,
  AGENT_PORT,
  ALIAS_PORT,
  type InjectionConfig,
  PRIVATE_MOUNT_PATH,
  PUBLIC_MOUNT_PATH,
  RUN_MOUNT_PATH,
} from '@seks/crds';
import { destination, pino } from 'pino';

import packageJson from '../package.json' with { type: 'json' };
import { createAudit } from './audit/audit.ts';
import { createLineBatcher } from './audit/line-batcher.ts';
import { readConfig } from './config.ts';
import { createTokenTable } from './credential/tokens.ts';
import { createEgressLookup, createResolve } from './forward/egress-lookup.ts';
import { createLinkPool } from './forward/link-pool.ts';
import { firstNameServers } from './forward/name-servers.ts';
import { createUpstreamAgent } from './forward/upstream-agent.ts';
import { createKeyService } from './lease/key-service.ts';
import { LeaseKeeper } from './lease/lease-keeper.ts';
import { LeaseHolder } from './lease/lease-state.ts';
import { openLease } from './lease/open-lease.ts';
import { createScheduler, type Scheduler } from './lease/scheduler.ts';
import { createPrivateFiles } from './lease/sealed-files.ts';
import { createAdminServer } from './listen/admin-server.ts';
import { createAgentSide } from './listen/agent-side.ts';
import { createLedgers } from './listen/ledger.ts';
import { createCountWriter, readCounts } from './limits/count-file.ts';
import { createLimitKeeper } from './limits/credential-limits.ts';
import { giveBackWhenQuiet } from './memory/give-back.ts';
import { processMemory } from './memory/process-memory.ts';
import { createSidecarMetrics } from './metrics/sidecar-metrics.ts';
import { describeError, terminationMessage } from './safe-error.ts';
import { ensurePodCa } from './tls/pod-ca.ts';
import { createServerContext } from './tls/server-context.ts';
import { createIdentifyBudgets } from './websocket/identify-budgets.ts';

const TERMINATION_LOG = '/dev/termination-log';
const AUDIT_BATCH_CHARACTERS = 16_384;
const AUDIT_DELAY_MS = 100;
const AUDIT_LIMIT_BYTES = 16 * 1024 * 1024;

const log = pino(
  { level: process.env['SEKS_LOG_LEVEL'] ?? 'info', base: null },
  destination({ dest: 2, sync: true }),
);
const auditOutput = destination({ dest: 1, sync: false, maxLength: AUDIT_LIMIT_BYTES });
const auditLines = createLineBatcher({
  scheduler: createScheduler(),
  write: writeAuditBatch,
  maxDelayMs: AUDIT_DELAY_MS,
  maxCharacters: AUDIT_BATCH_CHARACTERS,
});

process.on('uncaughtException', die);
process.on('unhandledRejection', die);
main().catch(die);

async function main(): Promise<void> {
  const { injection, namespace, podName } = readConfig(process.env);
  const { keyService } = injection;
  const resolve = createResolve(
    await firstNameServers({ runDirectory: RUN_MOUNT_PATH, current: getServers(), randomBytes }),
  );
  const scheduler = createScheduler();
  const metrics = createSidecarMetrics(packageJson.version);
  const tokens = createTokenTable(injection);
  const holder = new LeaseHolder(scheduler);
  const { limits, identifyBudgets, writeCounts } = await keepCounts(scheduler);
  const keyServiceHost = new URL(keyService.url).hostname;
  const keeper = new LeaseKeeper({
    namespace,
    entries: tokens.entries,
    holder,
    keyService: createKeyService({
      ...keyService,
      agentFor: (caBundle) =>
        createUpstreamAgent({
          host: keyServiceHost,
          network: 'Private',
          lookup: createEgressLookup(resolve, 'Private'),
          caBundle,
        }),
    }),
    files: createPrivateFiles(PRIVATE_MOUNT_PATH),
    linkFor: createLinkPool(resolve),
    limitsFor: limits.limitsFor,
    open: openLease,
    scheduler,
    random: Math.random,
    log,
    leased: (ttlMs) => metrics.leaseExpires(Date.now() + ttlMs),
  });
  const audit = createAudit({
    namespace,
    pod: podName,
    wallClock: Date.now,
    sink: auditLines.add,
    result: metrics.audited,
  });
  const agentSide = createAgentSide({
    tokens,
    holder,
    ledgers: createLedgers(metrics, audit),
    log,
    scheduler,
    randomBytes,
    port: AGENT_PORT,
    tls: await openTls(injection.interception),
    identifyBudgets,
  });
  const memory = processMemory();
  giveBackWhenQuiet({ scheduler, ...memory });
  let ready = false;
  const admin = createAdminServer({ registry: metrics.registry, ready: () => ready });
  await listen(admin, ADMIN_PORT, '0.0.0.0');

  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ event: 'stopping', signal }, 'stopping');
    ready = false;
    // Bounded by the pod's grace period, after which the kubelet kills.
    if (agentSide.server.listening) await agentSide.drain();
    keeper.stop();
    await writeCounts();
    flushAudit();
    log.info({ event: 'stopped' }, 'stopped');
    process.exit(0);
  };
  // Not once: a second one would kill at once, with what is running and what was counted. The kubelet's SIGKILL comes in any case.
  process.on('SIGTERM', (signal) => void stop(signal).catch(die));
  // Once: who presses Ctrl-C again does not want to wait.
  process.once('SIGINT', (signal) => void stop(signal).catch(die));

  await keeper.start();
  await listen(agentSide.server, AGENT_PORT, '127.0.0.1');
  if (injection.interception.aliases.length > 0) {
    await listen(agentSide.serverFor(ALIAS_PORT), ALIAS_PORT, '127.0.0.1');
  }
  ready = true;
  log.info(
    { event: 'ready', providers: [...tokens.providers], startMs: Math.round(performance.now()) },
    'ready',
  );
  // What only starting needed is 4 MiB; the pause falls into the time in which the agent's containers are started.
  memory.collect();
}

/** what was used today, going on where an earlier process of this pod has ended */
async function keepCounts(scheduler: Scheduler) {
  const earlier = await readCounts(RUN_MOUNT_PATH);
  const clocks = { nowMs: scheduler.nowMs, wallClock: Date.now };
  const writer = createCountWriter({
    runDirectory: RUN_MOUNT_PATH,
    scheduler,
    randomBytes,
    // What is not asked for under this lease, as after a suspension, must not be forgotten.
    counts: () => ({
      spendings: new Map([...earlier.spendings, ...limits.spendings()]),
      logins: new Map([...earlier.logins, ...identifyBudgets.logins()]),
    }),
    failed: (cause) => log.error({ event: 'counts', error: describeError(cause) }, 'counts not written'),
  });
  const { changed } = writer;
  const limits = createLimitKeeper(clocks, { earlier: (key) => earlier.spendings.get(key), changed });
  const identifyBudgets = createIdentifyBudgets({
    ...clocks,
    earlier: (key) => earlier.logins.get(key),
    changed,
  });
  return { limits, identifyBudgets, writeCounts: () => writer.flush() };
}

/** the certificate for the agent's side; published before anything listens */
async function openTls({ aliases, proxied }: InjectionConfig['interception']) {
  const hosts = [...new Set([...aliases, ...proxied])];
  const { identity, reused } = await ensurePodCa({
    runDirectory: RUN_MOUNT_PATH,
    publicDirectory: PUBLIC_MOUNT_PATH,
    hosts,
    nowMs: Date.now(),
    randomBytes,
  });
  log.info({ event: 'certificate', hosts, reused }, 'certificate published');
  return {
    secureContext: createServerContext(identity),
    hosts,
    proxied,
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function writeAuditBatch(batch: string): boolean {
  let written = true;
  const onDrop = (): void => {
    written = false;
  };
  auditOutput.once('drop', onDrop);
  auditOutput.write(batch);
  auditOutput.removeListener('drop', onDrop);
  return written;
}

function flushAudit(): void {
  auditLines.flush();
  auditOutput.flushSync();
}

function die(cause: unknown): never {
  log.fatal({ event: 'fatal', error: describeError(cause) }, 'cannot go on');
  try {
    // Not created: the kubelet has put it there, or this is no container.
    writeFileSync(TERMINATION_LOG, terminationMessage(cause), { flag: 'r+' });
  } catch {
    // The log has it, too.
  }
  try {
    flushAudit();
  } catch {
    // Nothing was written yet.
  }
  process.exit(1);
}
