// Every way to the sidecar with real clients, against a provider with several hosts: the same request ends at the same host with the
// real key, and URLs in answers lead back the way that the client came.
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Agent } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Dispatcher } from 'undici';
import { WebSocketServer } from 'ws';

import {
  aliasAgent,
  baseAgent,
  type Client,
  dispatchers,
  fetchClient,
  http2AliasSocket,
  http2BaseSocket,
  http2Client,
  http2ProxySocket,
  nodeClient,
  proxyAgent,
  type SidecarPorts,
} from '../testing/agent-clients.ts';
import { makeCertificates } from '../testing/certificates.ts';
import type { StaticCredential } from '../testing/static-lease.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { ensurePodCa } from '../tls/pod-ca.ts';
import { createServerContext } from '../tls/server-context.ts';
import { openSocket, Refused } from '../websocket/testing/socket-upstream.ts';

const API = 'api.multi.example';
const UPLOADS = 'uploads.multi.example';
const REGION = 'eu.region.multi.example';
const STORAGE = 'files.storage.example';
const OTHER = 'api.other.example';
const KEY = 'sk-CANARY-multi-0123456789';
const OTHER_KEY = 'sk-CANARY-other-0123456789';
const token = fakeToken();
const otherToken = fakeToken();
const authorization = `Bearer ${token}`;

interface Seen {
  host: string;
  url: string;
  headers: IncomingMessage['headers'];
}

type WayName = 'base' | 'base over TLS' | 'base over HTTP/2' | 'host alias' | 'proxy';

/** one way to the sidecar */
interface Way {
  client: Client;
  /** for WebSockets; undefined: there are none */
  agent: Agent | undefined;
  /** begins the URLs of the provider's first host */
  base: string;
  /** begins the URLs of another host with the key, as answers give them */
  keyed: (host: string) => string;
}

const seen: Seen[] = [];
let upstream: Server;
let upstreamPort: number;
let directory: string;
let sidecar: TestSidecar;
let aliases: Server;
let ports: SidecarPorts;
let toFetch: Record<'base' | 'alias' | 'proxy', Dispatcher>;
let agents: Record<'base' | 'alias' | 'proxy', Agent>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'interception-'));
  const upstreamTls = await makeCertificates([API, UPLOADS, '*.region.multi.example', STORAGE, OTHER]);
  upstream = startUpstream(upstreamTls);
  await once(upstream, 'listening');
  upstreamPort = (upstream.address() as AddressInfo).port;
  const hosts = [API, UPLOADS, STORAGE, OTHER];
  const folders = { runDirectory: directory, publicDirectory: directory };
  const { identity } = await ensurePodCa({ ...folders, hosts, nowMs: Date.now(), randomBytes });
  sidecar = await startSidecar({
    credentials: credentials(upstreamTls.ca),
    addresses: { '*': ['127.0.0.1'] },
    tls: {
      secureContext: createServerContext(identity),
      hosts,
      proxied: [API, UPLOADS, OTHER],
    },
  });
  aliases = sidecar.side.serverFor(443).listen(0, '127.0.0.1');
  await once(aliases, 'listening');
  const aliasPort = (aliases.address() as AddressInfo).port;
  ports = { port: sidecar.port, aliasPort, ca: identity.caPem };
  toFetch = dispatchers(ports);
  agents = { base: baseAgent(ports), alias: aliasAgent(ports), proxy: proxyAgent(ports) };
});

afterEach(() => {
  seen.length = 0;
});

afterAll(async () => {
  await Promise.all(Object.values(toFetch).map(async (dispatcher) => dispatcher.destroy()));
  for (const agent of Object.values(agents)) agent.destroy();
  await sidecar.close();
  upstream.close();
  await rm(directory, { recursive: true });
});

function credentials(caBundle: string): StaticCredential[] {
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
  const port = upstreamPort;
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
    { provider: { name: 'multi', spec: multi }, token, key: KEY },
    { provider: { name: 'other', spec: other }, token: otherToken, key: OTHER_KEY },
  ];
}

function startUpstream({ cert, key }: { cert: string; key: string }): Server {
  const wss = new WebSocketServer({ noServer: true });
  const sockets = new Set<Duplex>();
  const record = ({ url = '', headers }: IncomingMessage): void => {
    seen.push({ host: (headers.host ?? '').replace(/:\d+$/, ''), url, headers });
  };
  const server = createServer({ cert, key }, (request, response) => {
    record(request);
    answer(request.url ?? '', response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    record(request);
    wss.handleUpgrade(request, socket, head, (accepted) => {
      accepted.on('message', (data, binary) => accepted.send(data as Buffer, { binary }));
    });
  });
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('close', () => wss.close());
  const close = server.close.bind(server);
  server.close = (done) => {
    for (const socket of sockets) socket.destroy();
    return close(done);
  };
  return server.listen(0, '127.0.0.1');
}

function answer(url: string, response: ServerResponse): void {
  const [path = ''] = url.split('?');
  const locations: Record<string, string> = {
    '/v1/to-storage': `https://${STORAGE}:${upstreamPort}/signed/a%20b.txt?sig=1`,
    '/v1/to-uploads': `https://${UPLOADS}/v1/echo`,
    '/v1/to-region': `https://${REGION}/v1/echo`,
    '/v1/to-path': '/v1/echo?x=1',
    '/v1/to-stranger': 'https://evil.example/x',
  };
  const location = locations[path];
  if (location !== undefined) {
    response.writeHead(302, { location }).end();
  } else if (path === '/v1/pages') {
    const link = `<https://${API}/v1/echo?page=2>; rel="next", <https://${UPLOADS}/v1/echo?page=9>; rel="last"`;
    response.writeHead(200, { link, 'x-upload-url': `https://${UPLOADS}/v1/echo?slot=1` }).end('[]');
  } else if (path === '/v1/json') {
    const body = {
      upload_url: `https://${UPLOADS}/v1/echo`,
      socket: `wss://${REGION}/v1/x`,
      note: `https://${API}`,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  } else response.end(`echo ${KEY}`);
}

/** the way that a URL of the base mode takes */
function baseWay(origin: string, client: Client, agent: Agent | undefined): Way {
  return { client, agent, base: `${origin}/multi`, keyed: (host) => `${origin}/multi/~${host}` };
}

/** on hosts that the agent reaches under their own name they stay; patterns can stand in no hosts file */
function hostWay(client: Client, agent?: Agent): Way {
  const base = `https://${API}`;
  return { client, agent, base, keyed: (host) => (host === REGION ? `${base}/~${host}` : `https://${host}`) };
}

const WAYS: [WayName, string, () => Way][] = [
  ['base', 'node:http', () => baseWay(`http://127.0.0.1:${ports.port}`, nodeClient(), undefined)],
  ['base', 'fetch', () => baseWay(`http://127.0.0.1:${ports.port}`, fetchClient(), undefined)],
  ['base', 'fetch by name', () => baseWay(`http://localhost:${ports.port}`, fetchClient(), undefined)],
  [
    'base over TLS',
    'node:https',
    () => baseWay(`https://127.0.0.1:${ports.port}`, nodeClient(agents.base), agents.base),
  ],
  [
    'base over TLS',
    'fetch',
    () => baseWay(`https://localhost:${ports.port}`, fetchClient(toFetch.base), agents.base),
  ],
  [
    'base over HTTP/2',
    'node:http2',
    () => baseWay(`http://127.0.0.1:${ports.port}`, http2Client(), undefined),
  ],
  [
    'base over TLS',
    'node:http2',
    () =>
      baseWay(
        `https://127.0.0.1:${ports.port}`,
        http2Client(() => http2BaseSocket(ports)),
        undefined,
      ),
  ],
  ['host alias', 'node:https', () => hostWay(nodeClient(agents.alias), agents.alias)],
  ['host alias', 'node:http2', () => hostWay(http2Client((host) => http2AliasSocket(ports, host)))],
  ['host alias', 'fetch', () => hostWay(fetchClient(toFetch.alias), agents.alias)],
  ['proxy', 'node:https', () => hostWay(nodeClient(agents.proxy), agents.proxy)],
  ['proxy', 'node:http2', () => hostWay(http2Client((host) => http2ProxySocket(ports, host)))],
  ['proxy', 'fetch', () => hostWay(fetchClient(toFetch.proxy), agents.proxy)],
];

describe.each(WAYS)('%s with %s', (_, __, wayOf) => {
  const send = async (path: string, headers: Record<string, string> = { authorization }) => {
    const { client, base } = wayOf();
    return client(path.startsWith('/') ? base + path : path, headers);
  };
  const located = async (path: string): Promise<string> => {
    const { status, headers } = await send(path);
    expect(status).toBe(302);
    return String(headers['location']);
  };

  test('the key is put in, and taken out of the answer', async () => {
    const { status, body } = await send('/v1/echo?x=%20y');
    expect([status, body]).toEqual([200, `echo ${'*'.repeat(KEY.length)}`]);
    expect(seen).toMatchObject([
      { host: API, url: '/v1/echo?x=%20y', headers: { authorization: `Bearer ${KEY}` } },
    ]);
  });

  test.each([UPLOADS, REGION])('a redirect to %s comes back with the key', async (host) => {
    const location = await located(host === UPLOADS ? '/v1/to-uploads' : '/v1/to-region');
    expect(location).toBe(`${wayOf().keyed(host)}/v1/echo`);
    expect((await send(location)).status).toBe(200);
    expect(seen[1]).toMatchObject({ host, url: '/v1/echo', headers: { authorization: `Bearer ${KEY}` } });
  });

  test('a redirect within the host comes back', async () => {
    const location = await located('/v1/to-path');
    const { base } = wayOf();
    expect(new URL(location, base).href).toBe(`${base}/v1/echo?x=1`);
    await send(new URL(location, base).href);
    expect(seen[1]).toMatchObject({ host: API, url: '/v1/echo?x=1' });
  });

  test('a redirect to a host that is not the provider’s stays', async () => {
    expect(await located('/v1/to-stranger')).toBe('https://evil.example/x');
  });

  test.each([
    ['with the token', { authorization }],
    ['without it', {}],
  ])(
    'S6: a redirect to a host without credential comes back with a ticket, and works %s',
    async (_name, headers) => {
      const location = await located('/v1/to-storage');
      const { base } = wayOf();
      expect(location).toMatch(new RegExp(`^${base}/~${STORAGE}/~[\\w-]+/signed/a%20b\\.txt\\?sig=1$`));
      expect((await send(location, headers)).status).toBe(200);
      expect(seen[1]).toMatchObject({ host: STORAGE, url: '/signed/a%20b.txt?sig=1' });
      expect(JSON.stringify(seen[1]?.headers)).not.toMatch(/CANARY|seks|authorization/);
      const tampered = await send(location.replace('a%20b', 'c'), headers);
      expect([tampered.status, tampered.headers['x-seks-error']]).toEqual([403, 'SEKS_URL_NOT_ISSUED']);
      expect(seen).toHaveLength(2);
    },
  );

  test('S4: the ticket of one credential is of no use to another', async () => {
    const location = await located('/v1/to-storage');
    const { headers } = await send(location, { authorization: `Bearer ${otherToken}` });
    expect(headers['x-seks-error']).toBe('SEKS_TOKEN_WRONG_PROVIDER');
    expect(seen).toHaveLength(1);
  });

  test('pages and upload slots in headers lead back', async () => {
    const { headers } = await send('/v1/pages');
    const { base, keyed } = wayOf();
    const next = `${base}/v1/echo?page=2`;
    expect(headers['link']).toBe(`<${next}>; rel="next", <${keyed(UPLOADS)}/v1/echo?page=9>; rel="last"`);
    expect(headers['x-upload-url']).toBe(`${keyed(UPLOADS)}/v1/echo?slot=1`);
    await send(next);
    await send(String(headers['x-upload-url']));
    expect(seen.slice(1)).toMatchObject([
      { host: API, url: '/v1/echo?page=2', headers: { authorization: `Bearer ${KEY}` } },
      { host: UPLOADS, url: '/v1/echo?slot=1', headers: { authorization: `Bearer ${KEY}` } },
    ]);
  });

  test('URLs in JSON lead back, where the document names them', async () => {
    const { body } = await send('/v1/json');
    const { keyed } = wayOf();
    expect(JSON.parse(body)).toEqual({
      upload_url: `${keyed(UPLOADS)}/v1/echo`,
      socket: `${keyed(REGION).replace('http', 'ws')}/v1/x`,
      note: `https://${API}`,
    });
  });

  test('S4: a token of another provider is refused', async () => {
    const { status, headers } = await send('/v1/echo', { authorization: `Bearer ${otherToken}` });
    expect([status, headers['x-seks-error']]).toEqual([403, 'SEKS_TOKEN_WRONG_PROVIDER']);
    expect(seen).toEqual([]);
  });

  test('S5: no token is refused', async () => {
    expect((await send('/v1/echo', {})).headers['x-seks-error']).toBe('SEKS_TOKEN_MISSING');
  });

  test('S6: hosts that the document does not name are refused', async () => {
    expect((await send('/~evil.example/v1/echo')).headers['x-seks-error']).toBe('SEKS_ROUTE_UNKNOWN');
    expect((await send(`/~${OTHER}/v1/echo`)).headers['x-seks-error']).toBe('SEKS_ROUTE_UNKNOWN');
    expect((await send(`/~${STORAGE}/v1/echo`)).headers['x-seks-error']).toBe('SEKS_URL_NOT_ISSUED');
    expect(seen).toEqual([]);
  });
});

const SOCKET_WAYS = WAYS.filter(([, client]) => client !== 'node:http2' && !client.startsWith('fetch'));

describe.each(SOCKET_WAYS)('a WebSocket by way of %s with %s', (_, __, wayOf) => {
  const open = async (url: string, headers: Record<string, string> = { authorization }) => {
    const { agent } = wayOf();
    return openSocket(url.replace('http', 'ws'), [], agent === undefined ? { headers } : { headers, agent });
  };

  test.each([API, UPLOADS, REGION])('reaches %s with the key', async (host) => {
    const { base, keyed } = wayOf();
    const { socket, text } = await open(`${host === API ? base : keyed(host)}/v1/socket?x=1`);
    expect(seen).toMatchObject([
      { host, url: '/v1/socket?x=1', headers: { authorization: `Bearer ${KEY}`, upgrade: 'websocket' } },
    ]);
    socket.send(`echo ${KEY}`);
    expect(await text()).toBe(`echo ${'*'.repeat(KEY.length)}`);
    socket.terminate();
  });

  test('may bring its token in the first message', async () => {
    const { socket, text } = await open(`${wayOf().base}/v1/late`, {});
    socket.send(`{"token":"${token}"}`);
    expect(await text()).toBe(`{"token":"${'*'.repeat(KEY.length)}"}`);
    socket.terminate();
  });

  test('S4: with a token of another provider is refused', async () => {
    const refused = await open(`${wayOf().base}/v1/socket`, { authorization: `Bearer ${otherToken}` }).catch(
      (cause: unknown) => cause,
    );
    expect(refused).toBeInstanceOf(Refused);
    expect(refused).toMatchObject({ status: 403, headers: { 'x-seks-error': 'SEKS_TOKEN_WRONG_PROVIDER' } });
    expect(seen).toEqual([]);
  });
});

describe('an intercepted host that never gets the credential', () => {
  test.each([
    ['with the token', { authorization }, 'SEKS_URL_NOT_ISSUED'],
    ['without it', {}, 'SEKS_TOKEN_MISSING'],
  ])('S6: is not reached under its own name %s', async (_, headers, code) => {
    const answered = await nodeClient(agents.alias)(`https://${STORAGE}/v1/echo`, headers);
    expect(answered.headers['x-seks-error']).toBe(code);
    expect(seen).toEqual([]);
  });

  test('S6: is not brought the key by the first message of a WebSocket', async () => {
    const opening = openSocket(`wss://${STORAGE}/v1/late`, [], { agent: agents.alias });
    await expect(opening).rejects.toMatchObject({ headers: { 'x-seks-error': 'SEKS_TOKEN_MISSING' } });
    expect(seen).toEqual([]);
  });
});

describe('S6: on a connection to an intercepted host', () => {
  /** sends a head over TLS to the alias port; returns what is answered */
  async function raw(servername: string, head: string): Promise<string> {
    const socket = connectTls({ host: '127.0.0.1', port: ports.aliasPort, servername, ca: ports.ca });
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      received += chunk;
      socket.end();
    });
    socket.write(head);
    await once(socket, 'close');
    return received;
  }

  const auth = `Authorization: Bearer ${token}`;

  test.each([
    [
      'another intercepted host',
      `GET /v1/echo HTTP/1.1\r\nHost: ${UPLOADS}\r\n${auth}\r\n\r\n`,
      421,
      'SEKS_HOST_REFUSED',
    ],
    ['the sidecar', `GET /v1/echo HTTP/1.1\r\nHost: 127.0.0.1\r\n${auth}\r\n\r\n`, 421, 'SEKS_HOST_REFUSED'],
    [
      'another port',
      `GET /v1/echo HTTP/1.1\r\nHost: ${API}:8443\r\n${auth}\r\n\r\n`,
      421,
      'SEKS_HOST_REFUSED',
    ],
    [
      'its URL',
      `GET https://${API}/v1/echo HTTP/1.1\r\nHost: ${API}\r\n${auth}\r\n\r\n`,
      400,
      'SEKS_REQUEST_MALFORMED',
    ],
    [
      'another URL',
      `GET https://${OTHER}/v1/echo HTTP/1.1\r\nHost: ${API}\r\n${auth}\r\n\r\n`,
      400,
      'SEKS_REQUEST_MALFORMED',
    ],
    ['a tunnel', `CONNECT ${API}:443 HTTP/1.1\r\nHost: ${API}:443\r\n\r\n`, 403, 'SEKS_PROXY_HOST_REFUSED'],
    [
      'another host by WebSocket',
      `GET /v1/x HTTP/1.1\r\nHost: ${UPLOADS}\r\n${auth}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      421,
      'SEKS_HOST_REFUSED',
    ],
  ])('a request for %s is refused', async (_, head, status, code) => {
    const received = await raw(API, head);
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).toContain(`x-seks-error: ${code}`);
    expect(seen).toEqual([]);
  });

  test('the provider’s name in the path is a path like any other', async () => {
    const { headers } = await nodeClient(agents.alias)(`https://${API}/multi/v1/echo`, { authorization });
    expect(headers['x-seks-error']).toBe('SEKS_ROUTE_DENIED');
  });
});

test('S6: the proxy makes no tunnel to a host that is not this pod’s', async () => {
  await expect(nodeClient(agents.proxy)('https://evil.example/')).rejects.toThrow('CONNECT was answered 403');
});

test('S4: TLS for a name that is nobody’s is refused, counted and audited', async () => {
  const before = sidecar.audit.length;
  const socket = connectTls({
    host: '127.0.0.1',
    port: ports.aliasPort,
    servername: 'evil.example',
    ca: ports.ca,
  });
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error.message).toContain('unrecognized name');
  expect(sidecar.audit.slice(before)).toEqual([
    expect.objectContaining({ decision: 'deny', code: 'SEKS_HOST_REFUSED', agent: '', provider: '' }),
  ]);
});
