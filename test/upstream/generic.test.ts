import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SIMPLE_APIS } from './generic-apis.ts';
import { createGenericStub } from './generic.ts';
import { serveStub, type StubAnswer, type StubServer } from './stub-server.ts';

const KEY = 'gen-0123456789abcdef0123456789abcdef01234567';
const MESSAGES = [{ role: 'user', content: 'hello there' }];

let server: StubServer;
beforeAll(async () => {
  server = await serveStub(createGenericStub(), { generic: KEY, huggingface: KEY });
});
afterAll(() => server.close());

/** `call` is a method and a URL */
function ask(call: string, headers: Record<string, string> = {}, body?: string): Promise<StubAnswer> {
  const [method = '', url = ''] = call.split(' ');
  return server.call(url, { method, headers, ...(body === undefined ? {} : { body }) });
}

const routes = SIMPLE_APIS.flatMap((api) =>
  api.hosts.flatMap((host) =>
    Object.keys(api.routes).map((route) => {
      const [method, path] = route.replaceAll('*', 'some').split(' ') as [string, string];
      return [`${method} https://${host.replace('*', 'some')}${path}`, api] as const;
    }),
  ),
);

describe.each(routes)('%s', (call, { key: { header, scheme }, error }) => {
  test('answers the key in its place', async () => {
    const value = scheme === undefined ? KEY : `${scheme} ${KEY}`;
    const body = call.startsWith('GET ') ? undefined : JSON.stringify({ messages: MESSAGES });
    const answer = await ask(call, { 'content-type': 'application/json', [header]: value }, body);
    expect(answer.status).toBeLessThan(300);
  });

  test('refuses it in every other place', async () => {
    const places: Record<string, string>[] = [
      { authorization: KEY },
      { authorization: `Bearer ${KEY}` },
      { 'api-key': KEY },
      { 'x-api-key': KEY },
      { 'xi-api-key': KEY },
      { 'x-subscription-token': KEY },
    ];
    const wrong = places.filter(
      (place) => place[header] !== (scheme === undefined ? KEY : `${scheme} ${KEY}`),
    );
    expect(wrong).toHaveLength(places.length - 1);
    for (const place of wrong) {
      const { status, body } = await ask(call, place);
      expect({ status, body: body.toString() }).toEqual({
        status: error.keyStatus ?? 401,
        body: expect.stringContaining(error.keyMessage),
      });
    }
  });
});

const asked = (call: string, body: object, headers = { authorization: `Bearer ${KEY}` }) =>
  ask(call, { ...headers, 'content-type': 'application/json' }, JSON.stringify(body));

test('chats tell their usage, each in its format', async () => {
  const common = await asked('POST https://api.x.ai/v1/chat/completions', { model: 'm', messages: MESSAGES });
  expect(common.json['usage']).toMatchObject({ prompt_tokens: 3 });
  const cohere = await asked('POST https://api.cohere.com/v2/chat', { model: 'm', messages: MESSAGES });
  expect(cohere.json['usage']).toMatchObject({ tokens: { input_tokens: 3 } });
  const content = [{ text: 'hello there' }];
  const bedrock = await asked('POST https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse', {
    messages: [{ role: 'user', content }],
  });
  expect(bedrock.json['usage']).toMatchObject({ inputTokens: 3 });
});

test('Cohere ends its stream with the usage', async () => {
  const call = 'POST https://api.cohere.com/v2/chat';
  const stream = (await asked(call, { messages: MESSAGES, stream: true })).body.toString();
  const last = stream.trim().split('\n\n').at(-1) ?? '';
  expect(last).toMatch(/^event: message-end\n/);
  expect(last).toContain('"tokens":{"input_tokens":3');
});

test('an index names the host of its own', async () => {
  const key = { 'api-key': KEY };
  const { json: index } = await ask('GET https://api.pinecone.io/indexes/movies', key);
  expect(index['host']).toBe('movies-abc1234.svc.aped-1234.pinecone.io');
  const query = await ask(`POST https://${String(index['host'])}/query`, key, '{}');
  expect(query.json['usage']).toEqual({ readUnits: 5 });
});

test('echo-key gives the key back, as a model or as what is asked for', async () => {
  const chat = await asked('POST https://api.x.ai/v1/chat/completions', { model: 'echo-key.base64' });
  expect(chat.body.toString()).toContain(Buffer.from(KEY).toString('base64'));
  const search = await asked('POST https://api.tavily.com/search', { query: 'echo-key' });
  expect(search.json['query']).toContain(KEY);
  const failed = await asked('POST https://api.x.ai/v1/chat/completions', { model: 'echo-key.error' });
  expect(failed).toMatchObject({ status: 403 });
  expect(failed.body.toString()).toContain(KEY);
});

test('fails as it is asked to anywhere in a request, each API in its own words', async () => {
  const mail = await asked('POST https://api.sendgrid.com/v3/mail/send', { subject: 'fail.401' });
  expect(mail.status).toBe(401);
  expect(mail.json['errors']).toEqual([expect.objectContaining({ field: null })]);
  const model = await asked(
    'POST https://bedrock-runtime.us-east-1.amazonaws.com/model/fail.403/converse',
    {},
  );
  expect(model.status).toBe(403);
  expect(model.headers['x-amzn-errortype']).toBe('AccessDeniedException');
  const busy = await asked('POST https://api.tavily.com/search', { query: 'fail.429' });
  expect(busy.status).toBe(429);
  expect(busy.json['detail']).toEqual({ error: 'The stub was asked to fail.' });
});

test.each([
  ['without the key', 'wss://api.elevenlabs.io/v1/speech-to-text/realtime?model_id=m', 401],
  ['at another path', 'wss://api.elevenlabs.io/v1/other', 404],
])('a WebSocket %s is refused', async (_how, url, status) => {
  const [, response] = (await once(server.connect(url), 'unexpected-response')) as [unknown, IncomingMessage];
  expect(response.statusCode).toBe(status);
});
