import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket, type ClientOptions } from 'ws';
import { keysFromEnvironment } from './keys.ts';
import { createRecord } from './record.ts';
import { createUpgrade } from './upgrade.ts';

const KEY = 'sk-proj-0123456789abcdefABCD';
const GEMINI_KEY = 'AIza0123456789012345678901234567890abcd';
const LIVE = '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent';

const record = createRecord();
const keys = keysFromEnvironment({ UPSTREAM_KEY_OPENAI: KEY, UPSTREAM_KEY_GEMINI: GEMINI_KEY });
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1');
  server.on('upgrade', createUpgrade({ keys, record, clock: () => 0 }));
  await once(server, 'listening');
  origin = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => record.clear());

type Message = Readonly<Record<string, unknown>>;

/** sends the messages at once and gives those that come until one is of the kind */
async function talk(
  socket: WebSocket,
  send: readonly object[],
  last: (message: Message) => boolean,
): Promise<Message[]> {
  const received: Message[] = [];
  socket.on('open', () => send.forEach((message) => socket.send(JSON.stringify(message))));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code, reason) => reject(new Error(`${code} ${reason.toString('utf8')}`)));
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString('utf8')) as Message;
      received.push(message);
      if (!last(message)) return;
      socket.removeAllListeners('close').terminate();
      resolve(received);
    });
  });
}

describe('OpenAI realtime', () => {
  const ask = [
    { type: 'conversation.item.create', item: { content: [{ type: 'input_text', text: 'hello there' }] } },
    { type: 'response.create' },
  ];
  const done = ({ type }: Message): boolean => type === 'response.done';
  const withHeader = (key: string): ClientOptions => ({ headers: { authorization: `Bearer ${key}` } });

  test('answers, with usage', async () => {
    const socket = new WebSocket(`${origin}/v1/realtime?model=gpt-realtime`, withHeader(KEY));
    const [first, ...rest] = await talk(socket, ask, done);
    expect(first).toMatchObject({ type: 'session.created', session: { model: 'gpt-realtime' } });
    expect(rest.at(-1)).toMatchObject({
      response: {
        output: [{ content: [{ text: 'The openai stub heard: hello there' }] }],
        usage: { total_tokens: 12 },
      },
    });
    expect(record.since(0)).toMatchObject([
      { provider: 'openai', isExpectedKey: true, model: 'gpt-realtime' },
    ]);
  });

  test('takes the key from a subprotocol, and agrees on the other one', async () => {
    const socket = new WebSocket(`${origin}/v1/realtime?model=echo-key`, [
      'realtime',
      `openai-insecure-api-key.${KEY}`,
    ]);
    expect(JSON.stringify(await talk(socket, ask, done))).toContain(KEY);
    expect(socket.protocol).toBe('realtime');
  });

  test.each([withHeader('sk-wrong'), {}])('refuses another key or none', async (options) => {
    const socket = new WebSocket(`${origin}/v1/realtime?model=m`, options);
    await expect(talk(socket, [], done)).rejects.toThrow('401');
    expect(record.summary()).toMatchObject({ total: 1, expectedKey: 0 });
  });

  test('responses over a socket', async () => {
    const socket = new WebSocket(`${origin}/v1/responses`, withHeader(KEY));
    const create = { type: 'response.create', model: 'gpt-5-mini', input: 'hello there' };
    const received = await talk(socket, [create], ({ type }) => type === 'response.completed');
    expect(received.at(-1)).toMatchObject({ response: { usage: { input_tokens: 3, output_tokens: 9 } } });
  });
});

describe('Gemini Live', () => {
  const ask = [
    { setup: { model: 'models/gemini-3' } },
    { clientContent: { turns: [{ role: 'user', parts: [{ text: 'hello there' }] }] } },
  ];
  const done = ({ usageMetadata }: Message): boolean => usageMetadata !== undefined;

  test.each([
    ['a header', LIVE, { headers: { 'x-goog-api-key': GEMINI_KEY } }],
    ['the query', `${LIVE}?key=${GEMINI_KEY}`, {}],
    ['the query, below a doubled slash', `/${LIVE}?key=${GEMINI_KEY}`, {}],
  ] as const)('takes the key from %s', async (_name, path, options) => {
    const received = await talk(new WebSocket(origin + path, options), ask, done);
    expect(received[0]).toEqual({ setupComplete: {} });
    expect(received.at(-1)).toMatchObject({ usageMetadata: { totalTokenCount: 12 } });
  });

  test('tells of a wrong key when it closes', async () => {
    const socket = new WebSocket(`${origin}${LIVE}?key=wrong`);
    await expect(talk(socket, ask, done)).rejects.toThrow('1007 API key not valid');
  });
});

test('a path of no API is a 404', async () => {
  await expect(talk(new WebSocket(`${origin}/chat`), [], () => true)).rejects.toThrow('404');
});
