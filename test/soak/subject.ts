// What is soaked: the sidecar's request path as a process of its own, bundled and with the flags of the image, before a provider in this one.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpRequest, type Agent, type ClientRequest } from 'node:http';
import { join } from 'node:path';

import { makeFakeToken } from '@seks/crds';

import { startUpstream, type TestUpstream } from '../../sidecar/src/testing/tls-upstream.ts';
import { bundle } from '../bench/bundle.ts';
import { type Child, freePort, startChild, untilListening } from '../bench/child.ts';
import { imageSettings } from '../bench/image-settings.ts';
import { chooseCores, pinSelf } from '../bench/pinning.ts';
import { residentMiB } from '../bench/process-usage.ts';

const START_TIMEOUT_MS = 20_000;
/** not a real key */
const KEY = `sk-soak${'0'.repeat(40)}`;

export interface Subject {
  upstream: TestUpstream;
  /** begins a request; it still has to be ended */
  request(method: string, headers?: Record<string, string>, agent?: Agent): ClientRequest;
  /** resident memory of the sidecar, in `MiB` */
  residentMiB(): number;
  /** used heap of the sidecar, in `MiB`; it collects garbage first */
  heapMiB(): Promise<number>;
  /** why the sidecar has ended; undefined while it runs */
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** starts it; the folder is the caller's to remove */
export async function startSubject(folder: string): Promise<Subject> {
  const cores = chooseCores();
  pinSelf(cores.load);
  const upstream = await startUpstream();
  const token = makeFakeToken('sk-{token}', randomBytes).reveal((bytes) => bytes.toString());
  const [port, adminPort] = [await freePort(), await freePort()];
  const heapFile = join(folder, 'heap');
  let child: Child | undefined;
  try {
    const config = {
      port,
      adminPort,
      credentials: [{ provider: upstream.provider('soak'), token, key: KEY }],
      addresses: { [upstream.host]: ['127.0.0.1'] },
    };
    await writeFile(join(folder, 'sidecar.json'), JSON.stringify(config), { mode: 0o600 });
    await bundle(
      join(import.meta.dirname, '../../sidecar/src/testing/standalone.ts'),
      join(folder, 'sidecar.mjs'),
    );
    const { flags, env } = imageSettings();
    child = await startChild({
      program: process.execPath,
      args: [
        ...flags,
        '--import',
        join(import.meta.dirname, 'heap-probe.mjs'),
        join(folder, 'sidecar.mjs'),
        join(folder, 'sidecar.json'),
      ],
      env: { ...env, SOAK_HEAP_FILE: heapFile },
      logFile: join(folder, 'sidecar.log'),
      discardStdout: true,
      cores: cores.target,
    });
    await untilListening(child, port, START_TIMEOUT_MS);
  } catch (error) {
    await child?.stop();
    await upstream.close();
    throw error;
  }
  const running = child;
  return {
    upstream,
    ended: () => running.ended(),
    residentMiB: () => residentMiB(running.pid),
    heapMiB: () => probeHeap(running.pid, heapFile),
    request: (method, headers = {}, agent) =>
      httpRequest({
        port,
        host: '127.0.0.1',
        path: '/soak/v1/a',
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(agent === undefined ? {} : { agent }),
      }),
    async stop() {
      await running.stop();
      await upstream.close();
    },
  };
}

/** the probe answers SIGUSR2 by a file */
async function probeHeap(pid: number, file: string): Promise<number> {
  const { readFile, rm } = await import('node:fs/promises');
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (let tries = 0; tries < 500; tries += 1) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.endsWith('\n')) return Number(text) / 1_048_576;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the sidecar does not tell its heap');
}

/** an answer's handler that reads the request and says ok */
export function sayOk(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end('{"ok":true}');
  });
}
