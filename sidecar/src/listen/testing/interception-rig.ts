// Test help: a sidecar that agents reach in every way there is, before a provider with several hosts.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Dispatcher } from 'undici';

import {
  aliasAgent,
  baseAgent,
  dispatchers,
  proxyAgent,
  type SidecarPorts,
} from '../../testing/agent-clients.ts';
import type { StaticCredential } from '../../testing/static-lease.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../../testing/test-sidecar.ts';
import { ensurePodCa } from '../../tls/pod-ca.ts';
import { createServerContext } from '../../tls/server-context.ts';
import {
  API,
  type MultiHostUpstream,
  OTHER,
  startMultiHostUpstream,
  STORAGE,
  UPLOADS,
} from './multi-host-upstream.ts';

export const KEY = 'sk-CANARY-multi-0123456789';
export const TOKEN = fakeToken();
/** of another provider */
export const OTHER_TOKEN = fakeToken();

export interface InterceptionRig {
  upstream: MultiHostUpstream;
  sidecar: TestSidecar;
  ports: SidecarPorts;
  toFetch: Record<'base' | 'alias' | 'proxy', Dispatcher>;
  agents: Record<'base' | 'alias' | 'proxy', Agent>;
  close(): Promise<void>;
}

/** starts provider and sidecar, and makes the clients */
export async function startInterception(): Promise<InterceptionRig> {
  const directory = await mkdtemp(join(tmpdir(), 'interception-'));
  const upstream = await startMultiHostUpstream(KEY);
  const hosts = [API, UPLOADS, STORAGE, OTHER];
  const folders = { runDirectory: directory, publicDirectory: directory };
  const { identity } = await ensurePodCa({ ...folders, hosts, nowMs: Date.now(), randomBytes });
  const sidecar = await startSidecar({
    credentials: credentials(upstream),
    addresses: { '*': ['127.0.0.1'] },
    tls: {
      secureContext: createServerContext(identity),
      hosts,
      proxied: [API, UPLOADS, OTHER],
    },
  });
  const aliases = sidecar.side.serverFor(443).listen(0, '127.0.0.1');
  await once(aliases, 'listening');
  const aliasPort = (aliases.address() as AddressInfo).port;
  const ports = { port: sidecar.port, aliasPort, ca: identity.caPem };
  const toFetch = dispatchers(ports);
  const agents = { base: baseAgent(ports), alias: aliasAgent(ports), proxy: proxyAgent(ports) };
  return {
    upstream,
    sidecar,
    ports,
    toFetch,
    agents,
    async close() {
      await Promise.all(Object.values(toFetch).map(async (dispatcher) => dispatcher.destroy()));
      for (const agent of Object.values(agents)) agent.destroy();
      await sidecar.close();
      await upstream.close();
      await rm(directory, { recursive: true });
    },
  };
}

function credentials({ ca: caBundle, port }: MultiHostUpstream): StaticCredential[] {
  const common = {
    env: { key: ['KEY'] },
    fakeToken: 'sk-{token}',
    auth: [
      { header: { name: 'authorization', scheme: 'Bearer' } },
      { webSocketMessage: { field: 'token', paths: ['/v1/late'] } },
    ],
    allow: [{ paths: ['/v1/**'] }],
    caBundle,
  };
  const multi = {
    ...common,
    upstreams: [
      { host: API, port },
      { host: UPLOADS, port },
      { host: '*.region.multi.example', port },
      { host: STORAGE, port, auth: 'None' as const },
    ],
    rewrite: {
      headers: ['link', 'x-upload-url'],
      urls: [{ paths: ['/v1/json'], fields: ['upload_url', 'socket', 'host'] }],
    },
  };
  const other = { ...common, upstreams: [{ host: OTHER, port }] };
  return [
    { provider: { name: 'multi', spec: multi }, token: TOKEN, key: KEY },
    { provider: { name: 'other', spec: other }, token: OTHER_TOKEN, key: 'sk-CANARY-other-0123456789' },
  ];
}
