// Portkey: an AI gateway on Node. Its open version holds no keys: the client sends the real one.
import { join } from 'node:path';

import { freePort } from '../child.ts';
import { npmPackage } from '../peers/installers.ts';
import { obtainPeer, type Peer } from '../peers/obtain.ts';
import { type Contender, ROUTE, upstreamOrigin } from './contender.ts';
import { startPeer } from './peer-process.ts';

const VERSION = '1.15.2';
const START_TIMEOUT_MS = 20_000;

const peer: Peer = {
  name: 'portkey',
  version: VERSION,
  program: 'node_modules/@portkey-ai/gateway/build/start-server.js',
  install: npmPackage(`@portkey-ai/gateway@${VERSION}`),
};

export const portkey: Contender = {
  name: 'Portkey',
  about:
    'Node; AI gateway, does not sequester: the client has the real key; on Node 24 its streams fail (it writes to immutable headers)',
  lanes: ['plain', 'tls'],
  async start(stage) {
    const { upstream, key } = stage;
    const program = await obtainPeer(peer, stage);
    const port = await freePort();
    const preload = join(import.meta.dirname, 'programs', 'loopback-only.mjs');
    const child = await startPeer(stage, {
      program: process.execPath,
      args: ['--import', preload, program, `--port=${port}`, '--headless'],
      env: {
        NODE_ENV: 'production',
        NODE_EXTRA_CA_CERTS: upstream.caFile,
        TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost',
      },
      port,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    return {
      version: VERSION,
      endpoint: {
        port,
        host: `127.0.0.1:${port}`,
        path: ROUTE,
        authorization: `Bearer ${key}`,
        headers: {
          'x-portkey-provider': 'openai',
          'x-portkey-custom-host': `${upstreamOrigin(stage)}/v1`,
        },
      },
      child,
    };
  },
};
