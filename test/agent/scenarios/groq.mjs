// An agent's use of the package groq-sdk.
import Groq, { toFile } from 'groq-sdk';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new Groq({ maxRetries: 0 });
const model = 'llama-4-scout';
const messages = [{ role: 'user', content: 'hello there' }];
const AUDIO_BYTES = 2_000_000;

await runSteps({
  async chat() {
    const { choices, usage } = await client.chat.completions.create({ model, messages });
    return { text: choices[0].message.content, usage };
  },

  async 'chat.stream'() {
    let text = '';
    let usage;
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage ??= chunk.x_groq?.usage;
    }
    expect(usage !== undefined, 'no usage came');
    return { text, usage };
  },

  async transcription() {
    const file = await toFile(Buffer.alloc(AUDIO_BYTES), 'speech.wav');
    const { text } = await client.audio.transcriptions.create({ file, model: 'whisper-large-v3' });
    expect(text.startsWith(String(AUDIO_BYTES)), text);
    return { text };
  },

  async echo() {
    const { choices } = await client.chat.completions.create({ model: 'echo-key', messages });
    return { text: choices[0].message.content };
  },

  // What the provider says when its key has been revoked.
  'error.key': () => thrown(() => client.chat.completions.create({ model: 'fail.401', messages })),
});
