// Sessions from end to end: real clients, the sidecar's own port, and a provider over real TLS.
import { expect } from '@jest/globals';
import type { Provider, ProviderSpec } from '@seks/crds';
import type { ClientOptions } from 'ws';

import type { LeaseState } from '../../lease/lease-state.ts';
import { createLimitKeeper } from '../../limits/credential-limits.ts';
import { eventually } from '../../testing/eventually.ts';
import { type StaticCredential, staticLease } from '../../testing/static-lease.ts';
import { createTestLinks } from '../../testing/test-forwarder.ts';
import {
  fakeToken,
  startSidecar,
  type TestSidecar,
  type TestSidecarOptions,
} from '../../testing/test-sidecar.ts';
import {
  openSocket,
  type Peer,
  Refused,
  type SocketUpstream,
  startSocketUpstream,
} from './socket-upstream.ts';

export const KEY = 'sk-proj-CANARY-socket-0123456789';
export const BOT_KEY = 'MTIzCANARY.bot-one.0123456789abcdef';
export const BOT_KEY_2 = 'MTIzCANARY.bot-two.0123456789abcdef';
export const HOST = 'api.provider.example';
export const GATEWAY = 'gateway.discord.gg';
/** of the sub-protocol that carries a token */
export const PREFIX = 'openai-insecure-api-key.';
const ADDRESSES = { '*': ['127.0.0.1'] };

/** a provider for a whole file, a sidecar for each test; the tokens are there from the start, so that tables can name them */
export class SessionRig {
  readonly token = fakeToken('sk-proj-{token}');
  readonly otherToken = fakeToken('xi-{token}');
  readonly botToken = fakeToken('MT{token}');
  readonly botToken2 = fakeToken('MT{token}');
  /** looks like one, but is of another pod */
  readonly strange = fakeToken('sk-proj-{token}');
  readonly #connected: Peer[] = [];
  readonly #started: TestSidecar[] = [];
  #upstream: SocketUpstream | undefined;

  /** starts the provider; before all tests */
  async open(): Promise<void> {
    this.#upstream = await startSocketUpstream([HOST, GATEWAY, '*.discord.gg']);
  }

  /** ends what a test has started */
  async reset(): Promise<void> {
    for (const { socket } of this.#connected.splice(0)) socket.terminate();
    this.upstream.reset();
    await Promise.all(this.#started.splice(0).map(async (each) => each.close()));
  }

  async close(): Promise<void> {
    await this.upstream.close();
  }

  get upstream(): SocketUpstream {
    if (this.#upstream === undefined) throw new Error('the rig is not open');
    return this.#upstream;
  }

  /** the one that was started last */
  get sidecar(): TestSidecar {
    const sidecar = this.#started.at(-1);
    if (sidecar === undefined) throw new Error('no sidecar was started');
    return sidecar;
  }

  provider(name: string, spec: Partial<ProviderSpec> = {}): Provider {
    return {
      name,
      spec: {
        upstreams: [{ host: HOST, port: this.upstream.port }],
        auth: [
          { header: { name: 'authorization', scheme: 'Bearer' } },
          { query: { name: 'key' } },
          { webSocketProtocol: { prefix: PREFIX } },
        ],
        env: { key: ['KEY'] },
        fakeToken: 'sk-proj-{token}',
        keyPrefixes: ['sk-proj-'],
        allow: [{ paths: ['/v1/**'] }],
        usage: { format: 'OpenAI' },
        prices: {
          asOf: '2026-01-01',
          models: [
            { match: 'dear*', input: '1000', output: '1000' },
            { match: 'cheap*', input: '1', output: '1' },
          ],
        },
        caBundle: this.upstream.ca,
        ...spec,
      },
    };
  }

  openai(more: Partial<StaticCredential> = {}): StaticCredential {
    const { token } = this;
    return { provider: this.provider('openai'), token, key: KEY, bindingUid: 'b-openai', ...more };
  }

  /** its token comes in a header or in the first message */
  elevenlabs(): StaticCredential {
    const auth = [
      { header: { name: 'xi-api-key' } },
      { webSocketMessage: { field: 'xi_api_key', paths: ['/v1/speech/*'] } },
    ];
    const provider = this.provider('elevenlabs', { auth });
    return { provider, token: this.otherToken, key: KEY, bindingUid: 'b-eleven' };
  }

  /** two credentials of Discord */
  bots(): StaticCredential[] {
    const { port } = this.upstream;
    const discord = this.provider('discord', {
      upstreams: [
        { host: GATEWAY, port },
        { host: '*.discord.gg', port },
      ],
      auth: [
        { header: { name: 'authorization', scheme: 'Bot' } },
        { webSocketMessage: { field: 'd.token', paths: ['/'] } },
      ],
      allow: [{ paths: ['/', '/api/**'] }],
      protocol: 'DiscordGateway',
    });
    const one = { provider: discord, token: this.botToken, key: BOT_KEY, name: 'one', bindingUid: 'b-one' };
    return [one, { ...one, token: this.botToken2, key: BOT_KEY_2, name: 'two', bindingUid: 'b-two' }];
  }

  /** starts a sidecar */
  async start(credentials: StaticCredential[], options: Partial<TestSidecarOptions> = {}): Promise<void> {
    this.#started.push(await startSidecar({ credentials, addresses: ADDRESSES, ...options }));
  }

  async connect(url: string, protocols: string[], options: ClientOptions): Promise<Peer> {
    const peer = await openSocket(url, protocols, options);
    this.#connected.push(peer);
    return peer;
  }

  /** connects to the sidecar's own port */
  async dial(path: string, headers: Record<string, string> = {}, protocols: string[] = []): Promise<Peer> {
    return this.connect(`ws://127.0.0.1:${this.sidecar.port}${path}`, protocols, { headers });
  }

  /** both sides of a connection with the token in its header */
  async pair(path = '/openai/v1/realtime?model=dear-1'): Promise<{ agent: Peer; server: Peer }> {
    const [agent, server] = await Promise.all([
      this.dial(path, { authorization: `Bearer ${this.token}` }),
      this.upstream.next(),
    ]);
    return { agent, server };
  }

  /** the event of a request that has ended, or is about to */
  async requestEvent(count = 1): Promise<Record<string, unknown>> {
    let events: Record<string, unknown>[] = [];
    await eventually(() => {
      events = this.sidecar.audit.filter(({ action }) => action === 'request');
      expect(events.length).toBeGreaterThanOrEqual(count);
    });
    return events[count - 1] ?? {};
  }
}

/** the answer to a handshake that was not granted */
export async function refusal(opening: Promise<Peer>): Promise<Refused> {
  const refused = await opening.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (refused instanceof Refused) return refused;
  throw new Error('it was not refused', { cause: refused });
}

/** the code of that answer, which its header and its body agree on */
export async function codeOfRefusal(opening: Promise<Peer>): Promise<string> {
  const { headers, body } = await refusal(opening);
  expect(JSON.parse(body)).toMatchObject({ error: { code: headers['x-seks-error'] } });
  return String(headers['x-seks-error']);
}

/** a lease to put in the place of the one that the sidecar was started with */
export function lease(credentials: StaticCredential[]): LeaseState {
  const { limitsFor } = createLimitKeeper({ nowMs: () => 0, wallClock: () => 0 });
  return staticLease(credentials, createTestLinks({ addresses: ADDRESSES }), limitsFor);
}
