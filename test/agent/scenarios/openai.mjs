// An agent's use of the openai package: everything that comes over the wire in a form of its own.
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new OpenAI({ maxRetries: 0 });
const model = 'gpt-5-mini';
const messages = [{ role: 'user', content: 'hello there' }];
const UPLOAD_BYTES = 3_000_000;
const SOCKET_TIMEOUT_MS = 10_000;

await runSteps({
  async chat() {
    const { choices, usage } = await client.chat.completions.create({ model, messages });
    return { text: choices[0].message.content, usage };
  },

  // As it is without `stream_options`: no usage.
  async 'chat.stream'() {
    let text = '';
    let chunks = 0;
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
      chunks++;
    }
    expect(chunks > 2, 'the answer did not come in pieces');
    return { text, chunks };
  },

  async responses() {
    const { output_text: text, usage } = await client.responses.create({ model, input: 'hello there' });
    return { text, usage };
  },

  async 'responses.stream'() {
    const stream = await client.responses.create({ model, input: 'hello there', stream: true });
    let text = '';
    let usage;
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.completed') usage = event.response.usage;
    }
    expect(usage !== undefined, 'the stream did not complete');
    return { text, usage };
  },

  async embeddings() {
    const input = ['one text', 'another'];
    const { data, usage } = await client.embeddings.create({ model: 'text-embedding-3-small', input });
    expect(data.length === 2 && data[1].embedding.length > 0, 'not two vectors');
    return { size: data[0].embedding.length, usage };
  },

  // From a stream, so that the body is chunked and has no length.
  async upload() {
    const folder = mkdtempSync(join(tmpdir(), 'agent-'));
    try {
      const path = join(folder, 'notes.txt');
      writeFileSync(path, 'n'.repeat(UPLOAD_BYTES));
      const file = await client.files.create({ file: createReadStream(path), purpose: 'user_data' });
      expect(file.bytes === UPLOAD_BYTES, `${file.bytes} bytes arrived`);
      return { filename: file.filename, bytes: file.bytes };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  realtime: () => talk(new OpenAIRealtimeWS({ model: 'gpt-realtime' }, client)),

  // Node's own WebSocket, as a browser has it: no headers, the key in a subprotocol.
  'realtime.native': () =>
    talk(new OpenAIRealtimeWebSocket({ model: 'gpt-realtime', dangerouslyAllowBrowser: true }, client)),

  async 'responses.socket'() {
    const socket = new ResponsesWS(client);
    const completed = new Promise((resolve, reject) => {
      socket.on('response.completed', resolve);
      socket.on('error', reject);
    });
    socket.send({ type: 'response.create', model, input: 'hello there' });
    const { response } = await withLimit(completed);
    socket.close();
    return { text: response.output[0].content[0].text, usage: response.usage };
  },

  async echo() {
    const { choices } = await client.chat.completions.create({ model: 'echo-key', messages });
    return { text: choices[0].message.content };
  },

  async 'echo.stream'() {
    let text = '';
    // The stub cuts the key in two writes there.
    for await (const chunk of await client.chat.completions.create({
      model: 'echo-key.9',
      messages,
      stream: true,
    })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    return { text };
  },

  'echo.realtime': () => talk(new OpenAIRealtimeWS({ model: 'echo-key' }, client)),

  // What the provider says when its key has been revoked.
  'error.key': () => thrown(() => client.chat.completions.create({ model: 'fail.401', messages })),
  'error.denied': () => thrown(() => client.post('/organization/admin_api_keys', { body: { name: 'mine' } })),
});

/** asks one question over a realtime connection */
async function talk(realtime) {
  const opened = new Promise((resolve) => realtime.socket.addEventListener('open', resolve));
  const done = new Promise((resolve, reject) => {
    realtime.on('response.done', resolve);
    realtime.on('error', reject);
  });
  await withLimit(Promise.race([opened, done]));
  realtime.send({
    type: 'conversation.item.create',
    item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello there' }] },
  });
  realtime.send({ type: 'response.create' });
  const { response } = await withLimit(done);
  realtime.close();
  return { text: response.output[0].content[0].text, usage: response.usage };
}

function withLimit(promise) {
  const limit = AbortSignal.timeout(SOCKET_TIMEOUT_MS);
  return Promise.race([
    promise,
    new Promise((_resolve, reject) => limit.addEventListener('abort', () => reject(limit.reason))),
  ]);
}
