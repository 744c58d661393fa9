// A provider over real TLS, a relay, and an agent, all on the loopback interface.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { Agent, createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { SeksError } from '@seks/crds';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';

import { createScheduler } from '../../lease/scheduler.ts';
import { makeCertificates, type TestCertificates } from '../../testing/certificates.ts';
import { writeHttpAnswer } from '../http-answer.ts';
import type { RefusedUpgrade } from '../refused-upgrade.ts';
import { createRelayMemory, type RelayMemory } from '../relay-memory.ts';
import type { Relay, RelayOptions, RelaySummary } from '../relay-options.ts';
import { startRelay } from '../relay.ts';

const HOST = 'gateway.provider.example';

/** one relayed connection, and what its callbacks were told */
export interface RelayRecord {
  relay: Relay;
  socket: Duplex;
  events: ('opened' | 'refused' | 'failed' | 'closed')[];
  refused?: RefusedUpgrade;
  failed?: SeksError;
  summary?: RelaySummary;
  /** settles when `closed` was called */
  closed: Promise<RelaySummary>;
}

export interface RelayRig {
  /** replaces what the provider does with the next upgrades */
  onUpgrade(handle: (request: IncomingMessage, socket: Socket, head: Buffer) => void): void;
  /** upgrades to a WebSocket as the provider; the default of `onUpgrade` does that */
  accept(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** the provider's side of the next connection */
  nextProvider(): Promise<WebSocket>;
  /** heads of the provider's upgrade requests */
  seen: IncomingMessage[];
  /** sockets of the provider that are open */
  providerSockets: Set<Socket>;
  records: RelayRecord[];
  /** what the relays share, unless it is overridden */
  memory: RelayMemory;
  /** overrides of what the relay is started with, until `reset` */
  settings: Partial<RelayOptions>;
  /** what the upstream part of the options is made of, until `reset` */
  upstream: Partial<RelayOptions['upstream']>;
  /** a client of the relay; not open yet */
  agent(protocols?: string[], options?: ClientOptions): WebSocket;
  /** both sides, open */
  pair(): Promise<{ agent: WebSocket; provider: WebSocket; record: RelayRecord }>;
  /** a bare TCP connection to the relay that has asked for the upgrade */
  rawAgent(early?: Buffer): Socket;
  reset(): void;
  close(): Promise<void>;
}

/** starts provider and relay */
export async function startRelayRig(): Promise<RelayRig> {
  const certificates: TestCertificates = await makeCertificates([HOST]);
  const wss = new WebSocketServer({ noServer: true, autoPong: false, perMessageDeflate: true });
  const arrived: WebSocket[] = [];
  const waiting: ((provider: WebSocket) => void)[] = [];
  const accept: RelayRig['accept'] = (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (provider) => {
      provider.on('error', () => {});
      const next = waiting.shift();
      if (next === undefined) arrived.push(provider);
      else next(provider);
    });
  };
  const seen: IncomingMessage[] = [];
  const providerSockets = new Set<Socket>();
  let onUpgrade = accept;
  const provider = createTlsServer({ cert: certificates.cert, key: certificates.key });
  provider.on('secureConnection', (socket: Socket) => {
    providerSockets.add(socket);
    socket.on('close', () => providerSockets.delete(socket));
    socket.on('error', () => {});
  });
  provider.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    seen.push(request);
    onUpgrade(request, socket, head);
  });
  const providerPort = await listen(provider);
  const upstreamAgent = new Agent({
    ca: certificates.ca,
    keepAlive: true,
    lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
  });

  const records: RelayRecord[] = [];
  const agents: (WebSocket | Socket)[] = [];
  const rig: RelayRig = {
    seen,
    providerSockets,
    records,
    memory: createRelayMemory(),
    settings: {},
    upstream: {},
    accept,
    onUpgrade: (handle) => {
      onUpgrade = handle;
    },
    nextProvider: async () =>
      new Promise((resolve) => {
        const first = arrived.shift();
        if (first === undefined) waiting.push(resolve);
        else resolve(first);
      }),
    agent(protocols = [], options = {}) {
      const agent = new WebSocket(`ws://127.0.0.1:${port}/`, protocols, { autoPong: false, ...options });
      agent.on('error', () => {});
      agents.push(agent);
      return agent;
    },
    async pair() {
      const agent = rig.agent();
      const [provider] = await Promise.all([rig.nextProvider(), once(agent, 'open')]);
      const record = records.at(-1);
      if (record === undefined) throw new Error('no relay was started');
      return { agent, provider, record };
    },
    rawAgent(early = Buffer.alloc(0)) {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      agents.push(socket);
      socket.write(
        'GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      socket.write(early);
      return socket;
    },
    reset() {
      rig.settings = {};
      rig.memory = createRelayMemory();
      rig.upstream = {};
      onUpgrade = accept;
      seen.length = 0;
      records.length = 0;
      arrived.length = 0;
      for (const agent of agents.splice(0)) {
        if (agent instanceof WebSocket) agent.terminate();
        else agent.destroy();
      }
    },
    async close() {
      rig.reset();
      upstreamAgent.destroy();
      for (const socket of providerSockets) socket.destroy();
      provider.close();
      front.close();
      front.closeAllConnections();
      await Promise.all([once(provider, 'close'), once(front, 'close')]);
    },
  };

  const front = createServer();
  front.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const done = Promise.withResolvers<RelaySummary>();
    const events: RelayRecord['events'] = [];
    const relay = startRelay({
      request,
      socket,
      head,
      upstream: {
        url: new URL(`wss://${HOST}:${providerPort}/v1/realtime?model=m`),
        headers: { authorization: 'Bearer real' },
        protocols: [],
        agent: upstreamAgent,
        ...rig.upstream,
      },
      scheduler: createScheduler(),
      memory: rig.memory,
      chooseProtocol: (protocol) => (protocol === '' ? false : protocol),
      toUpstream: (message) => message,
      toClient: (message) => message,
      refused(answer) {
        events.push('refused');
        record.refused = answer;
        writeHttpAnswer(socket, answer);
      },
      opened: () => events.push('opened'),
      failed(error) {
        if (!events.includes('opened')) answerStatus(socket, error);
        events.push('failed');
        record.failed = error;
      },
      closed(summary) {
        events.push('closed');
        record.summary = summary;
        done.resolve(summary);
      },
      ...rig.settings,
    });
    const record: RelayRecord = { relay, socket, events, closed: done.promise };
    records.push(record);
  });
  const port = await listen(front);
  return rig;
}

function answerStatus(socket: Duplex, error: SeksError): void {
  const rawHeaders = ['x-seks-error', error.code];
  writeHttpAnswer(socket, { status: error.spec.status, statusText: '', rawHeaders, body: Buffer.alloc(0) });
}

async function listen(server: ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
