// Entry point: `controller` (webhook and controller) or `keyservice`. The only file that reads the environment, opens
// sockets and ends the process.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Server } from 'node:http';

import { ERRORS, SeksError, toSeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { ROLES, parseConfig } from './config.ts';
import type { Config, Role } from './config.ts';
import { createControllerProcess } from './controller/controller-process.ts';
import type { OperatorProcess, ProcessDeps } from './controller/controller-process.ts';
import { createKeyserviceProcess } from './keyservice/keyservice-process.ts';
import { audiencesOfAuthorization, requireApiAudiences } from './kube/api-audiences.ts';
import { openKubeConnection } from './kube/connection.ts';
import { createKubeApi } from './kube/kube-api.ts';
import { createAdminServer } from './metrics/admin-server.ts';
import { createLog, safeError } from './metrics/log.ts';
import { createMetrics } from './metrics/metrics.ts';

const VERSION = process.env['SEKS_VERSION'] ?? '0.1.0';
const EXIT_USAGE = 2;
/** sysexits.h: configuration error */
const EXIT_CONFIG = 78;
/** Services need a moment to send nobody here any more */
const DRAIN_MS = 2_000;
/** what is under way then may finish for that long */
const CLOSE_TIMEOUT_MS = 8_000;

async function main(): Promise<void> {
  const [role, ...rest] = process.argv.slice(2);
  if (!isRole(role) || rest.length > 0) {
    process.stderr.write(`seks: error: usage: operator ${ROLES.join('|')}\n`);
    process.exit(EXIT_USAGE);
  }
  const parsed = parseConfig(role, process.env);
  if (!parsed.ok) {
    for (const problem of parsed.problems) process.stderr.write(`seks: error: ${problem}\n`);
    leaveMessage(new SeksError('SEKS_CONFIG_INVALID', parsed.problems.join('; ')));
    process.exit(EXIT_CONFIG);
  }
  const { config } = parsed;
  const log = createLog(config.logLevel);
  const crash = (error: unknown): never => {
    log.fatal({ event: 'crashed', err: error }, 'crashed');
    leaveMessage(error);
    process.exit(error instanceof SeksError && error.code === 'SEKS_CONFIG_INVALID' ? EXIT_CONFIG : 1);
  };
  // Node would print the error with its message, and a parser's message quotes what it read.
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  try {
    await serve(config, log);
    // Timers of libraries must not keep a process that is done.
    process.exit(0);
  } catch (error) {
    crash(error);
  }
}

async function serve(config: Config, log: Logger): Promise<void> {
  const clock = (): number => Date.now();
  const { role, namespace, kube } = config;
  log.info({ event: 'starting', role, version: VERSION, namespace, kube: kube.kind }, 'starting');
  const connection = await openKubeConnection(kube, clock);
  const api = createKubeApi(connection);
  const authorization = await connection.authorization();
  // A kubeconfig may have a client certificate instead, and is for development only.
  const apiAudiences =
    kube.kind === 'in-cluster' ? requireApiAudiences(authorization) : audiencesOfAuthorization(authorization);
  const metrics = createMetrics({ version: VERSION, role });
  const operator = createProcess(config, {
    api,
    metrics,
    log,
    clock,
    random: Math.random,
    apiAudiences,
  });
  const stopping = new AbortController();
  let isDraining = false;
  const admin = createAdminServer({
    registry: metrics.registry,
    waitingFor: () => (isDraining ? ['its end'] : operator.waitingFor()),
  });
  await listen(admin, config.adminPort);

  const stop = (signal: NodeJS.Signals): void => {
    // The second signal means now.
    if (isDraining) process.exit(1);
    isDraining = true;
    log.info({ event: 'stopping', signal }, 'stopping');
    setTimeout(() => stopping.abort(), DRAIN_MS);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const running = operator.run(stopping.signal);
  const aborted = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([operator.servable, running, aborted]);
  if (!stopping.signal.aborted) {
    const port = config.role === 'controller' ? config.webhookPort : config.listenPort;
    await listen(operator.server, port);
    log.info({ event: 'listening', port }, 'listening');
  }
  await running;
  await Promise.all([close(operator.server), close(admin)]);
  await api.close();
  log.info({ event: 'stopped' }, 'stopped');
}

function createProcess(config: Config, rest: Omit<ProcessDeps<Config>, 'config'>): OperatorProcess {
  return config.role === 'controller'
    ? createControllerProcess({ ...rest, config })
    : createKeyserviceProcess({ ...rest, config });
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}

/** what `kubectl describe pod` shows as the reason of a container's end */
function leaveMessage(error: unknown): void {
  const { code, message } = toSeksError(error);
  const safe = error instanceof SeksError ? message : `${ERRORS[code].summary} (${safeError(error).type})`;
  try {
    // Without O_CREAT: outside of a container there is no such file, and there should be none.
    const file = openSync('/dev/termination-log', constants.O_WRONLY | constants.O_TRUNC);
    writeSync(file, `${code}: ${safe} ${ERRORS[code].hint}\n`);
    closeSync(file);
  } catch {
    // The log line says the same.
  }
}

function isRole(value: string | undefined): value is Role {
  return ROLES.some((role) => role === value);
}

await main();
