// An agent that calls xAI, DeepSeek and Fireworks by the packages that these name: the AI SDK's, which read no address.
import { createDeepSeek } from '@ai-sdk/deepseek';
import { createFireworks } from '@ai-sdk/fireworks';
import { createXai } from '@ai-sdk/xai';
import { embedMany, generateText, streamText } from 'ai';
import { expect, runSteps } from './steps.mjs';

const { XAI_BASE_URL, DEEPSEEK_BASE_URL, FIREWORKS_BASE_URL } = process.env;
const at = (baseURL) => (baseURL === undefined ? {} : { baseURL });
const xai = createXai(at(XAI_BASE_URL));
const deepseek = createDeepSeek(at(DEEPSEEK_BASE_URL));
const fireworks = createFireworks(at(FIREWORKS_BASE_URL));
const prompt = 'hello there';

async function generate(model) {
  const { text, usage } = await generateText({ model, prompt, maxRetries: 0 });
  return { text, usage };
}

async function stream(model) {
  const result = streamText({ model, prompt, maxRetries: 0 });
  let text = '';
  for await (const piece of result.textStream) text += piece;
  expect(text !== '', 'no text came');
  return { text, usage: await result.usage };
}

async function refused(model, words) {
  const { statusCode, message } = await generate(model).then(
    () => ({ message: 'the call should have failed' }),
    (error) => error,
  );
  expect(statusCode === 401 && message.includes(words), `${statusCode} ${message}`);
  return { statusCode, message };
}

await runSteps({
  xai: () => generate(xai('grok-4')),
  'xai.stream': () => stream(xai('grok-4')),
  deepseek: () => generate(deepseek('deepseek-chat')),
  'deepseek.stream': () => stream(deepseek('deepseek-chat')),
  fireworks: () => generate(fireworks('accounts/fireworks/models/qwen3-8b')),
  'fireworks.stream': () => stream(fireworks('accounts/fireworks/models/qwen3-8b')),
  async 'fireworks.embeddings'() {
    const model = fireworks.embeddingModel('nomic-ai/nomic-embed-text-v1.5');
    const { embeddings } = await embedMany({ model, values: ['one', 'two'] });
    expect(embeddings.length === 2, `${embeddings.length} vectors of 2`);
    return { vectors: embeddings.length };
  },
  'xai.echo': () => generate(xai('echo-key')),
  'deepseek.echo': () => generate(deepseek('echo-key')),
  'fireworks.echo': () => generate(fireworks('echo-key')),
  'xai.error.key': () => refused(xai('fail.401'), 'Incorrect API key provided'),
  'deepseek.error.key': () => refused(deepseek('fail.401'), 'Authentication Fails'),
  'fireworks.error.key': () => refused(fireworks('fail.401'), 'API key you provided is invalid'),
});
