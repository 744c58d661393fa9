// Starts the upstream as a process of its own, beside the load and away from what is measured.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makeCertificates } from '../../../sidecar/src/testing/certificates.ts';
import { END_STREAMS_PATH } from './answers.ts';
import { freePort, startChild, untilListening } from '../child.ts';

export interface RunningUpstream {
  host: string;
  plainPort: number;
  tlsPort: number;
  ca: string;
  caFile: string;
  /** breaks off all endless streams: some proxies go on reading them when their client has long gone */
  endStreams: () => Promise<void>;
  stop: () => Promise<void>;
}

const HOST = 'api.openai.com';
const START_TIMEOUT_MS = 20_000;
const END_STREAMS_TIMEOUT_MS = 20_000;

/** `folder` takes its certificate */
export async function startUpstream(
  folder: string,
  key: string,
  cores: string | undefined,
): Promise<RunningUpstream> {
  const certificates = await makeCertificates([HOST, 'localhost']);
  const file = (name: string): string => join(folder, name);
  await writeFile(file('ca.pem'), certificates.ca);
  await writeFile(file('upstream.pem'), certificates.cert);
  await writeFile(file('upstream.key'), certificates.key, { mode: 0o600 });
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const script = join(import.meta.dirname, 'main.ts');
  const child = await startChild({
    program: process.execPath,
    args: [script, file('upstream.key'), file('upstream.pem'), String(plainPort), String(tlsPort)],
    env: { BENCH_PROVIDER_KEY: key },
    logFile: file('upstream.log'),
    cores,
  });
  try {
    await untilListening(child, plainPort, START_TIMEOUT_MS);
    await untilListening(child, tlsPort, START_TIMEOUT_MS);
  } catch (cause) {
    await child.stop();
    throw cause;
  }
  return {
    host: HOST,
    plainPort,
    tlsPort,
    ca: certificates.ca,
    caFile: file('ca.pem'),
    endStreams: () => endStreams(plainPort),
    stop: () => child.stop(),
  };
}

/** resolves when it is done: streams of the next contender must not be hit */
async function endStreams(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}${END_STREAMS_PATH}`;
  const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(END_STREAMS_TIMEOUT_MS) });
  await answer.arrayBuffer();
}
