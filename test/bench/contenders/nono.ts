// nono: sandbox and credential-injecting proxy, in Rust; here the proxy alone.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort } from '../child.ts';
import { cargoProgram } from '../peers/installers.ts';
import { obtainPeer, type Peer } from '../peers/obtain.ts';
import { type Contender, FAKE_TOKEN, ROUTE, upstreamOrigin } from './contender.ts';
import { startPeer } from './peer-process.ts';

const VERSION = '0.81.0';
const START_TIMEOUT_MS = 10_000;
/** above the 512 streams of a scenario; its default is 256 */
const MAX_CONNECTIONS = 2048;

const peer: Peer = {
  name: 'nono',
  version: VERSION,
  program: 'bin/nono',
  install: cargoProgram('nono-cli', VERSION, '1.95'),
};

export const nono: Contender = {
  name: 'nono',
  about: 'Rust; phantom token to real key, route policy; ends the connection after each answer',
  lanes: ['plain', 'tls'],
  async start(stage) {
    const { folder, lane, upstream, key } = stage;
    const program = await obtainPeer(peer, stage);
    const port = await freePort();
    const profile = join(folder, 'bench.json');
    await writeFile(
      profile,
      JSON.stringify({
        meta: { name: 'bench', version: '1.0.0' },
        network: {
          credentials: ['bench'],
          custom_credentials: {
            bench: {
              upstream: upstreamOrigin(stage),
              credential_key: 'env://BENCH_PROVIDER_KEY',
              env_var: 'BENCH_API_KEY',
              inject_header: 'Authorization',
              credential_format: 'Bearer {}',
              ...(lane === 'tls' ? { tls_ca: upstream.caFile } : {}),
            },
          },
        },
      }),
    );
    const child = await startPeer(stage, {
      program,
      args: [
        'proxy',
        '--profile',
        profile,
        '--port',
        String(port),
        '--max-connections',
        String(MAX_CONNECTIONS),
      ],
      env: { NONO_PROXY_PASS: FAKE_TOKEN, BENCH_PROVIDER_KEY: key },
      port,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    return {
      version: VERSION,
      endpoint: {
        port,
        host: `127.0.0.1:${port}`,
        path: `/bench${ROUTE}`,
        authorization: `Bearer ${FAKE_TOKEN}`,
        closesAfterAnswer: true,
      },
      child,
    };
  },
};
