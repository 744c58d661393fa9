// WebSockets of the agent from end to end: real clients, the sidecar's own port, and providers over real TLS.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Limits, type Provider, type ProviderSpec, SeksError } from '@seks/crds';

import { eventually } from '../testing/eventually.ts';
import { createLimitKeeper } from '../limits/credential-limits.ts';
import type { LeaseState } from '../lease/lease-state.ts';
import { aliasAgent } from '../testing/agent-clients.ts';
import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { type StaticCredential, staticLease } from '../testing/static-lease.ts';
import { createTestLinks } from '../testing/test-forwarder.ts';
import {
  fakeToken,
  startSidecar,
  type TestSidecar,
  type TestSidecarOptions,
} from '../testing/test-sidecar.ts';
import { ensurePodCa } from '../tls/pod-ca.ts';
import { createServerContext } from '../tls/server-context.ts';
import {
  openSocket,
  type Peer,
  Refused,
  type SocketUpstream,
  startSocketUpstream,
} from './testing/socket-upstream.ts';

const KEY = 'sk-proj-CANARY-socket-0123456789';
const BOT_KEY = 'MTIzCANARY.bot-one.0123456789abcdef';
const BOT_KEY_2 = 'MTIzCANARY.bot-two.0123456789abcdef';
const HOST = 'api.provider.example';
const GATEWAY = 'gateway.discord.gg';
const ADDRESSES = { '*': ['127.0.0.1'] };
const PREFIX = 'openai-insecure-api-key.';

const token = fakeToken('sk-proj-{token}');
const otherToken = fakeToken('xi-{token}');
const botToken = fakeToken('MT{token}');
const botToken2 = fakeToken('MT{token}');
const strange = fakeToken('sk-proj-{token}');

let upstream: SocketUpstream;
let sidecar: TestSidecar;
const opened: Peer[] = [];
const started: TestSidecar[] = [];

beforeAll(async () => {
  upstream = await startSocketUpstream([HOST, GATEWAY, '*.discord.gg']);
});
afterEach(async () => {
  for (const { socket } of opened.splice(0)) socket.terminate();
  upstream.reset();
  await Promise.all(started.splice(0).map(async (each) => each.close()));
});
afterAll(async () => upstream.close());

function provider(name: string, spec: Partial<ProviderSpec> = {}): Provider {
  return {
    name,
    spec: {
      upstreams: [{ host: HOST, port: upstream.port }],
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
      caBundle: upstream.ca,
      ...spec,
    },
  };
}

function openai(more: Partial<StaticCredential> = {}): StaticCredential {
  return { provider: provider('openai'), token, key: KEY, bindingUid: 'b-openai', ...more };
}

function elevenlabs(): StaticCredential {
  const auth = [
    { header: { name: 'xi-api-key' } },
    { webSocketMessage: { field: 'xi_api_key', paths: ['/v1/speech/*'] } },
  ];
  return { provider: provider('elevenlabs', { auth }), token: otherToken, key: KEY, bindingUid: 'b-eleven' };
}

function bots(): StaticCredential[] {
  const discord = provider('discord', {
    upstreams: [
      { host: GATEWAY, port: upstream.port },
      { host: '*.discord.gg', port: upstream.port },
    ],
    auth: [
      { header: { name: 'authorization', scheme: 'Bot' } },
      { webSocketMessage: { field: 'd.token', paths: ['/'] } },
    ],
    allow: [{ paths: ['/', '/api/**'] }],
    protocol: 'DiscordGateway',
  });
  const one = { provider: discord, token: botToken, key: BOT_KEY, name: 'one', bindingUid: 'b-one' };
  return [one, { ...one, token: botToken2, key: BOT_KEY_2, name: 'two', bindingUid: 'b-two' }];
}

async function start(
  credentials: StaticCredential[],
  options: Partial<TestSidecarOptions> = {},
): Promise<void> {
  sidecar = await startSidecar({ credentials, addresses: ADDRESSES, ...options });
  started.push(sidecar);
}

async function dial(
  path: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<Peer> {
  const peer = await openSocket(`ws://127.0.0.1:${sidecar.port}${path}`, protocols, { headers });
  opened.push(peer);
  return peer;
}

/** both sides of a connection with the token in its header */
async function pair(path = '/openai/v1/realtime?model=dear-1'): Promise<{ agent: Peer; server: Peer }> {
  const [agent, server] = await Promise.all([
    dial(path, { authorization: `Bearer ${token}` }),
    upstream.next(),
  ]);
  return { agent, server };
}

async function refusal(opening: Promise<Peer>): Promise<Refused> {
  const refused = await opening.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (refused instanceof Refused) return refused;
  throw new Error('it was not refused', { cause: refused });
}

async function codeOfRefusal(opening: Promise<Peer>): Promise<string> {
  const { headers, body } = await refusal(opening);
  expect(JSON.parse(body)).toMatchObject({ error: { code: headers['x-seks-error'] } });
  return String(headers['x-seks-error']);
}

/** the event of a request that has ended, or is about to */
async function requestEvent(count = 1): Promise<Record<string, unknown>> {
  let events: Record<string, unknown>[] = [];
  await eventually(() => {
    events = sidecar.audit.filter(({ action }) => action === 'request');
    expect(events.length).toBeGreaterThanOrEqual(count);
  });
  return events[count - 1] ?? {};
}

function lease(credentials: StaticCredential[]): LeaseState {
  const { limitsFor } = createLimitKeeper({ nowMs: () => 0, wallClock: () => 0 });
  return staticLease(credentials, createTestLinks({ addresses: ADDRESSES }), limitsFor);
}

describe('the token of a handshake', () => {
  test('in a header becomes the key, and messages pass both ways', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    expect(upstream.seen).toMatchObject([
      {
        url: '/v1/realtime?model=dear-1',
        headers: { host: `${HOST}:${upstream.port}`, authorization: `Bearer ${KEY}` },
      },
    ]);
    agent.socket.send('{"type":"hello"}');
    expect(await server.text()).toBe('{"type":"hello"}');
    server.socket.send(Buffer.from([1, 2, 0xff]), { binary: true });
    expect(await agent.message()).toEqual({ data: Buffer.from([1, 2, 0xff]), binary: true });
  });

  test('in the query becomes the key there', async () => {
    await start([openai()]);
    await dial(`/openai/v1/live?alt=ws&key=${token}`);
    expect(upstream.seen[0]?.url).toBe(`/v1/live?alt=ws&key=${KEY}`);
    expect(upstream.seen[0]?.headers).not.toHaveProperty('authorization');
  });

  test.each([
    ['the first', (offered: string[]) => offered[0] ?? false, 'realtime'],
    ['the one with the key', (offered: string[]) => offered[1] ?? false, 'realtime'],
    ['none', () => false as const, ''],
  ])(
    'S10: in a sub-protocol becomes the key, which the agent is not told when the provider chooses %s',
    async (_, choose, told) => {
      await start([openai()]);
      upstream.choose(choose);
      const opening = dial('/openai/v1/realtime', {}, ['realtime', PREFIX + token]);
      if (told === '') {
        // `ws` insists on an answer, which RFC 6455 §4.1 does not.
        await expect(opening).rejects.toThrow('Server sent no subprotocol');
      } else {
        expect((await opening).socket.protocol).toBe(told);
      }
      expect(upstream.seen[0]?.headers['sec-websocket-protocol']).toBe(`realtime,${PREFIX}${KEY}`);
    },
  );

  test.each<[string, string, Record<string, string>, string[]]>([
    ['SEKS_TOKEN_MISSING', '/openai/v1/realtime', {}, []],
    ['SEKS_TOKEN_FOREIGN', '/openai/v1/realtime', { authorization: `Bearer ${strange}` }, []],
    ['SEKS_TOKEN_UNKNOWN', '/openai/v1/realtime', { authorization: 'Bearer sk-own' }, []],
    ['SEKS_TOKEN_UNKNOWN', '/openai/v1/realtime', {}, ['realtime', `${PREFIX}own`]],
    ['SEKS_TOKEN_AMBIGUOUS', '/openai/v1/realtime', { authorization: `Bearer ${token}` }, [PREFIX + token]],
    ['SEKS_TOKEN_WRONG_PROVIDER', '/elevenlabs/v1/x', { authorization: `Bearer ${token}` }, []],
    ['SEKS_ROUTE_DENIED', '/openai/v2/realtime', { authorization: `Bearer ${token}` }, []],
    ['SEKS_REQUEST_MALFORMED', '/openai/v1/%00', { authorization: `Bearer ${token}` }, []],
  ])('S4, S5: %s: %s', async (code, path, headers, protocols) => {
    await start([openai(), elevenlabs()]);
    expect(await codeOfRefusal(dial(path, headers, protocols))).toBe(code);
    expect(upstream.seen).toEqual([]);
    expect(await requestEvent()).toMatchObject({ decision: 'deny', code });
  });

  test('S9: nothing that is written holds key, token or query', async () => {
    await start([openai()]);
    const agent = await dial(`/openai/v1/live?alt=private&key=${token}`);
    agent.socket.close(1000);
    await requestEvent();
    const written = await sidecar.written();
    expect(written).toContain('"status":101');
    for (const secret of [KEY, token, 'private']) expect(written).not.toContain(secret);
  });
});

describe('a handshake that is not one', () => {
  const head = (lines: string[]): string =>
    [
      'GET /openai/v1/realtime HTTP/1.1',
      `Host: 127.0.0.1:${sidecar.port}`,
      `Authorization: Bearer ${token}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      ...lines,
      '\r\n',
    ].join('\r\n');
  const version = 'Sec-WebSocket-Version: 13';
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';

  test.each<[string, string[]]>([
    ['without a key', [version]],
    ['of another version', ['Sec-WebSocket-Version: 8', key]],
    ['with a sub-protocol twice', [version, key, 'Sec-WebSocket-Protocol: a, a']],
    ['with an empty sub-protocol', [version, key, 'Sec-WebSocket-Protocol: a,,b']],
    ['with a body', [version, key, 'Content-Length: 3']],
  ])('%s is refused before the provider hears of it', async (_, lines) => {
    await start([openai()]);
    const answer = await sidecar.raw(head(lines));
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('x-seks-error: SEKS_REQUEST_MALFORMED');
    expect(upstream.seen).toEqual([]);
  });

  test('S14: an exception within it ends the request and nothing else', async () => {
    await start([openai()]);
    const state = sidecar.holder.state;
    // A lease that is broken in a way that nobody expected.
    sidecar.holder.replace(state, { ...lease([openai()]), classifier: undefined as never });
    const { status, headers } = await refusal(
      dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }),
    );
    expect([status, headers['x-seks-error']]).toEqual([500, 'SEKS_INTERNAL']);
    expect(await sidecar.written()).toContain('"event":"request_failed"');
    sidecar.holder.replace(sidecar.holder.state, lease([openai()]));
    await pair();
  });

  test('S14: an agent that leaves in the middle of it ends the request and nothing else', async () => {
    await start([openai()]);
    const arrived = Promise.withResolvers<void>();
    upstream.onUpgrade(() => arrived.resolve());
    const socket = connect(sidecar.port, '127.0.0.1', () => socket.write(head([version, key])));
    socket.on('error', () => undefined);
    await arrived.promise;
    socket.resetAndDestroy();
    expect(await requestEvent()).toMatchObject({ status: 0, partial: true, decision: 'allow' });
    upstream.reset();
    await pair();
  });
});

describe('a refusal of the provider', () => {
  function answer(text: string): void {
    upstream.onUpgrade((_, socket) => socket.end(text));
  }

  test('S10: comes masked, without what is between two ends of a connection, and with a code', async () => {
    await start([openai()]);
    const body = `{"error":"Incorrect API key: ${KEY}, sk-proj-****6789"}`;
    answer(
      [
        `HTTP/1.1 401 Unauthorized ${KEY}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        `X-Echo: ${KEY}`,
        'Set-Cookie: session=1',
        'Alt-Svc: h3=":443"',
        'X-Seks-Request-Id: forged',
        'Connection: close, x-nominated',
        'X-Nominated: 1',
        'X-Request-Id: r1',
        '',
        body,
      ].join('\r\n'),
    );
    const refused = await refusal(dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    const stars = '*'.repeat(KEY.length);
    expect(refused.status).toBe(401);
    expect(refused.body).toBe(`{"error":"Incorrect API key: ${stars}, ****************"}`);
    expect(refused.headers).toEqual({
      'content-type': 'application/json',
      'content-length': String(body.length),
      'x-echo': stars,
      'x-request-id': 'r1',
      'x-seks-error': 'SEKS_UPSTREAM_KEY_REFUSED',
      connection: 'close',
    });
    const event = await requestEvent();
    expect(event).toMatchObject({
      status: 401,
      code: 'SEKS_UPSTREAM_KEY_REFUSED',
      decision: 'allow',
      scrubbed: 4,
    });
    expect(event).not.toHaveProperty('partial');
    expect(await sidecar.written()).toMatch(/seks_denied_total\{[^}]*code="SEKS_UPSTREAM_KEY_REFUSED"\} 1/);
  });

  test('a redirect leads back through the sidecar', async () => {
    await start([openai()]);
    answer(
      `HTTP/1.1 302 Found\r\nLocation: wss://${HOST}:${upstream.port}/v1/other\r\nContent-Length: 0\r\n\r\n`,
    );
    const refused = await refusal(dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    expect(refused.headers.location).toBe(`ws://127.0.0.1:${sidecar.port}/openai/v1/other`);
    expect(refused.headers).not.toHaveProperty('x-seks-error');
  });

  test.each([
    ['SEKS_UPSTREAM_ENCODING', 'Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc'],
    ['SEKS_UPSTREAM_ANSWER_TOO_LARGE', `Content-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`],
  ])('S10: that cannot be searched is not passed on: %s', async (code, rest) => {
    await start([openai()]);
    answer(`HTTP/1.1 403 Forbidden\r\n${rest}`);
    expect(await codeOfRefusal(dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }))).toBe(code);
    expect(await requestEvent()).toMatchObject({ status: 502, code });
  });

  test('of the key again and again opens the breaker', async () => {
    await start([openai()]);
    answer('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    const attempt = async () => refusal(dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    for (let i = 0; i < 5; i += 1) expect((await attempt()).status).toBe(401);
    expect((await attempt()).headers['x-seks-error']).toBe('SEKS_UPSTREAM_BREAKER_OPEN');
    expect(upstream.seen).toHaveLength(5);
  });

  test('a provider that is not there', async () => {
    await start([openai({ provider: provider('openai', { upstreams: [{ host: HOST, port: 1 }] }) })]);
    expect(await codeOfRefusal(dial('/openai/v1/x', { authorization: `Bearer ${token}` }))).toBe(
      'SEKS_UPSTREAM_UNREACHABLE',
    );
  });
});

describe('a token in the first message', () => {
  test('becomes the key, and what follows passes as it is', async () => {
    await start([openai(), elevenlabs()]);
    const [agent, server] = await Promise.all([dial('/elevenlabs/v1/speech/v1?x=1'), upstream.next()]);
    expect(upstream.seen[0]?.headers).not.toHaveProperty('xi-api-key');
    agent.socket.send(`{"text":" ","xi_api_key":"${otherToken}"}`);
    agent.socket.send(`{"text":"${otherToken}"}`);
    expect(await server.text()).toBe(`{"text":" ","xi_api_key":"${KEY}"}`);
    expect(await server.text()).toBe(`{"text":"${otherToken}"}`);
    server.socket.send(`you are ${KEY}`);
    expect(await agent.text()).toBe(`you are ${'*'.repeat(KEY.length)}`);
    agent.socket.close(1000);
    expect(await requestEvent()).toMatchObject({ credential: 'elevenlabs', decision: 'allow', scrubbed: 1 });
  });

  test('may as well stand in the header', async () => {
    await start([elevenlabs()]);
    const [agent, server] = await Promise.all([
      dial('/elevenlabs/v1/speech/v1', { 'xi-api-key': otherToken }),
      upstream.next(),
    ]);
    expect(upstream.seen[0]?.headers['xi-api-key']).toBe(KEY);
    agent.socket.send('{"text":"x"}');
    expect(await server.text()).toBe('{"text":"x"}');
  });

  test.each([
    ['SEKS_TOKEN_MISSING', '{"text":"x"}'],
    ['SEKS_TOKEN_MISSING', '{"xi_api_key":1}'],
    ['SEKS_TOKEN_UNKNOWN', '{"xi_api_key":"own"}'],
    ['SEKS_TOKEN_FOREIGN', `{"xi_api_key":"${strange}"}`],
    ['SEKS_TOKEN_WRONG_PROVIDER', `{"xi_api_key":"${token}"}`],
    ['SEKS_REQUEST_MALFORMED', `{"xi_api_key":"${otherToken}","xi_api_key":"x"}`],
    ['SEKS_REQUEST_MALFORMED', 'no JSON'],
  ])('S4: %s for %s', async (code, text) => {
    await start([openai(), elevenlabs()]);
    const [agent, server] = await Promise.all([dial('/elevenlabs/v1/speech/v1'), upstream.next()]);
    agent.socket.send(text);
    const { code: closeCode, reason } = await agent.closed;
    expect([closeCode, reason.split(':')[0]]).toEqual([1008, code]);
    expect(await server.closed).toMatchObject({ code: 1001 });
    await expect(server.message()).rejects.toThrow('closed');
    expect(await requestEvent()).toMatchObject({ decision: 'deny', code, status: 101 });
  });

  test('S4: is not awaited on other paths', async () => {
    await start([elevenlabs()]);
    expect(await codeOfRefusal(dial('/elevenlabs/v1/other'))).toBe('SEKS_TOKEN_MISSING');
  });

  test('S12: is refused where the binding is suspended meanwhile', async () => {
    await start([elevenlabs()]);
    const agent = await dial('/elevenlabs/v1/speech/v1');
    sidecar.holder.revoke('b-eleven', new SeksError('SEKS_BINDING_SUSPENDED'));
    agent.socket.send(`{"xi_api_key":"${otherToken}"}`);
    expect((await agent.closed).reason).toMatch(/^SEKS_BINDING_SUSPENDED:/);
  });

  test('S16: of a credential with other hosts is refused', async () => {
    const spec = elevenlabs().provider.spec;
    const elsewhere = { ...spec, upstreams: [{ host: 'other.provider.example', port: upstream.port }] };
    const second = fakeToken('xi-{token}');
    await start([
      elevenlabs(),
      { ...elevenlabs(), provider: { name: 'elevenlabs', spec: elsewhere }, token: second, name: 'second' },
    ]);
    const [agent, server] = await Promise.all([dial('/elevenlabs/v1/speech/v1'), upstream.next()]);
    agent.socket.send(`{"xi_api_key":"${second}"}`);
    expect((await agent.closed).reason).toMatch(/^SEKS_TOKEN_WRONG_PROVIDER:/);
    await expect(server.message()).rejects.toThrow('closed');
  });
});

describe('the gateway of Discord', () => {
  const identify = (of: string): string => `{"op":2,"d":{"token":"${of}","compress":true}}`;
  const connectBot = async (path = '/discord/?v=10&encoding=json&compress=zlib-stream') => {
    const [agent, server] = await Promise.all([dial(path), upstream.next()]);
    return { agent, server };
  };

  test('takes the token from IDENTIFY and RESUME, and no compression', async () => {
    await start(bots());
    const { agent, server } = await connectBot();
    expect(upstream.seen[0]?.url).toBe('/?v=10&encoding=json');
    server.socket.send('{"op":10,"d":{"heartbeat_interval":41250}}');
    expect(await agent.text()).toContain('41250');
    agent.socket.send('{"op":1,"d":null}');
    agent.socket.send(identify(botToken));
    expect(await server.text()).toBe('{"op":1,"d":null}');
    expect(await server.text()).toBe(`{"op":2,"d":{"token":"${BOT_KEY}","compress":false}}`);
    const again = await connectBot();
    again.agent.socket.send(`{"op":6,"d":{"token":"${botToken}","session_id":"s","seq":1}}`);
    expect(await again.server.text()).toBe(`{"op":6,"d":{"token":"${BOT_KEY}","session_id":"s","seq":1}}`);
  });

  test('gives a resume URL that leads back, and the key comes with it', async () => {
    await start(bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    const ready = { op: 0, t: 'READY', d: { resume_gateway_url: 'wss://gateway-us-east1-b.discord.gg' } };
    server.socket.send(JSON.stringify(ready));
    const { d } = JSON.parse(await agent.text()) as typeof ready;
    expect(d.resume_gateway_url).toBe(
      `ws://127.0.0.1:${sidecar.port}/discord/~gateway-us-east1-b.discord.gg`,
    );
    const path = `${new URL(d.resume_gateway_url).pathname}/?v=10&encoding=json`;
    const back = await connectBot(path);
    expect(upstream.seen[1]).toMatchObject({
      url: '/?v=10&encoding=json',
      headers: { host: `gateway-us-east1-b.discord.gg:${upstream.port}` },
    });
    back.agent.socket.send(`{"op":6,"d":{"token":"${botToken}"}}`);
    expect(await back.server.text()).toContain(BOT_KEY);
  });

  test('S6: of a host that leads nowhere, leads to the gateway that everybody starts with', async () => {
    await start(bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    server.socket.send('{"op":0,"t":"READY","d":{"resume_gateway_url":"wss://a.b.discord.gg"}}');
    const { d } = JSON.parse(await agent.text()) as { d: { resume_gateway_url: string } };
    expect(d.resume_gateway_url).toBe(`ws://127.0.0.1:${sidecar.port}/discord`);
  });

  test('S16: two bots have their own keys, budgets and scrubbing', async () => {
    await start(bots());
    const [one, two] = [await connectBot(), await connectBot()];
    one.agent.socket.send(identify(botToken));
    two.agent.socket.send(identify(botToken2));
    expect(await one.server.text()).toContain(BOT_KEY);
    expect(await two.server.text()).toContain(BOT_KEY_2);
    two.server.socket.send(`{"op":0,"d":"${BOT_KEY_2}"}`);
    expect(await two.agent.text()).not.toContain('CANARY');
    two.agent.socket.close(1000);
    expect(await requestEvent()).toMatchObject({ credential: 'two', binding: 'static', decision: 'allow' });
  });

  test('S16: a connection is one bot’s, and cannot become the other’s', async () => {
    await start(bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    agent.socket.send(`{"op":6,"d":{"token":"${botToken2}"}}`);
    expect(await agent.closed).toMatchObject({
      code: 4004,
      reason: expect.stringMatching(/^SEKS_TOKEN_AMBIGUOUS:/),
    });
    await expect(server.message()).rejects.toThrow('closed');
  });

  test('S10: a connection keeps its key when the lease has another one', async () => {
    await start(bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    const renewed = bots().map((bot) => ({ ...bot, key: `${bot.key}-new` }));
    sidecar.holder.replace(sidecar.holder.state, lease(renewed));
    agent.socket.send(`{"op":6,"d":{"token":"${botToken}"}}`);
    const resume = await server.text();
    expect(resume).toBe(`{"op":6,"d":{"token":"${BOT_KEY}"}}`);
    server.socket.send(resume);
    expect(await agent.text()).not.toContain('CANARY');
  });

  test.each([
    ['SEKS_TOKEN_FOREIGN', () => strange],
    ['SEKS_TOKEN_UNKNOWN', () => 'own'],
    ['SEKS_TOKEN_WRONG_PROVIDER', () => token],
  ])('S4: %s', async (code, of) => {
    await start([openai(), ...bots()]);
    const { agent, server } = await connectBot();
    agent.socket.send(identify(of()));
    expect(await agent.closed).toMatchObject({ code: 4004, reason: expect.stringMatching(`^${code}:`) });
    await expect(server.message()).rejects.toThrow('closed');
    expect(await requestEvent()).toMatchObject({ decision: 'deny', code });
    if (code === 'SEKS_TOKEN_FOREIGN') {
      expect(sidecar.audit.map(({ action }) => action)).toContain('foreign_token');
    }
  });

  test('counts logins by bot, over all its connections', async () => {
    await start(bots(), { nowMs: () => 0 });
    const first = await connectBot();
    first.agent.socket.send(identify(botToken));
    await first.server.text();
    const second = await connectBot();
    second.agent.socket.send(identify(botToken));
    expect(await second.agent.closed).toMatchObject({
      code: 4008,
      reason: expect.stringMatching(/^SEKS_IDENTIFY_BUDGET:/),
    });
    const other = await connectBot();
    other.agent.socket.send(identify(botToken2));
    expect(await other.server.text()).toContain(BOT_KEY_2);
  });

  test('gives a resume URL on the intercepted host to those who came by it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'session-'));
    const folders = { runDirectory: directory, publicDirectory: directory };
    const { identity } = await ensurePodCa({ ...folders, hosts: [GATEWAY], nowMs: Date.now(), randomBytes });
    await rm(directory, { recursive: true });
    const secureContext = createServerContext(identity);
    await start(bots(), { tls: { secureContext, hosts: [GATEWAY], proxied: [] } });
    const aliases = sidecar.side.serverFor(443).listen(0, '127.0.0.1');
    await once(aliases, 'listening');
    const { port: aliasPort } = aliases.address() as AddressInfo;
    const agent = aliasAgent({ port: sidecar.port, aliasPort, ca: identity.caPem });
    const open = async (url: string): Promise<Peer> => {
      const peer = await openSocket(`${url}/?v=10&encoding=json`, [], { agent });
      opened.push(peer);
      return peer;
    };
    const [client, server] = await Promise.all([open(`wss://${GATEWAY}`), upstream.next()]);
    client.socket.send(identify(botToken));
    await server.text();
    server.socket.send(
      '{"op":0,"t":"READY","d":{"resume_gateway_url":"wss://gateway-us-east1-b.discord.gg"}}',
    );
    const { d } = JSON.parse(await client.text()) as { d: { resume_gateway_url: string } };
    expect(d.resume_gateway_url).toBe(`wss://${GATEWAY}/~gateway-us-east1-b.discord.gg`);
    const [again, resumed] = await Promise.all([open(d.resume_gateway_url), upstream.next()]);
    again.socket.send(`{"op":6,"d":{"token":"${botToken}"}}`);
    expect(await resumed.text()).toContain(BOT_KEY);
    expect(upstream.seen[1]?.headers.host).toBe(`gateway-us-east1-b.discord.gg:${upstream.port}`);
    agent.destroy();
  });

  test('ends a connection that does not say within a minute whose it is', async () => {
    const scheduler = createManualScheduler();
    await start(bots(), { scheduler });
    const [known, silent] = [await connectBot(), await connectBot()];
    known.agent.socket.send(identify(botToken));
    await known.server.text();
    silent.agent.socket.send('{"op":1,"d":null}');
    await silent.server.text();
    await scheduler.advance(59_999);
    expect(silent.agent.socket.readyState).toBe(1);
    await scheduler.advance(1);
    expect(await silent.agent.closed).toMatchObject({
      code: 1008,
      reason: expect.stringMatching(/^SEKS_TOKEN_MISSING:/),
    });
    expect(known.agent.socket.readyState).toBe(1);
    expect(await requestEvent()).toMatchObject({ decision: 'deny', code: 'SEKS_TOKEN_MISSING', status: 101 });
  });

  test('does not wait for the token of a connection that has ended', async () => {
    const scheduler = createManualScheduler();
    await start(bots(), { scheduler });
    const { agent } = await connectBot();
    expect(scheduler.pending()).toContain(60_000);
    agent.socket.close(1000);
    await requestEvent();
    expect(scheduler.pending()).not.toContain(60_000);
  });

  test('ETF is refused', async () => {
    await start(bots());
    expect(await codeOfRefusal(dial('/discord/?encoding=etf'))).toBe('SEKS_REQUEST_MALFORMED');
  });
});

describe('limits', () => {
  const limited = (limits: Limits, more: Partial<StaticCredential> = {}) => openai({ limits, ...more });
  const done = (input: number, more = ''): string =>
    `{"type":"response.done","response":{${more}"usage":{"input_tokens":${input},"output_tokens":0,"total_tokens":${input}}}}`;
  const attempt = async () =>
    codeOfRefusal(dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));

  test('of requests count a connection as one', async () => {
    await start([limited({ requestsPerMinute: 1 })], { nowMs: () => 0 });
    const { agent, server } = await pair();
    agent.socket.send('1');
    agent.socket.send('2');
    expect([await server.text(), await server.text()]).toEqual(['1', '2']);
    expect(await attempt()).toBe('SEKS_LIMIT_REQUESTS');
  });

  test('of concurrency are held until the connection has closed', async () => {
    await start([limited({ concurrentRequests: 1 })]);
    const { agent } = await pair();
    expect(await attempt()).toBe('SEKS_LIMIT_CONCURRENCY');
    agent.socket.close(1000);
    await requestEvent(2);
    await pair();
  });

  test('of tokens are kept while the connection lives, and each token counts once', async () => {
    await start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const { agent, server } = await pair();
    for (const input of [10, 15]) {
      server.socket.send(done(input));
      await agent.text();
    }
    agent.socket.send('{"type":"more"}');
    expect(await server.text()).toBe('{"type":"more"}');
    server.socket.send(done(5));
    expect(await agent.text()).toBe(done(5));
    expect(await agent.closed).toMatchObject({
      code: 1008,
      reason: expect.stringMatching(/^SEKS_LIMIT_TOKENS:/),
    });
    expect(await requestEvent()).toMatchObject({
      tokens: { input: 30, output: 0 },
      code: 'SEKS_LIMIT_TOKENS',
    });
    expect(await sidecar.written()).toMatch(/seks_tokens_total\{[^}]*type="input"\} 30/);
    expect(await attempt()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('that another connection has used up end this one at its next message', async () => {
    await start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const [first, second] = [await pair(), await pair()];
    second.server.socket.send(done(30));
    await second.agent.closed;
    first.agent.socket.send('{"type":"more"}');
    expect((await first.agent.closed).reason).toMatch(/^SEKS_LIMIT_TOKENS:/);
    await expect(first.server.message()).rejects.toThrow('closed');
  });

  test('count what is told after the agent has left', async () => {
    await start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const { agent, server } = await pair();
    agent.socket.send('{"type":"response.create"}');
    await server.text();
    server.socket.pause();
    agent.socket.close(1000);
    await agent.closed;
    server.socket.send(done(30));
    server.socket.resume();
    expect(await requestEvent()).toMatchObject({ tokens: { input: 30, output: 0 } });
    expect(await attempt()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('count a guess where the agent does not wait for the end', async () => {
    await start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const { agent, server } = await pair();
    agent.socket.send(`{"type":"response.create","input":"${'x'.repeat(40)}"}`);
    await server.text();
    server.socket.send(`{"type":"response.output_text.delta","delta":"${'y'.repeat(40)}"}`);
    await agent.text();
    agent.socket.terminate();
    expect(await requestEvent()).toMatchObject({ tokens: { input: 20, output: 10 }, partial: true });
    expect(await attempt()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('of dollars keep tokens at the price of the model that used them', async () => {
    await start([limited({ usdPerDay: '1' })], { wallClock: () => 0 });
    const { agent, server } = await pair('/openai/v1/responses?model=dear-1');
    server.socket.send(done(500, '"model":"dear-1",'));
    await agent.text();
    agent.socket.send('{"type":"response.create","model":"cheap-1"}');
    await server.text();
    server.socket.send(done(1, '"model":"cheap-1",'));
    await agent.text();
    server.socket.send(done(500, '"model":"dear-1",'));
    await agent.text();
    expect((await agent.closed).reason).toMatch(/^SEKS_LIMIT_COST:/);
    expect(await requestEvent()).toMatchObject({ costUsd: '1.000001' });
  });

  test('of dollars go by the name that was asked for where the provider’s own has no price', async () => {
    await start([limited({ usdPerDay: '1' })], { wallClock: () => 0 });
    const { agent, server } = await pair('/openai/v1/responses?model=dear-1');
    server.socket.send(done(500, '"model":"internal-name",'));
    await agent.text();
    agent.socket.close(1000);
    expect(await requestEvent()).toMatchObject({ costUsd: '0.5' });
  });

  test('S15: are asked when a late token has come, before the key', async () => {
    await start([{ ...elevenlabs(), limits: { concurrentRequests: 1 } }]);
    const [one, first] = [await dial('/elevenlabs/v1/speech/v1'), await upstream.next()];
    one.socket.send(`{"xi_api_key":"${otherToken}"}`);
    await first.text();
    const [two, second] = [await dial('/elevenlabs/v1/speech/v1'), await upstream.next()];
    two.socket.send(`{"xi_api_key":"${otherToken}"}`);
    expect((await two.closed).reason).toMatch(/^SEKS_LIMIT_CONCURRENCY:/);
    await expect(second.message()).rejects.toThrow('closed');
  });
});

describe('models', () => {
  const choosy = (): StaticCredential => openai({ models: ['cheap-*'] });
  const attempt = async (query: string) =>
    codeOfRefusal(dial(`/openai/v1/realtime${query}`, { authorization: `Bearer ${token}` }));

  test('in the query are checked before the provider hears of it', async () => {
    await start([choosy()]);
    expect(await attempt('?model=dear-1')).toBe('SEKS_MODEL_DENIED');
    expect(await attempt('?model=cheap-1&model=dear-1')).toBe('SEKS_MODEL_DENIED');
    expect(await requestEvent()).toMatchObject({ decision: 'deny', code: 'SEKS_MODEL_DENIED', status: 403 });
    expect(upstream.seen).toEqual([]);
    await pair('/openai/v1/realtime?model=cheap-1');
  });

  test.each([
    ['SEKS_MODEL_DENIED', '?api-version=1&deployment=dear-1'],
    ['SEKS_MODEL_DENIED', '?model=cheap-1&deployment=dear-1'],
    ['SEKS_MODEL_DENIED', '?Deployment=dear-1&deployment=cheap-1'],
    ['SEKS_MODEL_DENIED', '?MODEL=dear-1'],
    ['SEKS_MODEL_MISSING', '?x=1;model=cheap-1'],
    ['SEKS_MODEL_MISSING', '?model=cheap-1;model=dear-1'],
  ])('in the query as any provider may read it: %s for %s', async (code, query) => {
    await start([choosy()]);
    expect(await attempt(query)).toBe(code);
    expect(upstream.seen).toEqual([]);
  });

  test('named by the handshake need not be named again', async () => {
    await start([choosy()]);
    const { agent, server } = await pair('/openai/v1/realtime?deployment=cheap-1');
    agent.socket.send('{"type":"response.create"}');
    expect(await server.text()).toBe('{"type":"response.create"}');
  });

  test('of Gemini are priced by the setup, and not by what tools answer', async () => {
    const spec: Partial<ProviderSpec> = { usage: { format: 'Gemini' } };
    await start([openai({ provider: provider('openai', spec), limits: { usdPerDay: '1' } })], {
      wallClock: () => 0,
    });
    const { agent, server } = await pair('/openai/v1/live?model=cheap-1');
    agent.socket.send('{"setup":{"model":"models/dear-1"}}');
    await server.text();
    agent.socket.send('{"toolResponse":{"functionResponses":[{"response":{"model":"cheap-1"}}]}}');
    await server.text();
    server.socket.send('{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":500}}');
    await agent.text();
    agent.socket.close(1000);
    expect(await requestEvent()).toMatchObject({ costUsd: '0.5' });
  });

  test('in messages are checked one by one', async () => {
    await start([choosy()]);
    const { agent, server } = await pair('/openai/v1/responses');
    agent.socket.send('{"type":"response.create","model":"cheap-1"}');
    expect(await server.text()).toContain('cheap-1');
    agent.socket.send('{"type":"session.update","session":{"model":"dear-1"}}');
    expect(await agent.closed).toMatchObject({
      code: 1008,
      reason: expect.stringMatching(/^SEKS_MODEL_DENIED:/),
    });
    await expect(server.message()).rejects.toThrow('closed');
    expect(await requestEvent()).toMatchObject({ decision: 'allow', code: 'SEKS_MODEL_DENIED', status: 101 });
  });

  test('have to be named before anything else is said', async () => {
    await start([choosy()]);
    const { agent } = await pair('/openai/v1/responses');
    agent.socket.send('{"type":"hello"}');
    expect((await agent.closed).reason).toMatch(/^SEKS_MODEL_MISSING:/);
  });

  test('without a price are refused where dollars are limited', async () => {
    await start([openai({ limits: { usdPerDay: '1' } })]);
    expect(await attempt('?model=free-1')).toBe('SEKS_MODEL_UNPRICED');
  });

  test('that a new lease does not allow any more are refused on open connections', async () => {
    await start([openai()]);
    const { agent, server } = await pair('/openai/v1/realtime?model=dear-1');
    agent.socket.send('{"type":"a"}');
    await server.text();
    sidecar.holder.replace(sidecar.holder.state, lease([choosy()]));
    agent.socket.send('{"type":"b"}');
    expect((await agent.closed).reason).toMatch(/^SEKS_MODEL_DENIED:/);
  });
});

describe('the way back', () => {
  test('S10: text, binary, ping, pong and close reason are scrubbed, and every hit is counted', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    const stars = '*'.repeat(KEY.length);
    server.socket.send(`{"echo":"${KEY}","again":"${KEY}"}`);
    expect(await agent.text()).toBe(`{"echo":"${stars}","again":"${stars}"}`);
    const binary = Buffer.concat([Buffer.from([0, 255]), Buffer.from(KEY), Buffer.from([128])]);
    server.socket.send(binary, { binary: true });
    const scrubbed = Buffer.concat([Buffer.from([0, 255]), Buffer.from(stars), Buffer.from([128])]);
    expect(await agent.message()).toEqual({ data: scrubbed, binary: true });
    const controls = Promise.all([once(agent.socket, 'ping'), once(agent.socket, 'pong')]);
    server.socket.ping(`p ${KEY}`);
    server.socket.pong(`q ${KEY}`);
    expect((await controls).map(String)).toEqual([`p ${stars}`, `q ${stars}`]);
    server.socket.close(4001, `bye ${KEY}`);
    expect(await agent.closed).toEqual({ code: 4001, reason: `bye ${stars}` });
    expect(await requestEvent()).toMatchObject({ scrubbed: 6, status: 101 });
    expect(sidecar.audit.map(({ action }) => action)).toEqual(['leak_scrubbed', 'request']);
    expect(await sidecar.written()).toMatch(/seks_leak_scrubbed_total\{[^}]*\} 6/);
  });

  test('S10: a message in fragments is scrubbed as a whole', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    server.socket.send(KEY.slice(0, 9), { fin: false });
    server.socket.send(KEY.slice(9), { fin: true });
    expect(await agent.text()).toBe('*'.repeat(KEY.length));
  });

  test.each([
    ['agent', 1000],
    ['server', 1000],
    ['agent', 1001],
    ['agent', undefined],
  ] as const)('closed by the %s with %s is audited as complete', async (side, code) => {
    await start([openai()]);
    const peers = await pair();
    peers[side].socket.close(code);
    await peers[side === 'agent' ? 'server' : 'agent'].closed;
    const event = await requestEvent();
    expect(event).toMatchObject({ method: 'GET', route: '/v1/**', decision: 'allow', status: 101 });
    expect(event).not.toHaveProperty('partial');
    expect(event).not.toHaveProperty('code');
  });

  test('broken off is audited as partial', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    server.socket.terminate();
    expect(await agent.closed).toMatchObject({ code: 1006 });
    expect(await requestEvent()).toMatchObject({ status: 101, partial: true });
  });
});

describe('S12: an open connection ends', () => {
  test('when the binding is suspended, at once and with the reason', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    sidecar.holder.revoke('b-openai', new SeksError('SEKS_BINDING_SUSPENDED'));
    const [atAgent, atServer] = await Promise.all([agent.closed, server.closed]);
    expect(atAgent).toMatchObject({ code: 1008, reason: expect.stringMatching(/^SEKS_BINDING_SUSPENDED:/) });
    expect(atServer.code).toBe(1006);
    expect(await requestEvent()).toMatchObject({
      code: 'SEKS_BINDING_SUSPENDED',
      status: 101,
      partial: true,
    });
  });

  test('when the binding is suspended while the provider is being connected to', async () => {
    await start([openai()]);
    const arrived = Promise.withResolvers<void>();
    upstream.onUpgrade(() => arrived.resolve());
    const refused = refusal(dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    await arrived.promise;
    sidecar.holder.revoke('b-openai', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(await refused).toMatchObject({
      status: 403,
      headers: { 'x-seks-error': 'SEKS_BINDING_SUSPENDED' },
    });
  });

  test('when the binding is suspended after the key was exchanged', async () => {
    await start([openai()]);
    const { agent } = await pair();
    sidecar.holder.replace(sidecar.holder.state, lease([openai({ key: `${KEY}-new` })]));
    sidecar.holder.revoke('b-openai', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect((await agent.closed).reason).toMatch(/^SEKS_BINDING_SUSPENDED:/);
  });

  test('when a new lease does not have the credential', async () => {
    await start([openai()]);
    const { agent } = await pair();
    sidecar.holder.replace(sidecar.holder.state, lease([elevenlabs()]));
    expect((await agent.closed).reason).toMatch(/^SEKS_CREDENTIAL_REMOVED:/);
  });

  test('when a new lease does not allow the route, with the next message', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    sidecar.holder.replace(sidecar.holder.state, lease([openai({ allow: [] })]));
    agent.socket.send('x');
    expect((await agent.closed).reason).toMatch(/^SEKS_ROUTE_DENIED:/);
    await expect(server.message()).rejects.toThrow('closed');
  });

  test('when the lease has run out', async () => {
    const scheduler = createManualScheduler();
    await start([openai()], { scheduler, expiresAtMs: 900_000 - 1 });
    const { agent } = await pair();
    const ended = agent.closed;
    await scheduler.advance(900_000 - 1);
    expect((await ended).reason).toMatch(/^SEKS_LEASE_EXPIRED:/);
  });

  test('S10: but an exchanged key is still written over', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    sidecar.holder.replace(sidecar.holder.state, lease([openai({ key: `new-${'x'.repeat(20)}` })]));
    agent.socket.send('{}');
    await server.text();
    server.socket.send(KEY);
    expect(await agent.text()).toBe('*'.repeat(KEY.length));
  });
});

describe('messages that are too long', () => {
  test.each(['agent', 'server'] as const)('from the %s end the connection with a code', async (side) => {
    await start([openai()]);
    const peers = await pair();
    const socket = peers[side].socket as unknown as { _socket: { write(bytes: Buffer): void } };
    // The head of a frame of 65 MiB: what counts is what it announces.
    const head = Buffer.from([
      0x82,
      side === 'agent' ? 0xff : 0x7f,
      0,
      0,
      0,
      0,
      0x04,
      0x10,
      0,
      0,
      0,
      0,
      0,
      0,
    ]);
    socket._socket.write(head);
    expect(await peers[side].closed).toMatchObject({ code: 1009 });
    expect(await requestEvent()).toMatchObject({ code: 'SEKS_MESSAGE_TOO_LARGE', status: 101 });
  });
});

describe('draining', () => {
  test('S14: lets open connections end, and takes no new ones', async () => {
    await start([openai()]);
    const { agent, server } = await pair();
    const kept = connect(sidecar.port, '127.0.0.1');
    await once(kept, 'connect');
    const answered = once(kept.setEncoding('latin1'), 'data');
    // A connection of which something is known is waited for; the others are closed.
    kept.write('GET /openai/v1/realtime HTTP/1.1\r\n');
    await sidecar.raw(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${sidecar.port}\r\n\r\n`);
    const drained = sidecar.side.drain();
    kept.write(
      `Host: 127.0.0.1:${sidecar.port}\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    expect(String(await answered)).toMatch(/^HTTP\/1\.1 503 [^]*x-seks-error: SEKS_SHUTTING_DOWN/);
    agent.socket.send('still here');
    expect(await server.text()).toBe('still here');
    agent.socket.close(1000);
    await drained;
    expect(sidecar.audit.at(-1)).toMatchObject({ status: 101, decision: 'allow' });
  });
});
