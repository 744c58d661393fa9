// How a relay ends: by a close frame, by what breaks the protocol, by want of memory, or by itself.
import { once } from 'node:events';
import type { Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { eventually } from '../testing/eventually.ts';
import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { ConnectionRefusal } from './message.ts';
import { createRelayMemory } from './relay-memory.ts';
import { receive } from './testing/receive.ts';
import { type RelayRig, startRelayRig } from './testing/relay-rig.ts';

let rig: RelayRig;

beforeAll(async () => {
  rig = await startRelayRig();
});
afterEach(() => rig.reset());
afterAll(async () => rig.close());

describe('closing', () => {
  const cases: [sent: number | undefined, arrives: number][] = [
    [undefined, 1005],
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].map(
      (code): [number, number] => [code, code],
    ),
    ...[3000, 3999, 4000, 4004, 4999].map((code): [number, number] => [code, code]),
  ];
  for (const from of ['agent', 'provider'] as const) {
    test.each(cases)(`code %s of the ${from} arrives as %s`, async (sent, arrives) => {
      const { agent, provider, record } = await rig.pair();
      const [near, far] = from === 'agent' ? [agent, provider] : [provider, agent];
      const closed = once(far, 'close');
      if (sent === undefined) near.close();
      else near.close(sent, 'so long ✓');
      const [code, reason] = (await closed) as [number, Buffer];
      expect(code).toBe(arrives);
      expect(reason.toString()).toBe(sent === undefined ? '' : 'so long ✓');
      expect(await record.closed).toMatchObject({ code: arrives });
      expect(record.events).toEqual(['opened', 'closed']);
    });
  }

  test('messages before the close frame still arrive', async () => {
    const { agent, provider } = await rig.pair();
    const received = receive(agent, 100);
    for (let i = 0; i < 100; i += 1) provider.send(Buffer.alloc(50_000, i));
    provider.close(1000);
    expect((await received).map(({ data }) => data[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('the provider breaks: so does the agent’s side, without a close frame', async () => {
    const { agent, provider, record } = await rig.pair();
    const closed = once(agent, 'close');
    provider.terminate();
    expect((await closed)[0]).toBe(1006);
    expect((await record.closed).code).toBe(1006);
  });

  test('the agent breaks: the provider is left at once', async () => {
    const { agent, provider, record } = await rig.pair();
    const closed = once(provider, 'close');
    const startedMs = performance.now();
    agent.terminate();
    expect((await closed)[0]).toBe(1006);
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect((await record.closed).code).toBe(1006);
  });
});

describe('broken frames', () => {
  const BAD_OPCODE = Buffer.from([0x83, 0x80, 0, 0, 0, 0]);

  test('of the agent: 1002 to it, 1001 to the provider', async () => {
    const agent = rig.rawAgent();
    const provider = await rig.nextProvider();
    const closed = once(provider, 'close');
    await once(agent, 'data');
    const answered = once(agent, 'data');
    agent.write(BAD_OPCODE);
    expect((await closed)[0]).toBe(1001);
    const [frame] = (await answered) as [Buffer];
    expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, 1002]);
    agent.end();
    const [record] = rig.records;
    expect((await record?.closed)?.code).toBe(1002);
    expect(record?.failed?.code).toBe('SEKS_REQUEST_MALFORMED');
  });

  test('an unmasked frame of the agent is one', async () => {
    const agent = rig.rawAgent();
    const provider = await rig.nextProvider();
    const closed = once(provider, 'close');
    await once(agent, 'data');
    agent.write(Buffer.from([0x81, 0x01, 0x61]));
    expect((await closed)[0]).toBe(1001);
    agent.end();
  });

  test('of the provider: 1002 to it, 1011 to the agent', async () => {
    const { agent, provider, record } = await rig.pair();
    const closed = Promise.all([once(agent, 'close'), once(provider, 'close')]);
    const [socket] = rig.providerSockets;
    socket?.write(Buffer.from([0x83, 0x00]));
    const [[agentCode, reason], [providerCode]] = (await closed) as [[number, Buffer], [number, Buffer]];
    expect([agentCode, providerCode]).toEqual([1011, 1002]);
    expect(reason.toString()).toMatch(/^SEKS_UPSTREAM_UNREACHABLE: /);
    expect(record.failed?.code).toBe('SEKS_UPSTREAM_UNREACHABLE');
  });

  test('text that is not UTF-8 ends with 1007', async () => {
    const { agent, provider, record } = await rig.pair();
    const closed = Promise.all([once(agent, 'close'), once(provider, 'close')]);
    agent.send(Buffer.from([0x61, 0xff]), { binary: false });
    expect((await closed).map(([code]) => code)).toEqual([1007, 1001]);
    expect((await record.closed).code).toBe(1007);
  });

  test('a message that is too long ends with 1009, also in fragments', async () => {
    rig.settings = { maxMessageBytes: 1000 };
    const { agent, provider, record } = await rig.pair();
    const closed = Promise.all([once(agent, 'close'), once(provider, 'close')]);
    provider.send(Buffer.alloc(600), { fin: false });
    provider.send(Buffer.alloc(600), { fin: true });
    expect((await closed).map(([code]) => code)).toEqual([1011, 1009]);
    expect((await record.closed).code).toBe(1009);
  });
});

describe('messages that do not come to their end', () => {
  const part = Buffer.alloc(60_000);

  test.each([
    ['agent', [1009, 1001]],
    ['provider', [1011, 1009]],
  ] as const)('of the %s end its connection where all together are too much', async (side, codes) => {
    rig.memory = createRelayMemory(100_000);
    const [one, two] = [await rig.pair(), await rig.pair()];
    const first = receive(one[side === 'agent' ? 'provider' : 'agent'], 1);
    one[side].send(part, { fin: false });
    const { memory } = rig;
    await eventually(() => expect(memory.taken).toBeGreaterThan(60_000));
    const closed = Promise.all([once(two.agent, 'close'), once(two.provider, 'close')]);
    two[side].send(part, { fin: false });
    const [[agentCode, reason], [providerCode]] = (await closed) as [[number, Buffer], [number, Buffer]];
    expect([agentCode, providerCode]).toEqual(codes);
    expect(reason.toString()).toMatch(/^SEKS_BODY_POOL_FULL: /);
    expect(await two.record.closed).toMatchObject({ code: 1009 });
    expect(two.record.failed?.code).toBe('SEKS_BODY_POOL_FULL');
    // The other one has its room, and gives it back when it is done.
    one[side].send('!', { fin: true });
    expect((await first)[0]?.data.length).toBe(60_001);
    await eventually(() => expect(memory.taken).toBe(0));
  });

  test('are not read on, and cut off where nobody closes', async () => {
    rig.memory = createRelayMemory(1_000);
    const agent = rig.rawAgent();
    const provider = await rig.nextProvider();
    await once(agent, 'data');
    // It may well be reset while it sends.
    const reset = new Promise((resolve) => agent.on('close', resolve));
    const closed = Promise.all([reset, once(provider, 'close')]);
    agent.resume();
    // A frame of 20 MiB. An honest peer would answer the close frame.
    const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x01, 0x40, 0, 0, 0, 0, 0, 0]);
    agent.write(Buffer.concat([head, Buffer.alloc(0x01_40_00_00)]));
    await closed;
    const [record] = rig.records;
    await record?.closed;
    const socket = record?.socket as Socket | undefined;
    expect(socket?.bytesRead).toBeLessThan(1_048_576);
    expect(rig.memory.taken).toBe(0);
  });

  test('free their memory when the connection breaks', async () => {
    const { agent, record } = await rig.pair();
    agent.send(part, { fin: false });
    const { memory } = rig;
    await eventually(() => expect(memory.taken).toBeGreaterThan(60_000));
    agent.terminate();
    await record.closed;
    expect(memory.taken).toBe(0);
  });
});

test('what the provider says after the agent has left is still looked at', async () => {
  const seen: string[] = [];
  rig.settings = {
    toClient(message) {
      seen.push(message.data.toString());
      return message;
    },
  };
  const { agent, provider, record } = await rig.pair();
  provider.pause();
  const closed = once(agent, 'close');
  agent.close(1000);
  await closed;
  provider.send('usage');
  provider.resume();
  expect(await record.closed).toMatchObject({ code: 1000, messagesToClient: 0 });
  expect(seen).toEqual(['usage']);
});

describe('ends by the relay', () => {
  test('an error for the agent’s message closes both sides and tells the agent the code', async () => {
    rig.settings = {
      toUpstream() {
        throw new SeksError('SEKS_TOKEN_UNKNOWN');
      },
    };
    const { agent, provider, record } = await rig.pair();
    const closed = Promise.all([once(agent, 'close'), once(provider, 'close')]);
    agent.send('x');
    agent.send('y');
    const [[agentCode, reason], [providerCode]] = (await closed) as [[number, Buffer], [number, Buffer]];
    expect([agentCode, providerCode]).toEqual([1008, 1001]);
    expect(reason.toString()).toBe('SEKS_TOKEN_UNKNOWN: The credential is not a token of this pod.');
    await record.closed;
    expect(record.events).toEqual(['opened', 'failed', 'closed']);
  });

  test('a refusal brings its own close code', async () => {
    rig.settings = {
      toUpstream() {
        throw new ConnectionRefusal(new SeksError('SEKS_TOKEN_MISSING'), 4004);
      },
    };
    const { agent, record } = await rig.pair();
    const closed = once(agent, 'close');
    agent.send('x');
    expect((await closed)[0]).toBe(4004);
    expect((await record.closed).code).toBe(4004);
    expect(record.failed?.code).toBe('SEKS_TOKEN_MISSING');
  });

  test('a bug in a transform is an internal error, not a crash', async () => {
    rig.settings = {
      toClient() {
        throw new TypeError('bug');
      },
    };
    const { agent, provider, record } = await rig.pair();
    const closed = once(agent, 'close');
    provider.send('x');
    expect((await closed)[0]).toBe(1011);
    expect(record.failed?.code).toBe('SEKS_INTERNAL');
  });

  test('S12: a cut ends both sides at once', async () => {
    const { agent, provider, record } = await rig.pair();
    const closed = Promise.all([once(agent, 'close'), once(provider, 'close')]);
    record.relay.cut('SEKS_BINDING_SUSPENDED');
    const [[agentCode, reason], [providerCode]] = (await closed) as [[number, Buffer], [number, Buffer]];
    expect([agentCode, providerCode]).toEqual([1008, 1006]);
    expect(reason.toString()).toMatch(/^SEKS_BINDING_SUSPENDED: /);
    expect((await record.closed).code).toBe(1008);
    expect(record.failed?.code).toBe('SEKS_BINDING_SUSPENDED');
  });

  test('S12: a cut does not wait for an agent that ignores it', async () => {
    const agent = rig.rawAgent();
    const provider = await rig.nextProvider();
    await once(agent, 'data');
    const [record] = rig.records;
    const closed = once(provider, 'close');
    const startedMs = performance.now();
    record?.relay.cut('SEKS_BINDING_SUSPENDED');
    await closed;
    await record?.closed;
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });

  test('idle connections end, others do not', async () => {
    const scheduler = createManualScheduler();
    rig.settings = { scheduler, idleTimeoutMs: 60_000 };
    const { agent, provider, record } = await rig.pair();
    await scheduler.advance(50_000);
    const pinged = once(provider, 'ping');
    agent.ping();
    await pinged;
    await scheduler.advance(59_000);
    expect(record.events).toEqual(['opened']);
    const closed = Promise.all([once(agent, 'close'), once(provider, 'close')]);
    await scheduler.advance(1_000);
    expect((await closed).map(([code]) => code)).toEqual([1011, 1001]);
    expect(record.failed?.code).toBe('SEKS_UPSTREAM_TIMEOUT');
    await record.closed;
    expect(scheduler.pending()).toEqual([]);
  });
});
