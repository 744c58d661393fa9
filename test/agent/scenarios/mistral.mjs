// An agent's use of the package @mistralai/mistralai, which reads no address from the environment.
import { Mistral } from '@mistralai/mistralai';
import { expect, runSteps, thrown } from './steps.mjs';

const { MISTRAL_API_KEY: apiKey, MISTRAL_BASE_URL: serverURL } = process.env;
const client = new Mistral({ apiKey, serverURL, retryConfig: { strategy: 'none' } });
const messages = [{ role: 'user', content: 'hello there' }];
const tokens = (usage) => ({ prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens });

await runSteps({
  async chat() {
    const { choices, usage } = await client.chat.complete({ model: 'mistral-large-2512', messages });
    return { text: choices[0].message.content, usage: tokens(usage) };
  },
  async 'chat.stream'() {
    let text = '';
    let usage;
    for await (const { data } of await client.chat.stream({ model: 'mistral-large-2512', messages })) {
      text += data.choices[0]?.delta.content ?? '';
      usage = data.usage ?? usage;
    }
    expect(usage !== undefined, 'no usage came');
    return { text, usage: tokens(usage) };
  },
  async embeddings() {
    const { data, usage } = await client.embeddings.create({
      model: 'mistral-embed',
      inputs: ['one', 'two'],
    });
    expect(data.length === 2 && data[1].embedding.length > 0, 'vectors are missing');
    return { vectors: data.length, usage: tokens(usage) };
  },
  async echo() {
    return {
      text: (await client.chat.complete({ model: 'echo-key', messages })).choices[0].message.content,
    };
  },
  async 'error.key'() {
    const error = await thrown(() => client.chat.complete({ model: 'fail.401', messages }));
    expect(error.message.includes('Unauthorized'), error.message);
    return error;
  },
});
