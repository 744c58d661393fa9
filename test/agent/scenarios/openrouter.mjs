// An agent's use of the package @openrouter/sdk, which reads key and address from the environment, the key if told so.
import { OpenRouter } from '@openrouter/sdk';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new OpenRouter({
  apiKey: process.env.OPENROUTER_API_KEY,
  retryConfig: { strategy: 'none' },
});
const messages = [{ role: 'user', content: 'hello there' }];
const send = (request) => client.chat.send({ chatRequest: { messages, ...request } });
const tokens = (usage) => ({ prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens });

await runSteps({
  async chat() {
    const { choices, usage } = await send({ model: 'mistralai/mistral-small', stream: false });
    return { text: choices[0].message.content, usage: tokens(usage) };
  },
  async 'chat.stream'() {
    let text = '';
    let usage;
    for await (const chunk of await send({ model: 'mistralai/mistral-small', stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text !== '' && usage !== undefined, 'no text or no usage came');
    return { text, usage: tokens(usage) };
  },
  async embeddings() {
    const requestBody = { model: 'openai/text-embedding-3-small', input: ['one', 'two'] };
    const { data, usage } = await client.embeddings.generate({ requestBody });
    expect(data.length === 2, `${data.length} vectors of 2`);
    return { vectors: data.length, usage: { prompt_tokens: usage.promptTokens } };
  },
  async echo() {
    return { text: (await send({ model: 'echo-key', stream: false })).choices[0].message.content };
  },
  async 'error.key'() {
    const error = await thrown(() => send({ model: 'fail.401', stream: false }));
    expect(error.message.includes('User not found'), error.message);
    return error;
  },
});
