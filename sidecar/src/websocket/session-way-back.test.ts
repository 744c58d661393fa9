// What comes back from the provider is scrubbed, to the last frame; and the session is audited.
import { once } from 'node:events';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { KEY, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('the way back', () => {
  test('S10: text, binary, ping, pong and close reason are scrubbed, and every hit is counted', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
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
    expect(await rig.requestEvent()).toMatchObject({ scrubbed: 6, status: 101 });
    expect(rig.sidecar.audit.map(({ action }) => action)).toEqual(['leak_scrubbed', 'request']);
    expect(await rig.sidecar.written()).toMatch(/seks_leak_scrubbed_total\{[^}]*\} 6/);
  });

  test('S10: a message in fragments is scrubbed as a whole', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
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
    await rig.start([rig.openai()]);
    const peers = await rig.pair();
    peers[side].socket.close(code);
    await peers[side === 'agent' ? 'server' : 'agent'].closed;
    const event = await rig.requestEvent();
    expect(event).toMatchObject({ method: 'GET', route: '/v1/**', decision: 'allow', status: 101 });
    expect(event).not.toHaveProperty('partial');
    expect(event).not.toHaveProperty('code');
  });

  test('broken off is audited as partial', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
    server.socket.terminate();
    expect(await agent.closed).toMatchObject({ code: 1006 });
    expect(await rig.requestEvent()).toMatchObject({ status: 101, partial: true });
  });
});
