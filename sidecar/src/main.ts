// The sidecar process: reads the environment, opens sockets, ends. All else gets what it needs as arguments.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:http';

import { ADMIN_PORT, AGENT_PORT, PRIVATE_MOUNT_PATH } from '@seks/crds';
import { destination, pino } from 'pino';

import packageJson from '../package.json' with { type: 'json' };
import { createAudit } from './audit/audit.ts';
import { createLineBatcher } from './audit/line-batcher.ts';
import { readConfig } from './config.ts';
import { createTokenTable } from './credential/tokens.ts';
import { createEgressLookup, createResolve } from './forward/egress-lookup.ts';
import { createForwarderPool } from './forward/forwarder-pool.ts';
import { createUpstreamAgent } from './forward/upstream-agent.ts';
import { createKeyService } from './lease/key-service.ts';
import { LeaseKeeper } from './lease/lease-keeper.ts';
import { LeaseHolder } from './lease/lease-state.ts';
import { openLease } from './lease/open-lease.ts';
import { createScheduler } from './lease/scheduler.ts';
import { createPrivateFiles } from './lease/sealed-files.ts';
import { createAdminServer } from './listen/admin-server.ts';
import { createAgentSide } from './listen/agent-side.ts';
import { createLedgers } from './listen/ledger.ts';
import { createSidecarMetrics } from './metrics/sidecar-metrics.ts';
import { describeError, terminationMessage } from './safe-error.ts';

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
  const resolve = createResolve();
  const scheduler = createScheduler();
  const metrics = createSidecarMetrics(packageJson.version);
  const tokens = createTokenTable(injection);
  const holder = new LeaseHolder(scheduler);
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
    forwarderFor: createForwarderPool(resolve),
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
    nowMs: scheduler.nowMs,
    randomBytes,
    port: AGENT_PORT,
  });
  let ready = false;
  const admin = createAdminServer({ registry: metrics.registry, ready: () => ready });
  await listen(admin, ADMIN_PORT, '0.0.0.0');

  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    log.info({ event: 'stopping', signal }, 'stopping');
    ready = false;
    // Bounded by the pod's grace period, after which the kubelet kills.
    if (agentSide.server.listening) await agentSide.drain();
    keeper.stop();
    flushAudit();
    log.info({ event: 'stopped' }, 'stopped');
    process.exit(0);
  };
  process.once('SIGTERM', (signal) => void stop(signal).catch(die));
  process.once('SIGINT', (signal) => void stop(signal).catch(die));

  await keeper.start();
  await listen(agentSide.server, AGENT_PORT, '127.0.0.1');
  ready = true;
  log.info(
    { event: 'ready', providers: [...tokens.providers], startMs: Math.round(performance.now()) },
    'ready',
  );
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
