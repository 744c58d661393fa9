// What happens before both sides are open: refusals, time-outs, agents that leave, sub-protocols.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent } from 'node:https';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { protocolForAgent } from './subprotocol.ts';
import { type RelayRig, startRelayRig } from './testing/relay-rig.ts';

let rig: RelayRig;

beforeAll(async () => {
  rig = await startRelayRig();
});
afterEach(() => rig.reset());
afterAll(async () => rig.close());

/** status, headers and body of the HTTP answer that an agent got instead of a WebSocket */
async function refusedAgent(): Promise<{
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}> {
  const agent = rig.agent();
  const [, response] = (await once(agent, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  response.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await once(response, 'end');
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

describe('refused by the provider', () => {
  test('status, headers and body reach the agent as HTTP', async () => {
    rig.onUpgrade((_, socket) => {
      socket.end(
        'HTTP/1.1 429 Slow down\r\nretry-after: 7\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwait!\r\n0\r\n\r\n',
      );
    });
    const answer = await refusedAgent();
    expect(answer).toMatchObject({ status: 429, body: 'wait!' });
    expect(answer.headers).toMatchObject({ 'retry-after': '7', 'content-length': '5', connection: 'close' });
    const [record] = rig.records;
    expect(record?.events).toEqual(['refused', 'closed']);
    expect(record?.refused).toMatchObject({ status: 429, statusText: 'Slow down', truncated: false });
    expect(record?.summary).toEqual({ code: 1006, messagesToUpstream: 0, messagesToClient: 0 });
  });

  test('no more of the body is read than asked for', async () => {
    rig.settings = { maxErrorBodyBytes: 10 };
    rig.onUpgrade((_, socket) => {
      socket.write('HTTP/1.1 401 No\r\ncontent-length: 1000000\r\n\r\n' + 'x'.repeat(5000));
    });
    expect(await refusedAgent()).toMatchObject({ status: 401, body: 'x'.repeat(10) });
    expect(rig.records[0]?.refused?.truncated).toBe(true);
  });

  test('a redirect is an answer like any other', async () => {
    rig.onUpgrade((_, socket) => {
      socket.end('HTTP/1.1 307 Elsewhere\r\nlocation: wss://evil.example/\r\ncontent-length: 0\r\n\r\n');
    });
    expect(await refusedAgent()).toMatchObject({ status: 307 });
    expect(rig.seen).toHaveLength(1);
  });

  test('an answer that breaks off is an error', async () => {
    rig.onUpgrade((_, socket) => {
      socket.write('HTTP/1.1 401 No\r\ncontent-length: 100\r\n\r\nabc', () => socket.destroy());
    });
    expect(await refusedAgent()).toMatchObject({
      status: 502,
      headers: { 'x-seks-error': 'SEKS_UPSTREAM_UNREACHABLE' },
    });
    expect(rig.records[0]?.events).toEqual(['failed', 'closed']);
  });
});

describe('a provider that does not come to a handshake', () => {
  test('silence ends with SEKS_UPSTREAM_TIMEOUT after 10 s', async () => {
    const scheduler = createManualScheduler();
    rig.settings = { scheduler };
    const asked = Promise.withResolvers<void>();
    rig.onUpgrade(() => asked.resolve());
    const answer = refusedAgent();
    await asked.promise;
    await scheduler.advance(9_999);
    expect(rig.records[0]?.events).toEqual([]);
    await scheduler.advance(1);
    expect(await answer).toMatchObject({ status: 504, headers: { 'x-seks-error': 'SEKS_UPSTREAM_TIMEOUT' } });
    expect(scheduler.pending()).toEqual([]);
  });

  test('the body of a refusal counts for the same 10 s', async () => {
    const scheduler = createManualScheduler();
    rig.settings = { scheduler };
    const asked = Promise.withResolvers<void>();
    rig.onUpgrade((_, socket) => {
      socket.write('HTTP/1.1 401 No\r\ncontent-length: 100\r\n\r\nabc', () => asked.resolve());
    });
    const answer = refusedAgent();
    await asked.promise;
    await scheduler.advance(10_000);
    expect(await answer).toMatchObject({ status: 504 });
    expect(rig.records[0]?.events).toEqual(['failed', 'closed']);
  });

  test.each([
    ['closes the connection', (socket: { destroy(): unknown }) => socket.destroy()],
    [
      'proves nothing',
      (socket: { write(text: string): unknown }) =>
        socket.write(
          'HTTP/1.1 101 Ok\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n',
        ),
    ],
  ])('one that %s', async (_, act) => {
    rig.onUpgrade((_request, socket) => act(socket));
    expect(await refusedAgent()).toMatchObject({
      status: 502,
      headers: { 'x-seks-error': 'SEKS_UPSTREAM_UNREACHABLE' },
    });
    expect(rig.records[0]?.events).toEqual(['failed', 'closed']);
  });

  test('S6: one with a certificate of nobody we trust', async () => {
    rig.upstream = {
      agent: new Agent({ lookup: (_h, _o, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) }),
    };
    expect(await refusedAgent()).toMatchObject({ headers: { 'x-seks-error': 'SEKS_UPSTREAM_TLS' } });
    expect(rig.seen).toEqual([]);
  });

  test('S6: one without TLS is not called', async () => {
    rig.upstream = { url: new URL('ws://127.0.0.1:1/') };
    expect(await refusedAgent()).toMatchObject({ status: 500, headers: { 'x-seks-error': 'SEKS_INTERNAL' } });
  });

  test('an address that may not be dialled: the error of the agent is kept', async () => {
    class Refusing extends Agent {
      override createConnection(): never {
        throw new SeksError('SEKS_UPSTREAM_ADDRESS_REFUSED');
      }
    }
    rig.upstream = { agent: new Refusing() };
    expect(await refusedAgent()).toMatchObject({
      headers: { 'x-seks-error': 'SEKS_UPSTREAM_ADDRESS_REFUSED' },
    });
    expect(rig.records[0]?.events).toEqual(['failed', 'closed']);
  });

  test('a header that cannot be sent', async () => {
    rig.upstream = { headers: { 'x-odd': 'a\r\nb' } };
    expect(await refusedAgent()).toMatchObject({ status: 502 });
  });
});

describe('an agent that leaves early', () => {
  test.each([
    ['breaks', 'destroy'],
    ['ends', 'end'],
  ] as const)('one that %s: the provider is left within a second', async (_, leave) => {
    const asked = Promise.withResolvers<void>();
    const left = Promise.withResolvers<number>();
    rig.onUpgrade((_request, socket) => {
      socket.on('close', () => left.resolve(performance.now()));
      socket.resume();
      asked.resolve();
    });
    const agent = rig.rawAgent();
    await asked.promise;
    const startedMs = performance.now();
    agent[leave]();
    expect((await left.promise) - startedMs).toBeLessThan(1000);
    const [record] = rig.records;
    expect(await record?.closed).toEqual({ code: 1006, messagesToUpstream: 0, messagesToClient: 0 });
    expect(record?.events).toEqual(['closed']);
  });

  test('one that sends without end before it is answered', async () => {
    rig.onUpgrade(() => {});
    const agent = rig.rawAgent();
    const closed = new Promise((resolve) => agent.on('close', resolve));
    agent.write(Buffer.alloc(1_000_000));
    await closed;
    expect(rig.records[0]?.events).toEqual(['closed']);
  });

  test('S12: a cut while the provider is being connected to is answered as HTTP', async () => {
    const asked = Promise.withResolvers<void>();
    rig.onUpgrade(() => asked.resolve());
    const answer = refusedAgent();
    await asked.promise;
    rig.records[0]?.relay.cut('SEKS_BINDING_SUSPENDED');
    expect(await answer).toMatchObject({
      status: 403,
      headers: { 'x-seks-error': 'SEKS_BINDING_SUSPENDED' },
    });
    rig.records[0]?.relay.cut('SEKS_BINDING_SUSPENDED');
    expect(rig.records[0]?.events).toEqual(['failed', 'closed']);
  });
});

describe('sub-protocols', () => {
  const PREFIX = 'openai-insecure-api-key.';
  const offered = ['realtime', `${PREFIX}fake`, 'openai-organization.o'];
  const KEY = 'sk-real';

  async function told(choose: (list: string[]) => string | undefined): Promise<string> {
    rig.upstream = { protocols: ['realtime', `${PREFIX}${KEY}`, 'openai-organization.o'] };
    rig.settings = { chooseProtocol: (chosen) => protocolForAgent(offered, PREFIX, chosen) };
    rig.onUpgrade((request, socket, head) => {
      const list = (request.headers['sec-websocket-protocol'] ?? '').split(',');
      const chosen = choose(list);
      if (chosen === undefined) delete request.headers['sec-websocket-protocol'];
      else request.headers['sec-websocket-protocol'] = chosen;
      rig.accept(request, socket, head);
    });
    const agent = rig.agent(offered);
    return new Promise((resolve) => {
      agent.on('open', () => resolve(agent.protocol));
      agent.on('error', (error) => resolve(error.message));
    });
  }

  test('the provider gets the key, the agent is told the same choice', async () => {
    expect(await told((list) => list[0])).toBe('realtime');
    expect(rig.seen[0]?.headersDistinct['sec-websocket-protocol']).toBeDefined();
    expect(rig.seen[0]?.rawHeaders).toContain(`realtime,${PREFIX}sk-real,openai-organization.o`);
  });

  test('S10: a provider that chooses the protocol with the key: the agent is not told it', async () => {
    expect(await told((list) => list[1])).toBe('realtime');
  });

  test('a provider that chooses none: the agent is told none, and decides', async () => {
    expect(await told(() => undefined)).toBe('Server sent no subprotocol');
    // It got as far as an answer: the relay itself did not give up.
    expect(rig.records[0]?.events[0]).toBe('opened');
  });
});

test('the agent’s headers go to the provider, the relay’s own handshake with them', async () => {
  rig.upstream = {
    headers: { authorization: 'Bearer real', origin: 'https://app.example', 'x-two': ['a', 'b'] },
  };
  await rig.pair();
  const [request] = rig.seen;
  expect(request?.url).toBe('/v1/realtime?model=m');
  expect(request?.headers).toMatchObject({
    authorization: 'Bearer real',
    origin: 'https://app.example',
    'x-two': 'a, b',
  });
  expect(request?.headersDistinct['sec-websocket-version']).toEqual(['13']);
});
