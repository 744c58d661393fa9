// Messages, pings and pongs through a relay, with real sockets and real TLS.
import { once } from 'node:events';
import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { Message } from './message.ts';
import { receive } from './testing/receive.ts';
import { type RelayRig, startRelayRig } from './testing/relay-rig.ts';

let rig: RelayRig;

beforeAll(async () => {
  rig = await startRelayRig();
});
afterEach(() => rig.reset());
afterAll(async () => rig.close());

describe('messages', () => {
  test('any sequence arrives in order and byte for byte, both ways at once', async () => {
    const { agent, provider, record } = await rig.pair();
    const message = fc.oneof(
      fc
        .string({ unit: 'grapheme', maxLength: 300 })
        .map((text) => ({ data: Buffer.from(text), binary: false })),
      fc.uint8Array({ maxLength: 70_000 }).map((bytes) => ({ data: Buffer.from(bytes), binary: true })),
    );
    let up = 0;
    let down = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(message), fc.array(message), async (toProvider, toAgent) => {
        const received = [receive(provider, toProvider.length), receive(agent, toAgent.length)];
        for (const { data, binary } of toProvider) agent.send(data, { binary });
        for (const { data, binary } of toAgent) provider.send(data, { binary });
        expect(await Promise.all(received)).toEqual([toProvider, toAgent]);
        up += toProvider.length;
        down += toAgent.length;
      }),
      { numRuns: 60 },
    );
    agent.close(1000);
    expect(await record.closed).toEqual({ code: 1000, messagesToUpstream: up, messagesToClient: down });
  });

  test('10 MiB in one message, both ways', async () => {
    const { agent, provider } = await rig.pair();
    const data = Buffer.alloc(10_485_760, 'The quick brown fox. ');
    const received = [receive(provider, 1), receive(agent, 1)];
    agent.send(data, { binary: false });
    provider.send(data, { binary: true });
    const [[up], [down]] = (await Promise.all(received)) as [Message[], Message[]];
    expect(up?.binary).toBe(false);
    expect(up?.data.equals(data)).toBe(true);
    expect(down?.binary).toBe(true);
    expect(down?.data.equals(data)).toBe(true);
  });

  test('fragments are put together', async () => {
    const { agent, provider } = await rig.pair();
    const received = receive(provider, 1);
    for (const [part, fin] of [
      ['{"a', false],
      ['":', false],
      ['1}', true],
    ] as const)
      agent.send(part, { binary: false, fin });
    expect(await received).toEqual([{ data: Buffer.from('{"a":1}'), binary: false }]);
  });

  test('what the provider sends with its 101 is not lost', async () => {
    rig.onUpgrade((request, socket, head) => {
      // Handshake and frames leave in one packet.
      socket.cork();
      rig.accept(request, socket, head);
      void sendEarly(socket);
    });
    const sendEarly = async (socket: Socket): Promise<void> => {
      const provider = await rig.nextProvider();
      for (let i = 0; i < 5; i += 1) provider.send(`early ${i}`);
      socket.uncork();
    };
    const agent = rig.agent();
    const messages = await receive(agent, 5);
    expect(messages.map(({ data }) => data.toString())).toEqual([0, 1, 2, 3, 4].map((i) => `early ${i}`));
  });

  test('what the agent sends before its handshake is answered is not lost', async () => {
    rig.rawAgent(maskedText('hasty'));
    const provider = await rig.nextProvider();
    expect(await receive(provider, 1)).toEqual([{ data: Buffer.from('hasty'), binary: false }]);
  });

  test('transforms replace and drop', async () => {
    rig.settings = {
      toUpstream: ({ data, binary }) =>
        data.includes('drop') ? undefined : { data: Buffer.concat([data, data]), binary },
      toClient: () => ({ data: Buffer.from('****'), binary: true }),
    };
    const { agent, provider, record } = await rig.pair();
    const received = [receive(provider, 1), receive(agent, 1)];
    agent.send('drop me');
    agent.send('ab');
    provider.send('leak');
    expect(await Promise.all(received)).toEqual([
      [{ data: Buffer.from('abab'), binary: false }],
      [{ data: Buffer.from('****'), binary: true }],
    ]);
    provider.close(1000);
    expect((await record.closed).messagesToUpstream).toBe(1);
  });

  test('S10: compression is agreed with neither side', async () => {
    const agent = rig.agent([], { perMessageDeflate: true });
    const [provider] = await Promise.all([rig.nextProvider(), once(agent, 'open')]);
    expect([agent.extensions, provider.extensions]).toEqual(['', '']);
    expect(rig.seen[0]?.headers['sec-websocket-extensions']).toBeUndefined();
  });
});

describe('ping and pong', () => {
  test('pass with their payload, and only the far side answers', async () => {
    const { agent, provider } = await rig.pair();
    const pinged = [once(provider, 'ping'), once(agent, 'ping')];
    agent.ping('from agent');
    provider.ping('from provider');
    expect((await Promise.all(pinged)).map(([payload]) => String(payload))).toEqual([
      'from agent',
      'from provider',
    ]);
    const ponged = [once(agent, 'pong'), once(provider, 'pong')];
    provider.pong('to agent');
    agent.pong('to provider');
    // An answer of the relay itself would have come first, with the payload of the ping.
    expect((await Promise.all(ponged)).map(([payload]) => String(payload))).toEqual([
      'to agent',
      'to provider',
    ]);
  });

  test('S10: what the provider puts into control frames is scrubbed', async () => {
    rig.settings = { controlToClient: (payload) => Buffer.alloc(payload.length, '*') };
    const { agent, provider } = await rig.pair();
    const frames = Promise.all([once(agent, 'ping'), once(agent, 'pong'), once(agent, 'close')]);
    provider.ping('key');
    provider.pong('keys');
    provider.close(4001, 'key key');
    expect((await frames).map((values) => String(values.at(-1)))).toEqual(['***', '****', '*******']);
  });

  test('a scrubber that fails ends the connection', async () => {
    rig.settings = {
      controlToClient() {
        throw new TypeError('bug');
      },
    };
    const { agent, provider, record } = await rig.pair();
    const closed = once(agent, 'close');
    provider.ping('key');
    expect((await closed)[0]).toBe(1011);
    expect(record.failed?.code).toBe('SEKS_INTERNAL');
  });
});

/** a text frame of a client, masked with zeros */
function maskedText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}
