// An agent at work: calls one API through its vendor's unmodified SDK, which finds key and address in the environment.
//   node chat.mjs openai|anthropic|gemini|groq [--call chat|responses|embeddings|files|models] [--stream]
//                [--model M] [--prompt TEXT] [--retries N]
// Prints one line of JSON; ends with 1 when the SDK threw, and prints what it threw.
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    call: { type: 'string', default: 'chat' },
    stream: { type: 'boolean', default: false },
    model: { type: 'string' },
    prompt: { type: 'string', default: 'hello' },
    retries: { type: 'string' },
  },
});
const sdk = positionals[0] ?? 'openai';
const { call, stream, prompt } = values;
const options = values.retries === undefined ? {} : { maxRetries: Number(values.retries) };
const messages = [{ role: 'user', content: prompt }];

/** each gives {text} and, for a stream, the number of chunks */
const sdks = {
  async openai() {
    const { default: OpenAI, toFile } = await import('openai');
    const client = new OpenAI(options);
    const model = values.model ?? 'gpt-5-mini';
    if (call === 'models') return { text: (await client.models.list()).data.map((one) => one.id).join(' ') };
    if (call === 'embeddings') {
      const { data } = await client.embeddings.create({ model, input: prompt });
      return { text: data[0].embedding.map((value) => value.toFixed(2)).join(' ') };
    }
    if (call === 'files') {
      const file = await toFile(Buffer.from(prompt), 'notes.txt');
      const made = await client.files.create({ file, purpose: 'user_data' });
      return { text: `${made.filename} ${made.bytes}` };
    }
    if (call === 'responses') {
      if (!stream) return { text: (await client.responses.create({ model, input: prompt })).output_text };
      return collect(await client.responses.create({ model, input: prompt, stream }), (event) => event.delta);
    }
    return openaiChat(client, model);
  },
  async groq() {
    const { default: Groq } = await import('groq-sdk');
    return openaiChat(new Groq(options), values.model ?? 'llama-4-scout');
  },
  async anthropic() {
    const { default: Anthropic } = await import('@anthropic-ai/sdk');
    const client = new Anthropic(options);
    const body = { model: values.model ?? 'claude-sonnet-5', max_tokens: 256, messages };
    if (!stream) {
      const message = await client.messages.create(body);
      return { text: message.content.map((block) => block.text ?? '').join(''), usage: message.usage };
    }
    return collect(await client.messages.create({ ...body, stream }), (event) => event.delta?.text);
  },
  async gemini() {
    const { GoogleGenAI } = await import('@google/genai');
    const { models } = new GoogleGenAI({});
    const body = { model: values.model ?? 'gemini-3-flash', contents: prompt };
    if (!stream) {
      const answer = await models.generateContent(body);
      return { text: answer.text, usage: answer.usageMetadata };
    }
    return collect(await models.generateContentStream(body), (chunk) => chunk.text);
  },
};

async function openaiChat(client, model) {
  if (!stream) {
    const answer = await client.chat.completions.create({ model, messages });
    return { text: answer.choices[0].message.content, usage: answer.usage };
  }
  const chunks = await client.chat.completions.create({ model, messages, stream });
  return collect(chunks, (chunk) => chunk.choices[0]?.delta.content);
}

async function collect(events, textOf) {
  let text = '';
  let chunks = 0;
  for await (const event of events) {
    text += textOf(event) ?? '';
    chunks++;
  }
  return { text, chunks };
}

const head = { language: 'node', sdk, call, stream };
try {
  console.log(JSON.stringify({ ...head, ...(await sdks[sdk]()) }));
} catch (error) {
  const { name, message, status, code } = error;
  console.log(JSON.stringify({ ...head, error: { name, message, status, code, body: error.error } }));
  process.exitCode = 1;
}
