// The sidecar itself, with the flags of its image, in the variants that the bench compares.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CA_FILE, makeFakeToken, type Provider, resolveProvider } from '@seks/crds';

import type { ForwarderKind } from '../../../sidecar/src/forward/forwarder-kinds.ts';
import { bundle } from '../bundle.ts';
import { freePort, startChild, untilListening } from '../child.ts';
import { imageSettings } from '../image-settings.ts';
import { type Contender, ROUTE, type Stage, type Started, WEB_SOCKET_ROUTE } from './contender.ts';

const START_TIMEOUT_MS = 20_000;
const PROGRAM = join(import.meta.dirname, '../../../sidecar/src/testing/standalone.ts');

interface Variant {
  forwarder?: ForwarderKind;
  withoutScrub?: boolean;
  withoutUsage?: boolean;
}

export const sidecar: Contender = {
  name: 'SEKS sidecar',
  about: 'as shipped: all checks, scrubbing, metering, metrics and audit on',
  lanes: ['plain', 'tls'],
  start: (stage) => startSidecar(stage, {}),
};

export const sidecarVariants: readonly Contender[] = [
  variant('SEKS, undici only', 'the forwarder for exchanges serves everything', { forwarder: 'undici' }),
  variant('SEKS, http-proxy-middleware only', 'the forwarder for uploads serves everything', {
    forwarder: 'http-proxy-middleware',
  }),
  variant('SEKS, scrub off', 'looks for no key in answers; there is no such setting in the product', {
    withoutScrub: true,
  }),
  variant('SEKS, metering off', 'a provider document without usage', { withoutUsage: true }),
];

function variant(name: string, about: string, options: Variant): Contender {
  const isForwarder = options.forwarder !== undefined;
  return {
    name,
    about,
    lanes: ['tls'],
    variant: !isForwarder,
    start: (stage) => startSidecar(stage, options),
  };
}

async function startSidecar(
  stage: Stage,
  { forwarder, withoutScrub, withoutUsage }: Variant,
): Promise<Started> {
  const { folder, lane, upstream, key, cores } = stage;
  const [port, adminPort, aliasPort] = [await freePort(), await freePort(), await freePort()];
  const program = join(folder, 'standalone.mjs');
  await bundle(PROGRAM, program);
  const tlsDirectory = join(folder, 'tls');
  await mkdir(tlsDirectory);
  const token = makeFakeToken('sk-proj-{token}', randomBytes).reveal((bytes) => bytes.toString());
  const config = {
    port,
    adminPort,
    credentials: [{ provider: providerAt(stage, withoutUsage === true), token, key }],
    addresses: { [upstream.host]: ['127.0.0.1'] },
    plainUpstreams: lane === 'plain',
    interception: {
      aliases: [upstream.host],
      proxied: [],
      hostPort: aliasPort,
      runDirectory: tlsDirectory,
      publicDirectory: tlsDirectory,
    },
    ...(forwarder === undefined ? {} : { forwarder }),
    ...(withoutScrub === true ? { withoutScrub } : {}),
  };
  const configFile = join(folder, 'config.json');
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const { flags, env } = imageSettings();
  const child = await startChild({
    program: process.execPath,
    env,
    args: [
      ...flags,
      '--permission',
      '--allow-fs-read=*',
      `--allow-fs-write=${tlsDirectory}/*`,
      program,
      configFile,
    ],
    logFile: join(folder, 'log'),
    // Audit events: in a pod they go to a pipe. Whole batches are written, so that the place hardly matters.
    discardStdout: true,
    cores,
  });
  try {
    await untilListening(child, port, START_TIMEOUT_MS);
    await untilListening(child, aliasPort, START_TIMEOUT_MS);
  } catch (cause) {
    await child.stop();
    throw cause;
  }
  const base = { port, host: `127.0.0.1:${port}`, authorization: `Bearer ${token}` };
  return {
    version: 'this checkout',
    endpoint: { ...base, path: `/openai${ROUTE}` },
    // With plain HTTP to the upstream, WebSockets are left out: the product has no such thing.
    ...(lane === 'tls' ? { webSocket: { ...base, path: `/openai${WEB_SOCKET_ROUTE}` } } : {}),
    interception: {
      ...base,
      port: aliasPort,
      host: upstream.host,
      path: ROUTE,
      tls: { servername: upstream.host, ca: await readFile(join(tlsDirectory, CA_FILE), 'utf8') },
    },
    child,
  };
}

function providerAt({ upstream }: Stage, withoutUsage: boolean): Provider {
  const { name, spec } = resolveProvider('openai', () => undefined);
  const { usage, ...rest } = spec;
  return {
    name,
    spec: {
      ...rest,
      ...(withoutUsage || usage === undefined ? {} : { usage }),
      upstreams: [{ host: upstream.host, port: upstream.port, network: 'Private' }],
      caBundle: upstream.ca,
    },
  };
}
