// An agent's use of the package @google/genai.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GoogleGenAI } from '@google/genai';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new GoogleGenAI({});
const model = 'gemini-3-flash';
const contents = 'hello there';
/** over the 8 MiB of one chunk, so that there are two */
const UPLOAD_BYTES = 9 * 1024 * 1024;
const LIVE_TIMEOUT_MS = 10_000;

await runSteps({
  async generate() {
    const { text, usageMetadata: usage } = await client.models.generateContent({ model, contents });
    return { text, usage };
  },

  async 'generate.stream'() {
    let text = '';
    let usage;
    for await (const chunk of await client.models.generateContentStream({ model, contents })) {
      text += chunk.text ?? '';
      usage = chunk.usageMetadata;
    }
    return { text, usage };
  },

  async upload() {
    const folder = mkdtempSync(join(tmpdir(), 'agent-'));
    try {
      const path = join(folder, 'notes.txt');
      writeFileSync(path, 'n'.repeat(UPLOAD_BYTES));
      const file = await client.files.upload({ file: path, config: { mimeType: 'text/plain' } });
      expect(file.sizeBytes === String(UPLOAD_BYTES), `${file.sizeBytes} bytes arrived`);
      return { name: file.name, bytes: Number(file.sizeBytes), uri: file.uri };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  live: () => talkLive(model),

  async echo() {
    return { text: (await client.models.generateContent({ model: 'echo-key', contents })).text };
  },

  // The stub cuts the key in two writes there.
  async 'echo.stream'() {
    let text = '';
    for await (const chunk of await client.models.generateContentStream({ model: 'echo-key.9', contents })) {
      text += chunk.text ?? '';
    }
    return { text };
  },

  'echo.live': () => talkLive('echo-key'),

  // This API repeats the whole key in the error for a suspended project.
  'echo.error': () => thrown(() => client.models.generateContent({ model: 'echo-key.error', contents })),

  // What the provider says when its key has been revoked.
  'error.key': () => thrown(() => client.models.generateContent({ model: 'fail.401', contents })),
  'error.denied': () => thrown(() => client.authTokens.create({ config: { uses: 1 } })),
});

/** asks one question over a Live connection */
async function talkLive(liveModel) {
  let text = '';
  let ended;
  const done = new Promise((resolve, reject) => (ended = { resolve, reject }));
  const limit = AbortSignal.timeout(LIVE_TIMEOUT_MS);
  limit.addEventListener('abort', () => ended.reject(limit.reason));
  const session = await client.live.connect({
    model: liveModel,
    config: { responseModalities: ['TEXT'] },
    callbacks: {
      onmessage(message) {
        for (const part of message.serverContent?.modelTurn?.parts ?? []) text += part.text ?? '';
        if (message.serverContent?.turnComplete) ended.resolve(message.usageMetadata);
      },
      onerror: (event) => ended.reject(event.error ?? new Error(event.message)),
      onclose: (event) => ended.reject(new Error(`closed: ${event.code} ${event.reason}`)),
    },
  });
  session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: contents }] }], turnComplete: true });
  const usage = await done;
  session.close();
  return { text, usage };
}
