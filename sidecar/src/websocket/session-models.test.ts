// Which models a session may use, named by its handshake or by its messages.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProviderSpec } from '@seks/crds';

import type { StaticCredential } from '../testing/static-lease.ts';
import { codeOfRefusal, lease, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();
const { token } = rig;

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('models', () => {
  const choosy = (): StaticCredential => rig.openai({ models: ['cheap-*'] });
  const attempt = async (query: string) =>
    codeOfRefusal(rig.dial(`/openai/v1/realtime${query}`, { authorization: `Bearer ${token}` }));

  test('in the query are checked before the provider hears of it', async () => {
    await rig.start([choosy()]);
    expect(await attempt('?model=dear-1')).toBe('SEKS_MODEL_DENIED');
    expect(await attempt('?model=cheap-1&model=dear-1')).toBe('SEKS_MODEL_DENIED');
    expect(await rig.requestEvent()).toMatchObject({
      decision: 'deny',
      code: 'SEKS_MODEL_DENIED',
      status: 403,
    });
    expect(rig.upstream.seen).toEqual([]);
    await rig.pair('/openai/v1/realtime?model=cheap-1');
  });

  test.each([
    ['SEKS_MODEL_DENIED', '?api-version=1&deployment=dear-1'],
    ['SEKS_MODEL_DENIED', '?model=cheap-1&deployment=dear-1'],
    ['SEKS_MODEL_DENIED', '?Deployment=dear-1&deployment=cheap-1'],
    ['SEKS_MODEL_DENIED', '?MODEL=dear-1'],
    ['SEKS_MODEL_MISSING', '?x=1;model=cheap-1'],
    ['SEKS_MODEL_MISSING', '?model=cheap-1;model=dear-1'],
  ])('in the query as any provider may read it: %s for %s', async (code, query) => {
    await rig.start([choosy()]);
    expect(await attempt(query)).toBe(code);
    expect(rig.upstream.seen).toEqual([]);
  });

  test('named by the handshake need not be named again', async () => {
    await rig.start([choosy()]);
    const { agent, server } = await rig.pair('/openai/v1/realtime?deployment=cheap-1');
    agent.socket.send('{"type":"response.create"}');
    expect(await server.text()).toBe('{"type":"response.create"}');
  });

  test('of Gemini are priced by the setup, and not by what tools answer', async () => {
    const spec: Partial<ProviderSpec> = { usage: { format: 'Gemini' } };
    await rig.start([rig.openai({ provider: rig.provider('openai', spec), limits: { usdPerDay: '1' } })], {
      wallClock: () => 0,
    });
    const { agent, server } = await rig.pair('/openai/v1/live?model=cheap-1');
    agent.socket.send('{"setup":{"model":"models/dear-1"}}');
    await server.text();
    agent.socket.send('{"toolResponse":{"functionResponses":[{"response":{"model":"cheap-1"}}]}}');
    await server.text();
    server.socket.send('{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":500}}');
    await agent.text();
    agent.socket.close(1000);
    expect(await rig.requestEvent()).toMatchObject({ costUsd: '0.5' });
  });

  test('in messages are checked one by one', async () => {
    await rig.start([choosy()]);
    const { agent, server } = await rig.pair('/openai/v1/responses');
    agent.socket.send('{"type":"response.create","model":"cheap-1"}');
    expect(await server.text()).toContain('cheap-1');
    agent.socket.send('{"type":"session.update","session":{"model":"dear-1"}}');
    expect(await agent.closed).toMatchObject({
      code: 1008,
      reason: expect.stringMatching(/^SEKS_MODEL_DENIED:/),
    });
    await expect(server.message()).rejects.toThrow('closed');
    expect(await rig.requestEvent()).toMatchObject({
      decision: 'allow',
      code: 'SEKS_MODEL_DENIED',
      status: 101,
    });
  });

  test('have to be named before anything else is said', async () => {
    await rig.start([choosy()]);
    const { agent } = await rig.pair('/openai/v1/responses');
    agent.socket.send('{"type":"hello"}');
    expect((await agent.closed).reason).toMatch(/^SEKS_MODEL_MISSING:/);
  });

  test('without a price are refused where dollars are limited', async () => {
    await rig.start([rig.openai({ limits: { usdPerDay: '1' } })]);
    expect(await attempt('?model=free-1')).toBe('SEKS_MODEL_UNPRICED');
  });

  test('that a new lease does not allow any more are refused on open connections', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair('/openai/v1/realtime?model=dear-1');
    agent.socket.send('{"type":"a"}');
    await server.text();
    rig.sidecar.holder.replace(rig.sidecar.holder.state, lease([choosy()]));
    agent.socket.send('{"type":"b"}');
    expect((await agent.closed).reason).toMatch(/^SEKS_MODEL_DENIED:/);
  });
});
