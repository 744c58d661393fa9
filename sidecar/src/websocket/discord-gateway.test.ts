// Discord's gateway: the token inside IDENTIFY and RESUME, the resume URL inside READY.
import { describe, expect, test } from '@jest/globals';
import { Secret, SeksError } from '@seks/crds';

import { createDiscordGateway, type DiscordGateway, discordGatewayQuery } from './discord-gateway.ts';
import { createIdentifyBudget } from './identify-budget.ts';
import { ConnectionRefusal, type Message } from './message.ts';

const KEY = 'REAL.key"\\with.odd-characters';

interface Setup {
  gateway: DiscordGateway;
  clock: { nowMs: number };
  revealed: () => number;
}

function setup(perDay = 200): Setup {
  const clock = { nowMs: 0 };
  let revealed = 0;
  const key = new Secret('provider-key', KEY);
  const reveal = key.reveal.bind(key);
  key.reveal = (use) => {
    revealed += 1;
    return reveal(use);
  };
  const gateway = createDiscordGateway({
    swap(token) {
      if (token !== 'fake') throw new SeksError('SEKS_TOKEN_UNKNOWN');
      return key;
    },
    isOurs: (host) => host.split('.').length === 3,
    rewriteUrl: (url) => url.replace('wss://', 'ws://127.0.0.1:15080/discord-gateway/'),
    identifyBudget: createIdentifyBudget({ perDay, windowMs: 86_400_000 }),
    nowMs: () => clock.nowMs,
  });
  return { gateway, clock, revealed: () => revealed };
}

function text(value: unknown): Message {
  return { data: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), binary: false };
}

function refusal(act: () => unknown): { code: string; closeCode: number } {
  try {
    act();
  } catch (cause) {
    if (cause instanceof ConnectionRefusal) return { code: cause.code, closeCode: cause.closeCode };
    throw cause;
  }
  throw new Error('nothing was refused');
}

const IDENTIFY = '{"op":2,"d":{"token":"fake","intents":513,"compress":true,"properties":{"os":"linux"}}}';
const RESUME = '{ "op" : 6, "d" : { "token" : "fake", "session_id" : "s", "seq" : 7 } }';

describe('query', () => {
  test.each([
    ['', '?encoding=json'],
    ['?v=10&encoding=json', '?v=10&encoding=json'],
    ['?encoding=json&v=9&compress=zlib-stream', '?v=9&encoding=json'],
    ['?compress=zstd-stream&other=1', '?encoding=json'],
  ])('%s becomes %s', (asked, sent) => {
    expect(discordGatewayQuery(asked)).toBe(sent);
  });

  test.each([
    '?encoding=etf',
    '?encoding=json&encoding=etf',
    '?encoding=',
    '?v=9&v=10',
    '?v=x',
    '?encoding=%65tf',
  ])('%s is refused', (asked) => {
    expect(() => discordGatewayQuery(asked)).toThrow(/^The request is ambiguous or malformed/);
  });
});

describe('logging in', () => {
  test('IDENTIFY gets the key, loses its compression, and is else byte for byte the same', () => {
    const sent = setup().gateway.toUpstream(text(IDENTIFY));
    expect(sent).toEqual(
      text(IDENTIFY.replace('"fake"', JSON.stringify(KEY)).replace('"compress":true', '"compress":false')),
    );
    expect(JSON.parse(sent.data.toString())).toMatchObject({ d: { token: KEY, compress: false } });
  });

  test('RESUME gets the key', () => {
    expect(setup().gateway.toUpstream(text(RESUME))).toEqual(
      text(RESUME.replace('"fake"', JSON.stringify(KEY))),
    );
  });

  test('heartbeats pass before it, everything passes verbatim after it', () => {
    const { gateway } = setup();
    const heartbeat = text('{"op":1, "d":null}');
    expect(gateway.toUpstream(heartbeat)).toBe(heartbeat);
    gateway.toUpstream(text(IDENTIFY));
    const presence = text('{"op":3,"d":{"status":"idle","token":"x"}}');
    expect(gateway.toUpstream(presence)).toBe(presence);
  });

  test.each([
    ['another message first', '{"op":3,"d":{}}', 'SEKS_TOKEN_MISSING'],
    ['no token', '{"op":2,"d":{}}', 'SEKS_TOKEN_MISSING'],
    ['a token that is no string', '{"op":2,"d":{"token":["fake"]}}', 'SEKS_TOKEN_MISSING'],
    ['a token in the wrong place', '{"op":2,"token":"fake","d":{}}', 'SEKS_TOKEN_MISSING'],
    ['a key of the agent’s own', '{"op":2,"d":{"token":"OWN.key"}}', 'SEKS_TOKEN_UNKNOWN'],
    ['S5: two tokens', '{"op":2,"d":{"token":"fake","token":"OWN.key"}}', 'SEKS_REQUEST_MALFORMED'],
    ['S5: two bodies', '{"op":2,"d":{"token":"fake"},"d":{"token":"OWN.key"}}', 'SEKS_REQUEST_MALFORMED'],
    ['S5: two opcodes', '{"op":1,"op":2,"d":{"token":"OWN.key"}}', 'SEKS_REQUEST_MALFORMED'],
    ['an opcode in another spelling', '{"op":2.0,"d":{"token":"OWN.key"}}', 'SEKS_REQUEST_MALFORMED'],
    ['an opcode in quotes', '{"op":"2","d":{"token":"OWN.key"}}', 'SEKS_REQUEST_MALFORMED'],
    ['no opcode', '{"d":{"token":"OWN.key"}}', 'SEKS_REQUEST_MALFORMED'],
    ['no JSON', 'hello', 'SEKS_REQUEST_MALFORMED'],
  ])('%s is refused, with a code that ends the client’s attempts', (_, sent, code) => {
    const { gateway, revealed } = setup();
    expect(refusal(() => gateway.toUpstream(text(sent)))).toEqual({ code, closeCode: 4004 });
    expect(revealed()).toBe(0);
  });

  test('binary messages (ETF, zlib) are refused', () => {
    const { gateway } = setup();
    expect(refusal(() => gateway.toUpstream({ data: Buffer.from(IDENTIFY), binary: true }))).toEqual({
      code: 'SEKS_REQUEST_MALFORMED',
      closeCode: 4004,
    });
  });

  test('a key of the agent’s own is refused after a login too', () => {
    const { gateway } = setup();
    gateway.toUpstream(text(IDENTIFY));
    expect(refusal(() => gateway.toUpstream(text('{"op":6,"d":{"token":"OWN.key"}}'))).code).toBe(
      'SEKS_TOKEN_UNKNOWN',
    );
  });

  test('S15: beyond the budget the key is not even touched', () => {
    const { gateway, clock, revealed } = setup(1);
    gateway.toUpstream(text(IDENTIFY));
    expect(revealed()).toBe(1);
    clock.nowMs = 60_000;
    expect(refusal(() => gateway.toUpstream(text(IDENTIFY)))).toEqual({
      code: 'SEKS_IDENTIFY_BUDGET',
      closeCode: 4004,
    });
    expect(revealed()).toBe(1);
    // A RESUME costs nothing.
    expect(gateway.toUpstream(text(RESUME)).data.includes('REAL')).toBe(true);
  });

  test('two in quick succession: the second is told to wait', () => {
    const { gateway, clock } = setup();
    gateway.toUpstream(text(IDENTIFY));
    clock.nowMs = 1_000;
    expect(refusal(() => gateway.toUpstream(text(IDENTIFY)))).toEqual({
      code: 'SEKS_IDENTIFY_BUDGET',
      closeCode: 4008,
    });
  });

  test('a token that is not ours costs none of the budget', () => {
    const { gateway } = setup(1);
    expect(refusal(() => gateway.toUpstream(text('{"op":2,"d":{"token":"x"}}'))).code).toBe(
      'SEKS_TOKEN_UNKNOWN',
    );
    expect(gateway.toUpstream(text(IDENTIFY)).data.includes('REAL')).toBe(true);
  });
});

describe('from Discord', () => {
  const ready = (url: string): string =>
    `{"t":"READY","op":0,"d":{"v":10, "resume_gateway_url":${JSON.stringify(url)},"n":1.50}}`;

  test.each([
    ['wss://gateway-us-east1-b.discord.gg', 'gateway-us-east1-b.discord.gg'],
    ['wss://gateway-us-east1-b.discord.gg/?x=1', 'gateway-us-east1-b.discord.gg'],
    ['wss://GATEWAY.discord.gg', 'gateway.discord.gg'],
    ...[
      'wss://evil.example',
      'wss://evildiscord.gg',
      'wss://discord.gg.evil.example',
      'wss://discord.gg',
      'ws://gateway.discord.gg',
      'wss://gateway.discord.gg:444',
      'wss://gateway.discord.gg@evil.example',
      'wss://user:pw@gateway.discord.gg',
      'wss://gateway.discord.gg.',
      'not a url',
      // The document has `*.discord.gg`, which stands for one label.
      'wss://a.b.discord.gg',
    ].map((url): [string, string] => [url, 'gateway.discord.gg']),
  ])('S6: the resume URL %s leads home, for %s', (url, host) => {
    const sent = setup()
      .gateway.toClient(text(ready(url)))
      .data.toString();
    expect(sent).toBe(ready(`ws://127.0.0.1:15080/discord-gateway/${host}`));
  });

  test('all else passes untouched, also a message that talks about the field', () => {
    const { gateway } = setup();
    for (const message of [
      text('{"op":11}'),
      text({ op: 0, t: 'MESSAGE_CREATE', d: { content: 'what is "resume_gateway_url"?' } }),
      text({ op: 0, d: { inner: { resume_gateway_url: 'wss://x' } } }),
      text({ op: 0, d: { resume_gateway_url: null } }),
      text('not JSON at all'),
    ])
      expect(gateway.toClient(message).data.toString()).toBe(message.data.toString());
  });

  test('a READY that cannot be read is not passed on', () => {
    const { gateway } = setup();
    for (const broken of [
      '{"d":{"resume_gateway_url":"wss://a"',
      '{"d":{"resume_gateway_url":"a","resume_gateway_url":"b"}}',
    ])
      expect(() => gateway.toClient(text(broken))).toThrow('Its gateway sent a message that cannot be read.');
  });

  test('S10: a compressed message is not passed on', () => {
    expect(() => setup().gateway.toClient({ data: Buffer.from([0x78, 0x9c]), binary: true })).toThrow(
      expect.objectContaining({ code: 'SEKS_UPSTREAM_ENCODING' }),
    );
  });
});
