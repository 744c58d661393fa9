// The ways in which clients come to the sidecar, each with real clients: what an SDK's HTTP library does, without the SDK.
import { once } from 'node:events';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as requestSecure } from 'node:https';
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';

import { Agent as UndiciAgent, type Dispatcher, fetch, ProxyAgent } from 'undici';

import { answerTo } from './agent-request.ts';

/** what a client got */
export interface ClientAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** sends a GET; redirects are not followed */
export type Client = (url: string, headers?: Record<string, string>) => Promise<ClientAnswer>;

/** where the sidecar is */
export interface SidecarPorts {
  port: number;
  /** stands for port 443 */
  aliasPort: number;
  /** PEM of the pod's CA */
  ca: string;
}

/** node:http and node:https */
export function nodeClient(agent?: Agent): Client {
  return async (url, headers = {}) => {
    const send = url.startsWith('https:') ? requestSecure : requestPlain;
    const request = send(url, { headers, ...(agent === undefined ? {} : { agent }) });
    request.end();
    const answer = await answerTo(request);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
  };
}

/** fetch */
export function fetchClient(dispatcher?: Dispatcher): Client {
  return async (url, headers = {}) => {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    };
  };
}

/** HTTP/2 with prior knowledge */
export function http2Client(dial?: (host: string) => Duplex | Promise<Duplex>): Client {
  return async (url, headers = {}) => {
    const { origin, host, hostname, pathname, search } = new URL(url);
    const socket = await dial?.(hostname);
    const session = connectHttp2(origin, socket === undefined ? {} : { createConnection: () => socket });
    const stream = session.request({ ':path': pathname + search, ':authority': host, ...headers });
    const [head] = (await once(stream, 'response')) as [Record<string, string>];
    let body = '';
    stream.setEncoding('utf8');
    for await (const chunk of stream) body += chunk;
    session.close();
    return { status: Number(head[':status']), headers: head, body };
  };
}

/** TLS to the sidecar itself for a client that speaks HTTP/2 alone */
export function http2BaseSocket({ port, ca }: SidecarPorts): Duplex {
  return connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
}

/** the same as if /etc/hosts pointed the host to the sidecar */
export function http2AliasSocket(ports: SidecarPorts, host: string): Duplex {
  return aliasSocket(ports, host, ['h2']);
}

/** the same through CONNECT */
export function http2ProxySocket(ports: SidecarPorts, host: string): Promise<Duplex> {
  return proxySocket(ports, host, ['h2']);
}

/** for base URLs with https: */
export function baseAgent({ ca }: SidecarPorts): Agent {
  return new Agent({ ca });
}

/** as if /etc/hosts pointed all hosts to the sidecar */
export function aliasAgent(ports: SidecarPorts): Agent {
  return new DialingAgent(async (host) => aliasSocket(ports, host));
}

/** as with HTTPS_PROXY */
export function proxyAgent(ports: SidecarPorts): Agent {
  return new DialingAgent(async (host) => proxySocket(ports, host));
}

/** the same ways for fetch */
export function dispatchers(ports: SidecarPorts): Record<'base' | 'alias' | 'proxy', Dispatcher> {
  return {
    base: new UndiciAgent({ connect: { ca: ports.ca } }),
    alias: new UndiciAgent({
      connect({ hostname }, done) {
        const socket = aliasSocket(ports, hostname);
        socket.once('secureConnect', () => done(null, socket));
        socket.once('error', (cause) => done(cause, null));
      },
    }),
    proxy: new ProxyAgent({ uri: `http://127.0.0.1:${ports.port}`, requestTls: { ca: ports.ca } }),
  };
}

function aliasSocket({ aliasPort, ca }: SidecarPorts, servername: string, ALPNProtocols?: string[]) {
  const socket = connectTcp(aliasPort, '127.0.0.1');
  return connectTls({ socket, servername, ca, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) });
}

async function proxySocket({ port, ca }: SidecarPorts, servername: string, ALPNProtocols?: string[]) {
  const path = `${servername}:443`;
  const connecting = requestPlain({ port, method: 'CONNECT', path, headers: { host: path } });
  connecting.end();
  const [response, socket] = (await once(connecting, 'connect')) as [IncomingMessage, Socket];
  if (response.statusCode !== 200) throw new Error(`CONNECT was answered ${response.statusCode}`);
  return connectTls({ socket, servername, ca, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) });
}

class DialingAgent extends Agent {
  readonly #dial: (host: string) => Promise<Duplex>;

  constructor(dial: (host: string) => Promise<Duplex>) {
    super();
    this.#dial = dial;
  }

  override createConnection(
    options: NetConnectOpts,
    done?: (cause: Error | null, socket: Duplex) => void,
  ): Duplex | undefined {
    const host = 'host' in options ? (options.host ?? '') : '';
    void this.#answer(host, done);
    return undefined;
  }

  async #answer(host: string, done?: (cause: Error | null, socket: Duplex) => void): Promise<void> {
    let socket: Duplex;
    try {
      socket = await this.#dial(host);
    } catch (cause) {
      // With an error Node looks at nothing else.
      done?.(cause as Error, undefined as never);
      return;
    }
    done?.(null, socket);
  }
}
