// Test help: every way to the sidecar, with real clients, as a table.
import type { Agent } from 'node:https';

import {
  type Client,
  fetchClient,
  http2AliasSocket,
  http2BaseSocket,
  http2Client,
  http2ProxySocket,
  nodeClient,
} from '../../testing/agent-clients.ts';
import type { InterceptionRig } from './interception-rig.ts';
import { API, REGION } from './multi-host-upstream.ts';

type WayName = 'base' | 'base over TLS' | 'base over HTTP/2' | 'host alias' | 'proxy';

/** one way to the sidecar */
export interface Way {
  client: Client;
  /** for WebSockets; undefined: there are none */
  agent: Agent | undefined;
  /** begins the URLs of the provider's first host */
  base: string;
  /** begins the URLs of another host with the key, as answers give them */
  keyed: (host: string) => string;
}

export type WayOf = (rig: InterceptionRig) => Way;

/** the way that a URL of the base mode takes */
function baseWay(origin: string, client: Client, agent: Agent | undefined): Way {
  return { client, agent, base: `${origin}/multi`, keyed: (host) => `${origin}/multi/~${host}` };
}

/** on hosts that the agent reaches under their own name they stay; patterns can stand in no hosts file */
function hostWay(client: Client, agent?: Agent): Way {
  const base = `https://${API}`;
  return { client, agent, base, keyed: (host) => (host === REGION ? `${base}/~${host}` : `https://${host}`) };
}

/** the same requests pass by all of them */
export const WAYS: [WayName, string, WayOf][] = [
  ['base', 'node:http', (rig) => baseWay(`http://127.0.0.1:${rig.ports.port}`, nodeClient(), undefined)],
  ['base', 'fetch', (rig) => baseWay(`http://127.0.0.1:${rig.ports.port}`, fetchClient(), undefined)],
  ['base', 'fetch by name', (rig) => baseWay(`http://localhost:${rig.ports.port}`, fetchClient(), undefined)],
  [
    'base over TLS',
    'node:https',
    (rig) => baseWay(`https://127.0.0.1:${rig.ports.port}`, nodeClient(rig.agents.base), rig.agents.base),
  ],
  [
    'base over TLS',
    'fetch',
    (rig) => baseWay(`https://localhost:${rig.ports.port}`, fetchClient(rig.toFetch.base), rig.agents.base),
  ],
  [
    'base over HTTP/2',
    'node:http2',
    (rig) => baseWay(`http://127.0.0.1:${rig.ports.port}`, http2Client(), undefined),
  ],
  [
    'base over TLS',
    'node:http2',
    (rig) =>
      baseWay(
        `https://127.0.0.1:${rig.ports.port}`,
        http2Client(() => http2BaseSocket(rig.ports)),
        undefined,
      ),
  ],
  ['host alias', 'node:https', (rig) => hostWay(nodeClient(rig.agents.alias), rig.agents.alias)],
  ['host alias', 'node:http2', (rig) => hostWay(http2Client((host) => http2AliasSocket(rig.ports, host)))],
  ['host alias', 'fetch', (rig) => hostWay(fetchClient(rig.toFetch.alias), rig.agents.alias)],
  ['proxy', 'node:https', (rig) => hostWay(nodeClient(rig.agents.proxy), rig.agents.proxy)],
  ['proxy', 'node:http2', (rig) => hostWay(http2Client((host) => http2ProxySocket(rig.ports, host)))],
  ['proxy', 'fetch', (rig) => hostWay(fetchClient(rig.toFetch.proxy), rig.agents.proxy)],
];
