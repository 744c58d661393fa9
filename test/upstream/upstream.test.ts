import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createControl } from './control.ts';
import { keysFromEnvironment } from './keys.ts';
import { createRecord } from './record.ts';
import { createUpstream } from './upstream.ts';

const KEY = {
  openai: 'sk-proj-0123456789abcdefABCD',
  anthropic: 'sk-ant-api03-0123456789abcd',
  gemini: 'AIza0123456789012345678901234567890abcd',
  groq: 'gsk_0123456789abcdefghijklmnop',
};

const keys = keysFromEnvironment({
  UPSTREAM_KEY_OPENAI: KEY.openai,
  UPSTREAM_KEY_ANTHROPIC: KEY.anthropic,
  UPSTREAM_KEY_GEMINI: KEY.gemini,
  UPSTREAM_KEY_GROQ: KEY.groq,
});
const record = createRecord();
// TLS is node:https around the same listener; what it says is tested here in the clear.
const servers: Server[] = [
  createServer(createUpstream({ keys, record, clock: () => 1_700_000_000_000 })),
  createServer(createControl(keys, record)),
];
let origin: string;
let control: string;

beforeAll(async () => {
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  [origin, control] = ports.map((port) => `http://127.0.0.1:${port}`) as [string, string];
});
afterAll(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});
beforeEach(() => record.clear());

type Headers = Record<string, string>;
const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` });
const post = (path: string, headers: Headers, body: unknown): Promise<Response> =>
  fetch(origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

const messages = [{ role: 'user', content: 'hello there' }];
const anthropicHeaders = { 'x-api-key': KEY.anthropic, 'anthropic-version': '2023-06-01' };

/** data of each server-sent event */
function events(text: string): string[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((event) => event !== '')
    .map((event) => /^data: (.*)$/m.exec(event)?.[1] ?? '');
}

describe('answers', () => {
  test('OpenAI chat', async () => {
    const answer = await post('/v1/chat/completions', bearer(KEY.openai), { model: 'gpt-5-mini', messages });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      object: 'chat.completion',
      model: 'gpt-5-mini',
      choices: [{ message: { role: 'assistant', content: 'The openai stub heard: hello there' } }],
      usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 },
    });
  });

  test('OpenAI chat stream: usage only when asked for', async () => {
    const body = { model: 'gpt-5-mini', messages, stream: true };
    const plain = events(await (await post('/v1/chat/completions', bearer(KEY.openai), body)).text());
    expect(plain.at(-1)).toBe('[DONE]');
    expect(plain.join('')).not.toContain('usage');
    const asked = { ...body, stream_options: { include_usage: true } };
    const metered = events(await (await post('/v1/chat/completions', bearer(KEY.openai), asked)).text());
    expect(JSON.parse(metered.at(-2)!)).toMatchObject({ choices: [], usage: { total_tokens: 12 } });
  });

  test('OpenAI responses', async () => {
    const body = { model: 'gpt-5-mini', input: 'hello there' };
    const whole = await post('/v1/responses', bearer(KEY.openai), body);
    expect(await whole.json()).toMatchObject({ status: 'completed', usage: { total_tokens: 12 } });
    const stream = await post('/v1/responses', bearer(KEY.openai), { ...body, stream: true });
    const last: unknown = JSON.parse(events(await stream.text()).at(-1)!);
    expect(last).toMatchObject({ type: 'response.completed', response: { usage: { output_tokens: 9 } } });
  });

  test('OpenAI embeddings, base64 and plain', async () => {
    const body = { model: 'text-embedding-3-small', input: ['a', 'bc'] };
    const plain = (await (await post('/v1/embeddings', bearer(KEY.openai), body)).json()) as {
      data: { embedding: number[] }[];
    };
    const encoded = (await (
      await post('/v1/embeddings', bearer(KEY.openai), { ...body, encoding_format: 'base64' })
    ).json()) as { data: { embedding: string }[] };
    const bytes = Buffer.from(encoded.data[1]!.embedding, 'base64');
    const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    expect([...floats]).toEqual(plain.data[1]!.embedding);
  });

  test('OpenAI file upload', async () => {
    const form = new FormData();
    form.set('purpose', 'user_data');
    form.set('file', new Blob([Buffer.from([0, 13, 10, 45, 45, 255])]), 'a.bin');
    const answer = await fetch(`${origin}/v1/files`, {
      method: 'POST',
      headers: bearer(KEY.openai),
      body: form,
    });
    expect(await answer.json()).toMatchObject({ filename: 'a.bin', bytes: 6, purpose: 'user_data' });
  });

  test('OpenAI models', async () => {
    const answer = await fetch(`${origin}/v1/models`, { headers: bearer(KEY.openai) });
    expect(await answer.json()).toMatchObject({ object: 'list', data: [{ id: 'gpt-5-mini' }, {}] });
  });

  test('Anthropic, with the key in either header', async () => {
    const body = { model: 'claude-sonnet-5', max_tokens: 10, messages };
    for (const headers of [
      anthropicHeaders,
      { ...bearer(KEY.anthropic), 'anthropic-version': '2026-10-21' },
    ]) {
      const answer = await post('/v1/messages', headers, body);
      expect(await answer.json()).toMatchObject({
        content: [{ type: 'text', text: 'The anthropic stub heard: hello there' }],
        usage: { input_tokens: 3, output_tokens: 10 },
      });
    }
  });

  test('Anthropic stream, from message_start to message_stop', async () => {
    const body = { model: 'claude-sonnet-5', max_tokens: 10, messages, stream: true };
    const seen = events(await (await post('/v1/messages', anthropicHeaders, body)).text()).map(
      (data) => JSON.parse(data) as { type: string; usage?: unknown },
    );
    expect(seen[0]!.type).toBe('message_start');
    expect(seen.at(-2)).toMatchObject({ type: 'message_delta', usage: { output_tokens: 10 } });
    expect(seen.at(-1)!.type).toBe('message_stop');
  });

  test.each(['v1', 'v1beta'])('Gemini %s', async (version) => {
    const contents = [{ role: 'user', parts: [{ text: 'hello there' }] }];
    const headers = { 'x-goog-api-key': KEY.gemini };
    const whole = await post(`/${version}/models/gemini-3:generateContent`, headers, { contents });
    expect(await whole.json()).toMatchObject({
      candidates: [{ content: { parts: [{ text: 'The gemini stub heard: hello there' }] } }],
    });
    const path = `/${version}/models/gemini-3:streamGenerateContent?alt=sse`;
    const text = await (await post(path, headers, { contents })).text();
    expect(text).toContain('\r\n\r\n');
    expect(JSON.parse(events(text).at(-1)!)).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: { totalTokenCount: 12 },
    });
  });

  test('Gemini, with the key in the query', async () => {
    const contents = [{ role: 'user', parts: [{ text: 'hello there' }] }];
    const path = (key: string): string => `/v1beta/models/gemini-3:generateContent?key=${key}`;
    expect((await post(path(KEY.gemini), {}, { contents })).status).toBe(200);
    expect((await post(path('wrong'), {}, { contents })).status).toBe(400);
  });

  test('Gemini file upload: the address is the permission, but a wrong key beside it is refused', async () => {
    const start = await fetch(`${origin}/upload/v1beta/files`, {
      method: 'POST',
      headers: {
        'x-goog-api-key': KEY.gemini,
        'x-goog-upload-command': 'start',
        'x-goog-upload-header-content-length': '5',
        'x-goog-upload-header-content-type': 'text/plain',
      },
    });
    const address = new URL(start.headers.get('x-goog-upload-url')!);
    expect(address.origin).toBe('https://generativelanguage.googleapis.com');
    const send = (offset: number, command: string, body: string, headers: Headers = {}): Promise<Response> =>
      fetch(origin + address.pathname + address.search, {
        method: 'POST',
        headers: { 'x-goog-upload-offset': String(offset), 'x-goog-upload-command': command, ...headers },
        body,
      });
    expect((await send(0, 'upload', 'abc', { 'x-goog-api-key': 'wrong' })).status).toBe(400);
    expect((await send(0, 'upload', 'abc')).headers.get('x-goog-upload-status')).toBe('active');
    expect((await send(3, 'upload, finalize', 'd')).status).toBe(400);
    expect(await (await send(3, 'upload, finalize', 'de')).json()).toMatchObject({
      file: { sizeBytes: '5', mimeType: 'text/plain', state: 'ACTIVE' },
    });
  });

  test('Groq transcription', async () => {
    const form = new FormData();
    form.set('file', new Blob([Buffer.alloc(100)]), 'speech.wav');
    const answer = await fetch(`${origin}/openai/v1/audio/transcriptions`, {
      method: 'POST',
      headers: bearer(KEY.groq),
      body: form,
    });
    expect(await answer.json()).toMatchObject({ text: '100 bytes of speech.wav' });
  });

  test('Groq reports usage in its own place, unasked', async () => {
    const body = { model: 'llama', messages, stream: true };
    const answer = await post('/openai/v1/chat/completions', bearer(KEY.groq), body);
    const last = JSON.parse(events(await answer.text()).at(-2)!) as unknown;
    expect(last).toMatchObject({ x_groq: { usage: { total_tokens: 11 } } });
  });
});

describe('a wrong key', () => {
  test.each([
    ['OpenAI', '/v1/chat/completions', bearer('sk-proj-wrong-wrong-wrong-MxYA'), 401, 'sk-pro…MxYA'],
    ['Anthropic', '/v1/messages', { ...anthropicHeaders, 'x-api-key': 'wrong' }, 401, 'invalid x-api-key'],
    ['Gemini', '/v1/models/g:generateContent', { 'x-goog-api-key': 'wrong' }, 400, 'API_KEY_INVALID'],
    ['Groq', '/openai/v1/chat/completions', bearer('wrong'), 401, 'Invalid API Key'],
    ["OpenAI, with Anthropic's", '/v1/chat/completions', bearer(KEY.anthropic), 401, 'Incorrect API key'],
    ['Gemini, none', '/v1/models/g:generateContent', {}, 403, 'unregistered callers'],
  ] as const)('%s answers in its own format', async (_name, path, headers, status, text) => {
    const answer = await post(path, headers, { model: 'x', messages });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(text);
  });
});

test('a key that the API calls revoked is shown in parts, as the API does', async () => {
  const answer = await post('/v1/chat/completions', bearer(KEY.openai), { model: 'fail.401', messages });
  expect(answer.status).toBe(401);
  expect(await answer.text()).toContain('sk-pro…ABCD');
});

describe('echo behaviours', () => {
  const chat = (model: string, stream = false): Promise<Response> =>
    post('/v1/chat/completions', bearer(KEY.openai), { model, messages, stream });

  test.each([
    ['echo-key', KEY.openai],
    ['echo-key.base64', Buffer.from(KEY.openai).toString('base64')],
    ['echo-key.hex', Buffer.from(KEY.openai).toString('hex')],
    ['echo-key.error', KEY.openai],
  ])('%s in the body', async (model, text) => {
    expect(await (await chat(model)).text()).toContain(text);
  });

  test('in a header', async () => {
    expect((await chat('echo-key.header')).headers.get('x-echo')).toBe(KEY.openai);
  });

  test('in the status text', async () => {
    expect((await chat('echo-key.status')).statusText).toBe(`Echo ${KEY.openai}`);
  });

  test('in a trailer', async () => {
    const raw = await rawRequest(origin, JSON.stringify({ model: 'echo-key.trailer', messages }));
    expect(raw.text).toContain(`\r\nx-echo: ${KEY.openai}\r\n`);
  });

  test('in a stream, cut at the chosen byte', async () => {
    const raw = await rawRequest(origin, JSON.stringify({ model: 'echo-key.7', messages, stream: true }));
    expect(raw.text).not.toContain(KEY.openai);
    // The chunk ends inside the key: a chunk border stands between its halves.
    expect(raw.text).toMatch(new RegExp(`${KEY.openai.slice(0, 7)}\r\n[0-9a-f]+\r\n${KEY.openai.slice(7)}`));
  });
});

describe('the record', () => {
  const seen = async (path: string): Promise<unknown> => (await fetch(control + path)).json();

  test('tells which key came, without having it', async () => {
    await post('/v1/chat/completions', bearer(KEY.openai), { model: 'gpt-5-mini', messages });
    const fake = `sk-proj-seks${'x'.repeat(38)}`;
    await post('/v1/chat/completions', bearer(fake), { model: 'gpt-5-mini', messages });
    await post('/v1/messages', { 'anthropic-version': '1' }, { model: 'c', messages });
    expect(await seen('/summary')).toEqual({
      total: 3,
      expectedKey: 1,
      otherKey: 1,
      noKey: 1,
      fakeTokens: 1,
    });
    const requests = await seen('/requests');
    expect(requests).toMatchObject([
      { provider: 'openai', credential: 'sk-pro…ABCD', isExpectedKey: true, model: 'gpt-5-mini' },
      { provider: 'openai', credential: 'sk-pro…xxxx', isExpectedKey: false, isFakeToken: true },
      { provider: 'anthropic', isExpectedKey: false },
    ]);
    expect(JSON.stringify(requests)).not.toContain(KEY.openai);
    const [first] = requests as [{ id: number }];
    expect(await seen(`/requests?since=${first.id}`)).toHaveLength(2);
  });

  test('a path of no API is a 404, and is recorded', async () => {
    expect((await fetch(`${origin}/etc/passwd`)).status).toBe(404);
    expect(await seen('/requests')).toMatchObject([{ path: '/etc/passwd' }]);
  });

  test('a key can be replaced; the old one is refused', async () => {
    const ask = async (key: string): Promise<number> =>
      (await post('/openai/v1/chat/completions', bearer(key), { model: 'llama', messages })).status;
    await fetch(`${control}/keys/groq`, { method: 'POST', body: 'gsk_replaced_replaced_replaced' });
    expect([await ask(KEY.groq), await ask('gsk_replaced_replaced_replaced')]).toEqual([401, 200]);
    await fetch(`${control}/keys/groq`, { method: 'POST', body: KEY.groq });
    expect((await fetch(`${control}/keys/nobody`, { method: 'POST', body: 'x' })).status).toBe(404);
  });
});

/** the bytes of an answer as they came, with chunk borders and trailers */
function rawRequest(base: string, body: string): Promise<{ text: string }> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve({ text }));
    socket.write(
      [
        'POST /v1/chat/completions HTTP/1.1',
        'host: upstream',
        `authorization: Bearer ${KEY.openai}`,
        'content-type: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
        'te: trailers',
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  });
}
