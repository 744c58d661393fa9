import { once } from 'node:events';
import { constants, createInflate, type Inflate } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { WebSocket } from 'ws';
import { createDiscordStub } from './discord.ts';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';

const BOT_ID = '139447776118137123';
const KEY = `${Buffer.from(BOT_ID).toString('base64url')}.Gabcde.abcdefghijklmnopqrstuvwxyz0123456789ab`;
const API = 'https://discord.com/api/v10';
const MESSAGES = `${API}/channels/1100000000000000002/messages`;

let server: StubServer;
beforeAll(async () => {
  server = await serveStub(createDiscordStub(), { discord: KEY });
});
afterAll(() => server.close());
beforeEach(() => server.record.clear());

const post = (content: string): Promise<StubAnswer> =>
  server.call(MESSAGES, {
    method: 'POST',
    headers: { authorization: `Bot ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ content }),
  });

describe('REST', () => {
  test.each(['/users/@me', '/users/%40me'])('%s is the bot of the token', async (path) => {
    const { json } = await server.call(API + path, { headers: { authorization: `Bot ${KEY}` } });
    expect(json).toMatchObject({ id: BOT_ID, bot: true });
    expect(server.record.summary()).toMatchObject({ total: 1, expectedKey: 1 });
  });

  test.each([`Bot ${KEY}x`, `Bearer ${KEY}`, KEY, undefined])(
    'refuses another key or scheme',
    async (value) => {
      const headers = value === undefined ? {} : { authorization: value };
      expect(await server.call(`${API}/gateway/bot`, { headers })).toMatchObject({
        status: 401,
        json: { message: '401: Unauthorized', code: 0 },
      });
    },
  );

  test('a file comes down from the CDN without a key, but not without the signature', async () => {
    const form = new FormData();
    form.append('payload_json', JSON.stringify({ content: 'see this' }));
    form.append('files[0]', new Blob([Uint8Array.of(0, 255)]), 'a.bin');
    const headers = { authorization: `Bot ${KEY}` };
    const { json } = await server.call(MESSAGES, { method: 'POST', headers, body: form });
    expect(json).toMatchObject({ content: 'see this', attachments: [{ filename: 'a.bin', size: 2 }] });
    const [{ url }] = json['attachments'] as [{ url: string }];
    expect((await server.call(url)).body).toEqual(Buffer.of(0, 255));
    expect((await server.call(url.replace(/hm=\w{4}/, 'hm=0000'))).status).toBe(404);
  });

  test('is busy once for a text that says so', async () => {
    const busy = await post('busy');
    expect(busy).toMatchObject({ status: 429, json: { retry_after: 0.25, global: false } });
    expect((await post('busy')).status).toBe(200);
  });

  test('the key comes back where the text asks for it', async () => {
    expect((await post('echo-key')).body.toString()).toContain(KEY);
  });
});

describe('the gateway', () => {
  const GATEWAY = 'wss://gateway.discord.gg/?v=10&encoding=json';
  const sockets: WebSocket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.terminate();
  });

  type Message = Readonly<Record<string, unknown>> & { readonly d: Readonly<Record<string, unknown>> };
  interface Talk {
    readonly socket: WebSocket;
    send(message: object): void;
    /** the first message, of those not taken yet, that fits */
    next(fits: (message: Message) => boolean): Promise<Message>;
  }

  function talk(
    url: string,
    decode: (data: Buffer) => Promise<string> = (data) => Promise.resolve(data.toString()),
  ): Talk {
    const socket = server.connect(url);
    sockets.push(socket);
    const arrived: Message[] = [];
    let decoding: Promise<unknown> = Promise.resolve();
    const take = async (data: Buffer): Promise<boolean> => {
      arrived.push(JSON.parse(await decode(data)) as Message);
      return socket.emit('decoded');
    };
    socket.on('message', (data: Buffer) => {
      decoding = decoding.then(() => take(data));
    });
    return {
      socket,
      send: (message) => socket.send(JSON.stringify(message)),
      async next(fits) {
        const signal = AbortSignal.timeout(5_000);
        for (;;) {
          const index = arrived.findIndex(fits);
          if (index !== -1) return arrived.splice(0, index + 1).at(-1)!;
          await once(socket, 'decoded', { signal });
        }
      },
    };
  }
  const op = (code: number) => (message: Message) => message['op'] === code;
  const event = (name: string) => (message: Message) => message['t'] === name;
  const says = (text: string) => (message: Message) => message.d?.['content'] === text;
  const identify = { op: 2, d: { token: KEY, intents: 0, properties: {} } };

  async function started(connection: Talk): Promise<Message> {
    await connection.next(op(10));
    connection.send(identify);
    const ready = await connection.next(event('READY'));
    await connection.next(event('GUILD_CREATE'));
    return ready;
  }

  test('says hello, takes the token, acknowledges heartbeats and tells messages', async () => {
    const connection = talk(GATEWAY);
    expect((await started(connection)).d).toMatchObject({
      user: { id: BOT_ID },
      resume_gateway_url: 'wss://gateway-us-east1-b.discord.gg',
    });
    connection.send({ op: 1, d: null });
    await connection.next(op(11));
    await post('echo-key please');
    expect(JSON.stringify(await connection.next(event('MESSAGE_CREATE')))).toContain(KEY);
    expect(server.record.since(0)).toMatchObject([
      { method: 'GET', host: 'gateway.discord.gg', credential: undefined },
      { method: 'IDENTIFY', isExpectedKey: true },
      { method: 'POST' },
    ]);
  });

  test.each([2, 6])('another token in op %d closes with 4004', async (code) => {
    const connection = talk(GATEWAY);
    await connection.next(op(10));
    connection.send({ op: code, d: { token: `${KEY}x`, session_id: 's', seq: 1 } });
    expect(await once(connection.socket, 'close')).toEqual([4004, Buffer.from('Authentication failed.')]);
  });

  test('what comes before the token closes with 4003', async () => {
    const connection = talk(GATEWAY);
    await connection.next(op(10));
    connection.send({ op: 3, d: {} });
    expect((await once(connection.socket, 'close'))[0]).toBe(4003);
  });

  test('asks to reconnect, and tells what was missed when the session is resumed', async () => {
    const first = talk(GATEWAY);
    const { session_id } = (await started(first)).d;
    await post('reconnect');
    expect(await first.next(op(7))).toBeDefined();
    const second = talk('wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json');
    await second.next(op(10));
    second.send({ op: 6, d: { token: KEY, session_id, seq: 4 } });
    await second.next(says('While you were away: reconnect'));
    await second.next(event('RESUMED'));
    await post('hello');
    await second.next(says('You said: hello'));
  });

  test('an unknown session cannot be resumed', async () => {
    const connection = talk(GATEWAY);
    await connection.next(op(10));
    connection.send({ op: 6, d: { token: KEY, session_id: 'none', seq: 1 } });
    expect(await connection.next(op(9))).toMatchObject({ d: false });
  });

  test('compresses the whole connection as one stream when asked to', async () => {
    const inflate = createInflate({ finishFlush: constants.Z_SYNC_FLUSH });
    const connection = talk(`${GATEWAY}&compress=zlib-stream`, (data) => inflated(inflate, data));
    await started(connection);
    await post('hello');
    await connection.next(says('You said: hello'));
  });

  async function inflated(inflate: Inflate, data: Buffer): Promise<string> {
    expect(data.subarray(-4)).toEqual(Buffer.of(0, 0, 255, 255));
    const texts: string[] = [];
    const collect = (chunk: Buffer): void => void texts.push(chunk.toString());
    inflate.on('data', collect);
    await new Promise<void>((resolve) => inflate.write(data, () => resolve()));
    inflate.off('data', collect);
    return texts.join('');
  }

  test('refuses ETF', async () => {
    const { socket } = talk('wss://gateway.discord.gg/?v=10&encoding=etf');
    await expect(once(socket, 'open')).rejects.toThrow('400');
  });

  test('an interaction is answered by its own token, once', async () => {
    const connection = talk(GATEWAY);
    await started(connection);
    await post('interact');
    const { id, token } = (await connection.next(event('INTERACTION_CREATE'))).d as {
      id: string;
      token: string;
    };
    const answer = (by: string): Promise<StubAnswer> =>
      server.call(`${API}/interactions/${id}/${by}/callback`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 4, data: { content: 'at your service' } }),
      });
    expect((await answer('another')).status).toBe(404);
    expect((await answer(token)).status).toBe(204);
    expect((await answer(token)).status).toBe(404);
    expect(JSON.stringify(server.record.since(0))).not.toContain(token);
  });
});
