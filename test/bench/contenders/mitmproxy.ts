// mitmproxy as a reverse proxy with an add-on that swaps the token, as several agent sandboxes use it.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { waitUntil } from '../../cluster/wait-until.ts';
import { freePort } from '../child.ts';
import { pythonPackage } from '../peers/installers.ts';
import { obtainPeer, type Peer } from '../peers/obtain.ts';
import { type Contender, FAKE_TOKEN, ROUTE, upstreamOrigin, WEB_SOCKET_ROUTE } from './contender.ts';
import { startPeer } from './peer-process.ts';

const VERSION = '11.0.2';
const START_TIMEOUT_MS = 30_000;

const peer: Peer = {
  name: 'mitmproxy',
  version: VERSION,
  program: 'bin/mitmdump',
  install: pythonPackage(`mitmproxy==${VERSION}`),
};

export const mitmproxy: Contender = {
  name: 'mitmproxy',
  about: 'Python; reverse mode, an add-on swaps the token',
  lanes: ['plain', 'tls'],
  async start(stage) {
    const { folder, upstream, key } = stage;
    const program = await obtainPeer(peer, stage);
    const port = await freePort();
    const readyFile = join(folder, 'ready');
    const options = [
      `confdir=${folder}`,
      'flow_detail=0',
      'termlog_verbosity=error',
      `ssl_verify_upstream_trusted_ca=${upstream.caFile}`,
    ];
    const child = await startPeer(stage, {
      program,
      args: [
        '--mode',
        `reverse:${upstreamOrigin(stage)}`,
        '--listen-host',
        '127.0.0.1',
        '--listen-port',
        String(port),
        '--scripts',
        join(import.meta.dirname, 'programs', 'swap_token.py'),
        ...options.flatMap((option) => ['--set', option]),
      ],
      env: { BENCH_FAKE_TOKEN: FAKE_TOKEN, BENCH_PROVIDER_KEY: key, BENCH_READY_FILE: readyFile },
      port,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    // The add-on is loaded after the port is open.
    try {
      await waitUntil(() => existsSync(readyFile), {
        what: 'its add-on',
        timeoutMs: START_TIMEOUT_MS,
        hopeless: () => child.ended(),
      });
    } catch (cause) {
      await child.stop();
      throw cause;
    }
    const base = { port, host: `localhost:${port}`, authorization: `Bearer ${FAKE_TOKEN}` };
    const ca = await readFile(join(folder, 'mitmproxy-ca-cert.pem'), 'utf8');
    return {
      version: VERSION,
      endpoint: { ...base, path: ROUTE },
      webSocket: { ...base, path: WEB_SOCKET_ROUTE },
      interception: { ...base, path: ROUTE, host: upstream.host, tls: { servername: upstream.host, ca } },
      child,
    };
  },
};
