// The two bare Node baselines: what a proxy in Node costs before it does anything for safety.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { bundle } from '../bundle.ts';
import { freePort, startChild, untilListening } from '../child.ts';
import {
  type Contender,
  FAKE_TOKEN,
  ROUTE,
  type Stage,
  type Started,
  upstreamOrigin,
  WEB_SOCKET_ROUTE,
} from './contender.ts';
import type { BaselineConfig } from './programs/baseline-config.ts';

const START_TIMEOUT_MS = 15_000;

export const bareUndici: Contender = {
  name: 'bare undici',
  about: 'node:http and undici swap one header; nothing else',
  lanes: ['plain', 'tls'],
  start: (stage) => startBaseline(stage, 'undici-swap.ts', ['undici'], false),
};

export const expressProxy: Contender = {
  name: 'express + http-proxy-middleware',
  about: 'the middleware swaps one header; nothing else',
  lanes: ['plain', 'tls'],
  start: (stage) => startBaseline(stage, 'express-swap.ts', ['express', 'http-proxy-middleware'], true),
};

async function startBaseline(
  stage: Stage,
  program: string,
  packages: readonly string[],
  webSockets: boolean,
): Promise<Started> {
  const { folder, cores, upstream, key } = stage;
  const file = join(folder, 'program.mjs');
  await bundle(join(import.meta.dirname, 'programs', program), file);
  const port = await freePort();
  const configFile = join(folder, 'config.json');
  const config: BaselineConfig = {
    port,
    origin: upstreamOrigin(stage),
    ca: upstream.ca,
    fakeToken: FAKE_TOKEN,
    key,
  };
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const child = await startChild({
    program: process.execPath,
    args: [file, configFile],
    env: { NODE_ENV: 'production' },
    logFile: join(folder, 'log'),
    cores,
  });
  try {
    await untilListening(child, port, START_TIMEOUT_MS);
  } catch (cause) {
    await child.stop();
    throw cause;
  }
  const base = { port, host: `127.0.0.1:${port}`, authorization: `Bearer ${FAKE_TOKEN}` };
  return {
    version: packages.map((name) => `${name} ${versionOf(name)}`).join(', '),
    endpoint: { ...base, path: ROUTE },
    ...(webSockets ? { webSocket: { ...base, path: WEB_SOCKET_ROUTE } } : {}),
    child,
  };
}

/** not every package lets its package.json be imported, but each lies beside it */
function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      const text = readFileSync(join(folder, name, 'package.json'), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return '';
}
