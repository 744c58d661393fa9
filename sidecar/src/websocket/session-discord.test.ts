// Sessions with the gateway of Discord, where the token comes in a message and one host leads to another.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { aliasAgent } from '../testing/agent-clients.ts';
import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { ensurePodCa } from '../tls/pod-ca.ts';
import { createServerContext } from '../tls/server-context.ts';
import { BOT_KEY, BOT_KEY_2, codeOfRefusal, GATEWAY, lease, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();
const { botToken, botToken2, strange, token } = rig;

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('the gateway of Discord', () => {
  const identify = (of: string): string => `{"op":2,"d":{"token":"${of}","compress":true}}`;
  const connectBot = async (path = '/discord/?v=10&encoding=json&compress=zlib-stream') => {
    const [agent, server] = await Promise.all([rig.dial(path), rig.upstream.next()]);
    return { agent, server };
  };

  test('takes the token from IDENTIFY and RESUME, and no compression', async () => {
    await rig.start(rig.bots());
    const { agent, server } = await connectBot();
    expect(rig.upstream.seen[0]?.url).toBe('/?v=10&encoding=json');
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
    await rig.start(rig.bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    const ready = { op: 0, t: 'READY', d: { resume_gateway_url: 'wss://gateway-us-east1-b.discord.gg' } };
    server.socket.send(JSON.stringify(ready));
    const { d } = JSON.parse(await agent.text()) as typeof ready;
    expect(d.resume_gateway_url).toBe(
      `ws://127.0.0.1:${rig.sidecar.port}/discord/~gateway-us-east1-b.discord.gg`,
    );
    const path = `${new URL(d.resume_gateway_url).pathname}/?v=10&encoding=json`;
    const back = await connectBot(path);
    expect(rig.upstream.seen[1]).toMatchObject({
      url: '/?v=10&encoding=json',
      headers: { host: `gateway-us-east1-b.discord.gg:${rig.upstream.port}` },
    });
    back.agent.socket.send(`{"op":6,"d":{"token":"${botToken}"}}`);
    expect(await back.server.text()).toContain(BOT_KEY);
  });

  test('S6: of a host that leads nowhere, leads to the gateway that everybody starts with', async () => {
    await rig.start(rig.bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    server.socket.send('{"op":0,"t":"READY","d":{"resume_gateway_url":"wss://a.b.discord.gg"}}');
    const { d } = JSON.parse(await agent.text()) as { d: { resume_gateway_url: string } };
    expect(d.resume_gateway_url).toBe(`ws://127.0.0.1:${rig.sidecar.port}/discord`);
  });

  test('S16: two bots have their own keys, budgets and scrubbing', async () => {
    await rig.start(rig.bots());
    const [one, two] = [await connectBot(), await connectBot()];
    one.agent.socket.send(identify(botToken));
    two.agent.socket.send(identify(botToken2));
    expect(await one.server.text()).toContain(BOT_KEY);
    expect(await two.server.text()).toContain(BOT_KEY_2);
    two.server.socket.send(`{"op":0,"d":"${BOT_KEY_2}"}`);
    expect(await two.agent.text()).not.toContain('CANARY');
    two.agent.socket.close(1000);
    expect(await rig.requestEvent()).toMatchObject({
      credential: 'two',
      binding: 'static',
      decision: 'allow',
    });
  });

  test('S16: a connection is one bot’s, and cannot become the other’s', async () => {
    await rig.start(rig.bots());
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
    await rig.start(rig.bots());
    const { agent, server } = await connectBot();
    agent.socket.send(identify(botToken));
    await server.text();
    const renewed = rig.bots().map((bot) => ({ ...bot, key: `${bot.key}-new` }));
    rig.sidecar.holder.replace(rig.sidecar.holder.state, lease(renewed));
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
    await rig.start([rig.openai(), ...rig.bots()]);
    const { agent, server } = await connectBot();
    agent.socket.send(identify(of()));
    expect(await agent.closed).toMatchObject({ code: 4004, reason: expect.stringMatching(`^${code}:`) });
    await expect(server.message()).rejects.toThrow('closed');
    expect(await rig.requestEvent()).toMatchObject({ decision: 'deny', code });
    if (code === 'SEKS_TOKEN_FOREIGN') {
      expect(rig.sidecar.audit.map(({ action }) => action)).toContain('foreign_token');
    }
  });

  test('counts logins by bot, over all its connections', async () => {
    await rig.start(rig.bots(), { nowMs: () => 0 });
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
    await rig.start(rig.bots(), { tls: { secureContext, hosts: [GATEWAY], proxied: [] } });
    const aliases = rig.sidecar.side.serverFor(443).listen(0, '127.0.0.1');
    await once(aliases, 'listening');
    const { port: aliasPort } = aliases.address() as AddressInfo;
    const agent = aliasAgent({ port: rig.sidecar.port, aliasPort, ca: identity.caPem });
    const open = async (url: string) => rig.connect(`${url}/?v=10&encoding=json`, [], { agent });
    const [client, server] = await Promise.all([open(`wss://${GATEWAY}`), rig.upstream.next()]);
    client.socket.send(identify(botToken));
    await server.text();
    server.socket.send(
      '{"op":0,"t":"READY","d":{"resume_gateway_url":"wss://gateway-us-east1-b.discord.gg"}}',
    );
    const { d } = JSON.parse(await client.text()) as { d: { resume_gateway_url: string } };
    expect(d.resume_gateway_url).toBe(`wss://${GATEWAY}/~gateway-us-east1-b.discord.gg`);
    const [again, resumed] = await Promise.all([open(d.resume_gateway_url), rig.upstream.next()]);
    again.socket.send(`{"op":6,"d":{"token":"${botToken}"}}`);
    expect(await resumed.text()).toContain(BOT_KEY);
    expect(rig.upstream.seen[1]?.headers.host).toBe(`gateway-us-east1-b.discord.gg:${rig.upstream.port}`);
    agent.destroy();
  });

  test('ends a connection that does not say within a minute whose it is', async () => {
    const scheduler = createManualScheduler();
    await rig.start(rig.bots(), { scheduler });
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
    expect(await rig.requestEvent()).toMatchObject({
      decision: 'deny',
      code: 'SEKS_TOKEN_MISSING',
      status: 101,
    });
  });

  test('does not wait for the token of a connection that has ended', async () => {
    const scheduler = createManualScheduler();
    await rig.start(rig.bots(), { scheduler });
    const { agent } = await connectBot();
    expect(scheduler.pending()).toContain(60_000);
    agent.socket.close(1000);
    await rig.requestEvent();
    expect(scheduler.pending()).not.toContain(60_000);
  });

  test('ETF is refused', async () => {
    await rig.start(rig.bots());
    expect(await codeOfRefusal(rig.dial('/discord/?encoding=etf'))).toBe('SEKS_REQUEST_MALFORMED');
  });
});
