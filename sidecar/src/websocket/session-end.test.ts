// What ends an open session: the binding, the lease, a message that is too long; and that draining does not.
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { KEY, lease, refusal, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();
const { token } = rig;

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('S12: an open connection ends', () => {
  test('when the binding is suspended, at once and with the reason', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
    rig.sidecar.holder.revoke('b-openai', new SeksError('SEKS_BINDING_SUSPENDED'));
    const [atAgent, atServer] = await Promise.all([agent.closed, server.closed]);
    expect(atAgent).toMatchObject({ code: 1008, reason: expect.stringMatching(/^SEKS_BINDING_SUSPENDED:/) });
    expect(atServer.code).toBe(1006);
    expect(await rig.requestEvent()).toMatchObject({
      code: 'SEKS_BINDING_SUSPENDED',
      status: 101,
      partial: true,
    });
  });

  test('when the binding is suspended while the provider is being connected to', async () => {
    await rig.start([rig.openai()]);
    const arrived = Promise.withResolvers<void>();
    rig.upstream.onUpgrade(() => arrived.resolve());
    const refused = refusal(rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    await arrived.promise;
    rig.sidecar.holder.revoke('b-openai', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(await refused).toMatchObject({
      status: 403,
      headers: { 'x-seks-error': 'SEKS_BINDING_SUSPENDED' },
    });
  });

  test('when the binding is suspended after the key was exchanged', async () => {
    await rig.start([rig.openai()]);
    const { agent } = await rig.pair();
    rig.sidecar.holder.replace(rig.sidecar.holder.state, lease([rig.openai({ key: `${KEY}-new` })]));
    rig.sidecar.holder.revoke('b-openai', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect((await agent.closed).reason).toMatch(/^SEKS_BINDING_SUSPENDED:/);
  });

  test('when a new lease does not have the credential', async () => {
    await rig.start([rig.openai()]);
    const { agent } = await rig.pair();
    rig.sidecar.holder.replace(rig.sidecar.holder.state, lease([rig.elevenlabs()]));
    expect((await agent.closed).reason).toMatch(/^SEKS_CREDENTIAL_REMOVED:/);
  });

  test('when a new lease does not allow the route, with the next message', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
    rig.sidecar.holder.replace(rig.sidecar.holder.state, lease([rig.openai({ allow: [] })]));
    agent.socket.send('x');
    expect((await agent.closed).reason).toMatch(/^SEKS_ROUTE_DENIED:/);
    await expect(server.message()).rejects.toThrow('closed');
  });

  test('when the lease has run out', async () => {
    const scheduler = createManualScheduler();
    await rig.start([rig.openai()], { scheduler, expiresAtMs: 900_000 - 1 });
    const { agent } = await rig.pair();
    const ended = agent.closed;
    await scheduler.advance(900_000 - 1);
    expect((await ended).reason).toMatch(/^SEKS_LEASE_EXPIRED:/);
  });

  test('S10: but an exchanged key is still written over', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
    rig.sidecar.holder.replace(
      rig.sidecar.holder.state,
      lease([rig.openai({ key: `new-${'x'.repeat(20)}` })]),
    );
    agent.socket.send('{}');
    await server.text();
    server.socket.send(KEY);
    expect(await agent.text()).toBe('*'.repeat(KEY.length));
  });
});

describe('messages that are too long', () => {
  test.each(['agent', 'server'] as const)('from the %s end the connection with a code', async (side) => {
    await rig.start([rig.openai()]);
    const peers = await rig.pair();
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
    expect(await rig.requestEvent()).toMatchObject({ code: 'SEKS_MESSAGE_TOO_LARGE', status: 101 });
  });
});

describe('draining', () => {
  test('S14: lets open connections end, and takes no new ones', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
    const kept = connect(rig.sidecar.port, '127.0.0.1');
    await once(kept, 'connect');
    const answered = once(kept.setEncoding('latin1'), 'data');
    // A connection of which something is known is waited for; the others are closed.
    kept.write('GET /openai/v1/realtime HTTP/1.1\r\n');
    await rig.sidecar.raw(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${rig.sidecar.port}\r\n\r\n`);
    const drained = rig.sidecar.side.drain();
    kept.write(
      `Host: 127.0.0.1:${rig.sidecar.port}\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    expect(String(await answered)).toMatch(/^HTTP\/1\.1 503 [^]*x-seks-error: SEKS_SHUTTING_DOWN/);
    agent.socket.send('still here');
    expect(await server.text()).toBe('still here');
    agent.socket.close(1000);
    await drained;
    expect(rig.sidecar.audit.at(-1)).toMatchObject({ status: 101, decision: 'allow' });
  });
});
