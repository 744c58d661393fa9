// The sidecar's agent side on a free port, with everything that it writes kept for inspection.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';

import { makeFakeToken } from '@seks/crds';
import { pino } from 'pino';

import { createAudit } from '../audit/audit.ts';
import { createTokenTable } from '../credential/tokens.ts';
import { LeaseHolder } from '../lease/lease-state.ts';
import { createScheduler, type Scheduler } from '../lease/scheduler.ts';
import { createLimitKeeper } from '../limits/credential-limits.ts';
import { type AgentSide, type AgentSideDeps, createAgentSide } from '../listen/agent-side.ts';
import { createLedgers } from '../listen/ledger.ts';
import { createIdentifyBudgets } from '../websocket/identify-budgets.ts';
import { createSidecarMetrics, type SidecarMetrics } from '../metrics/sidecar-metrics.ts';
import { type StaticCredential, staticBindings, staticLease } from './static-lease.ts';
import { createTestLinks } from './test-forwarder.ts';

export interface TestSidecarOptions {
  credentials: StaticCredential[];
  addresses: Readonly<Record<string, readonly string[]>>;
  /** a clock instead of the real one */
  nowMs?: () => number;
  /** a clock with timers instead of the real one */
  scheduler?: Scheduler;
  /** time of day */
  wallClock?: () => number;
  /** omitted: no TLS on the agent's side */
  tls?: AgentSideDeps['tls'];
  expiresAtMs?: number;
  idleTimeoutMs?: number;
  /** of the agent's side */
  limits?: AgentSideDeps['limits'];
}

/** a running agent side */
export interface TestSidecar {
  port: number;
  base: string;
  holder: LeaseHolder;
  metrics: SidecarMetrics;
  side: AgentSide;
  /** audit events, parsed */
  audit: Record<string, unknown>[];
  /** everything that was written anywhere */
  written(): Promise<string>;
  /** sends bytes as they are and returns so many whole answers, or what came before the connection ended */
  raw(bytes: string | Buffer, answers?: number): Promise<string>;
  close(): Promise<void>;
}

/** a fake token as the webhook makes them */
export function fakeToken(template = 'sk-{token}'): string {
  return makeFakeToken(template, randomBytes).reveal((bytes) => bytes.toString());
}

/** starts the agent side over a static lease */
export async function startSidecar(options: TestSidecarOptions): Promise<TestSidecar> {
  const scheduler = {
    ...(options.scheduler ?? createScheduler()),
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  };
  const metrics = createSidecarMetrics('test');
  const holder = new LeaseHolder(scheduler);
  const { credentials, addresses, expiresAtMs, idleTimeoutMs } = options;
  const clocks = { nowMs: scheduler.nowMs, wallClock: options.wallClock ?? Date.now };
  const { limitsFor } = createLimitKeeper(clocks);
  const linkFor = createTestLinks({ addresses, idleTimeoutMs });
  holder.replace(undefined, staticLease(credentials, linkFor, limitsFor, expiresAtMs));
  const logged: string[] = [];
  const lines: string[] = [];
  const audit = createAudit({
    namespace: 'agents',
    pod: 'pod-0',
    wallClock: Date.now,
    sink: (line) => lines.push(line) > 0,
    result: metrics.audited,
  });
  const port = await freePort();
  const side = createAgentSide({
    tokens: createTokenTable(staticBindings(credentials)),
    holder,
    ledgers: createLedgers(metrics, audit),
    log: pino({ level: 'trace' }, { write: (line: string) => logged.push(line) }),
    scheduler,
    randomBytes,
    identifyBudgets: createIdentifyBudgets(clocks),
    port,
    tls: options.tls,
    limits: options.limits,
  });
  side.server.listen(port, '127.0.0.1');
  await once(side.server, 'listening');
  return {
    port,
    base: `http://127.0.0.1:${port}`,
    holder,
    metrics,
    side,
    get audit() {
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    written: async () => [...logged, ...lines, await metrics.registry.metrics()].join('\n'),
    raw: (bytes, answers = 1) => sendRaw(port, bytes, answers),
    async close() {
      side.destroy();
      if (side.server.listening) await once(side.server, 'close');
    },
  };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function sendRaw(port: number, bytes: string | Buffer, answers: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      received += chunk;
      if (countAnswers(received) >= answers) socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET') reject(error);
    });
    socket.on('close', () => resolve(received));
  });
}

/** how many complete answers of known length stand in the text */
function countAnswers(text: string): number {
  let count = 0;
  for (let rest = text; ; count += 1) {
    const head = rest.indexOf('\r\n\r\n');
    const length = Number(/^content-length: (\d+)/im.exec(rest.slice(0, head))?.[1]);
    const end = head + 4 + length;
    if (head === -1 || !(end <= rest.length)) return count;
    rest = rest.slice(end);
  }
}
