// What the limits of a credential mean for a session, which is one request and many messages.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Limits } from '@seks/crds';

import type { StaticCredential } from '../testing/static-lease.ts';
import { codeOfRefusal, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();
const { otherToken, token } = rig;

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('limits', () => {
  const limited = (limits: Limits, more: Partial<StaticCredential> = {}) => rig.openai({ limits, ...more });
  const done = (input: number, more = ''): string =>
    `{"type":"response.done","response":{${more}"usage":{"input_tokens":${input},"output_tokens":0,"total_tokens":${input}}}}`;
  const attempt = async () =>
    codeOfRefusal(rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));

  test('of requests count a connection as one', async () => {
    await rig.start([limited({ requestsPerMinute: 1 })], { nowMs: () => 0 });
    const { agent, server } = await rig.pair();
    agent.socket.send('1');
    agent.socket.send('2');
    expect([await server.text(), await server.text()]).toEqual(['1', '2']);
    expect(await attempt()).toBe('SEKS_LIMIT_REQUESTS');
  });

  test('of concurrency are held until the connection has closed', async () => {
    await rig.start([limited({ concurrentRequests: 1 })]);
    const { agent } = await rig.pair();
    expect(await attempt()).toBe('SEKS_LIMIT_CONCURRENCY');
    agent.socket.close(1000);
    await rig.requestEvent(2);
    await rig.pair();
  });

  test('of tokens are kept while the connection lives, and each token counts once', async () => {
    await rig.start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const { agent, server } = await rig.pair();
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
    expect(await rig.requestEvent()).toMatchObject({
      tokens: { input: 30, output: 0 },
      code: 'SEKS_LIMIT_TOKENS',
    });
    expect(await rig.sidecar.written()).toMatch(/seks_tokens_total\{[^}]*type="input"\} 30/);
    expect(await attempt()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('that another connection has used up end this one at its next message', async () => {
    await rig.start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const [first, second] = [await rig.pair(), await rig.pair()];
    second.server.socket.send(done(30));
    await second.agent.closed;
    first.agent.socket.send('{"type":"more"}');
    expect((await first.agent.closed).reason).toMatch(/^SEKS_LIMIT_TOKENS:/);
    await expect(first.server.message()).rejects.toThrow('closed');
  });

  test('count what is told after the agent has left', async () => {
    await rig.start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const { agent, server } = await rig.pair();
    agent.socket.send('{"type":"response.create"}');
    await server.text();
    server.socket.pause();
    agent.socket.close(1000);
    await agent.closed;
    server.socket.send(done(30));
    server.socket.resume();
    expect(await rig.requestEvent()).toMatchObject({ tokens: { input: 30, output: 0 } });
    expect(await attempt()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('count a guess where the agent does not wait for the end', async () => {
    await rig.start([limited({ tokensPerDay: 30 })], { wallClock: () => 0 });
    const { agent, server } = await rig.pair();
    agent.socket.send(`{"type":"response.create","input":"${'x'.repeat(40)}"}`);
    await server.text();
    server.socket.send(`{"type":"response.output_text.delta","delta":"${'y'.repeat(40)}"}`);
    await agent.text();
    agent.socket.terminate();
    expect(await rig.requestEvent()).toMatchObject({ tokens: { input: 20, output: 10 }, partial: true });
    expect(await attempt()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('of dollars keep tokens at the price of the model that used them', async () => {
    await rig.start([limited({ usdPerDay: '1' })], { wallClock: () => 0 });
    const { agent, server } = await rig.pair('/openai/v1/responses?model=dear-1');
    server.socket.send(done(500, '"model":"dear-1",'));
    await agent.text();
    agent.socket.send('{"type":"response.create","model":"cheap-1"}');
    await server.text();
    server.socket.send(done(1, '"model":"cheap-1",'));
    await agent.text();
    server.socket.send(done(500, '"model":"dear-1",'));
    await agent.text();
    expect((await agent.closed).reason).toMatch(/^SEKS_LIMIT_COST:/);
    expect(await rig.requestEvent()).toMatchObject({ costUsd: '1.000001' });
  });

  test('of dollars go by the name that was asked for where the provider’s own has no price', async () => {
    await rig.start([limited({ usdPerDay: '1' })], { wallClock: () => 0 });
    const { agent, server } = await rig.pair('/openai/v1/responses?model=dear-1');
    server.socket.send(done(500, '"model":"internal-name",'));
    await agent.text();
    agent.socket.close(1000);
    expect(await rig.requestEvent()).toMatchObject({ costUsd: '0.5' });
  });

  test('S15: are asked when a late token has come, before the key', async () => {
    await rig.start([{ ...rig.elevenlabs(), limits: { concurrentRequests: 1 } }]);
    const [one, first] = [await rig.dial('/elevenlabs/v1/speech/v1'), await rig.upstream.next()];
    one.socket.send(`{"xi_api_key":"${otherToken}"}`);
    await first.text();
    const [two, second] = [await rig.dial('/elevenlabs/v1/speech/v1'), await rig.upstream.next()];
    two.socket.send(`{"xi_api_key":"${otherToken}"}`);
    expect((await two.closed).reason).toMatch(/^SEKS_LIMIT_CONCURRENCY:/);
    await expect(second.message()).rejects.toThrow('closed');
  });
});
