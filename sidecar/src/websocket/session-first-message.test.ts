// Sessions whose token comes in the first message, after the handshake.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { fakeToken } from '../testing/test-sidecar.ts';
import { codeOfRefusal, KEY, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();
const { otherToken, strange, token } = rig;

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('a token in the first message', () => {
  test('becomes the key, and what follows passes as it is', async () => {
    await rig.start([rig.openai(), rig.elevenlabs()]);
    const [agent, server] = await Promise.all([
      rig.dial('/elevenlabs/v1/speech/v1?x=1'),
      rig.upstream.next(),
    ]);
    expect(rig.upstream.seen[0]?.headers).not.toHaveProperty('xi-api-key');
    agent.socket.send(`{"text":" ","xi_api_key":"${otherToken}"}`);
    agent.socket.send(`{"text":"${otherToken}"}`);
    expect(await server.text()).toBe(`{"text":" ","xi_api_key":"${KEY}"}`);
    expect(await server.text()).toBe(`{"text":"${otherToken}"}`);
    server.socket.send(`you are ${KEY}`);
    expect(await agent.text()).toBe(`you are ${'*'.repeat(KEY.length)}`);
    agent.socket.close(1000);
    expect(await rig.requestEvent()).toMatchObject({
      credential: 'elevenlabs',
      decision: 'allow',
      scrubbed: 1,
    });
  });

  test('may as well stand in the header', async () => {
    await rig.start([rig.elevenlabs()]);
    const [agent, server] = await Promise.all([
      rig.dial('/elevenlabs/v1/speech/v1', { 'xi-api-key': otherToken }),
      rig.upstream.next(),
    ]);
    expect(rig.upstream.seen[0]?.headers['xi-api-key']).toBe(KEY);
    agent.socket.send('{"text":"x"}');
    expect(await server.text()).toBe('{"text":"x"}');
  });

  test.each([
    ['SEKS_TOKEN_MISSING', 'another field', '{"text":"x"}'],
    ['SEKS_TOKEN_MISSING', 'a number', '{"xi_api_key":1}'],
    ['SEKS_TOKEN_UNKNOWN', 'a key of its own', '{"xi_api_key":"own"}'],
    ['SEKS_TOKEN_FOREIGN', 'a token of another pod', `{"xi_api_key":"${strange}"}`],
    ['SEKS_TOKEN_WRONG_PROVIDER', 'a token of another provider', `{"xi_api_key":"${token}"}`],
    ['SEKS_REQUEST_MALFORMED', 'two tokens', `{"xi_api_key":"${otherToken}","xi_api_key":"x"}`],
    ['SEKS_REQUEST_MALFORMED', 'what is no JSON', 'no JSON'],
  ])('S4: %s for %s', async (code, _, text) => {
    await rig.start([rig.openai(), rig.elevenlabs()]);
    const [agent, server] = await Promise.all([rig.dial('/elevenlabs/v1/speech/v1'), rig.upstream.next()]);
    agent.socket.send(text);
    const { code: closeCode, reason } = await agent.closed;
    expect([closeCode, reason.split(':')[0]]).toEqual([1008, code]);
    expect(await server.closed).toMatchObject({ code: 1001 });
    await expect(server.message()).rejects.toThrow('closed');
    expect(await rig.requestEvent()).toMatchObject({ decision: 'deny', code, status: 101 });
  });

  test('S4: is not awaited on other paths', async () => {
    await rig.start([rig.elevenlabs()]);
    expect(await codeOfRefusal(rig.dial('/elevenlabs/v1/other'))).toBe('SEKS_TOKEN_MISSING');
  });

  test('S12: is refused where the binding is suspended meanwhile', async () => {
    await rig.start([rig.elevenlabs()]);
    const agent = await rig.dial('/elevenlabs/v1/speech/v1');
    rig.sidecar.holder.revoke('b-eleven', new SeksError('SEKS_BINDING_SUSPENDED'));
    agent.socket.send(`{"xi_api_key":"${otherToken}"}`);
    expect((await agent.closed).reason).toMatch(/^SEKS_BINDING_SUSPENDED:/);
  });

  test('S16: of a credential with other hosts is refused', async () => {
    const spec = rig.elevenlabs().provider.spec;
    const elsewhere = { ...spec, upstreams: [{ host: 'other.provider.example', port: rig.upstream.port }] };
    const second = fakeToken('xi-{token}');
    await rig.start([
      rig.elevenlabs(),
      {
        ...rig.elevenlabs(),
        provider: { name: 'elevenlabs', spec: elsewhere },
        token: second,
        name: 'second',
      },
    ]);
    const [agent, server] = await Promise.all([rig.dial('/elevenlabs/v1/speech/v1'), rig.upstream.next()]);
    agent.socket.send(`{"xi_api_key":"${second}"}`);
    expect((await agent.closed).reason).toMatch(/^SEKS_TOKEN_WRONG_PROVIDER:/);
    await expect(server.message()).rejects.toThrow('closed');
  });
});
