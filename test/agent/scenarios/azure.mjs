// An agent's use of AzureOpenAI of the package openai, which reads key, address and version from the environment.
import { AzureOpenAI } from 'openai';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new AzureOpenAI({ maxRetries: 0 });
const model = 'gpt-5-mini';
const messages = [{ role: 'user', content: 'hello there' }];

await runSteps({
  async chat() {
    const { choices, usage } = await client.chat.completions.create({ model, messages });
    return { text: choices[0].message.content, usage };
  },
  async 'chat.stream'() {
    const options = { stream: true, stream_options: { include_usage: true } };
    let text = '';
    let usage;
    for await (const chunk of await client.chat.completions.create({ model, messages, ...options })) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text !== '' && usage !== undefined, 'no text or no usage came');
    return { text, usage };
  },
  async embeddings() {
    const { data, usage } = await client.embeddings.create({
      model: 'text-embedding-3-small',
      input: ['one', 'two'],
    });
    expect(data.length === 2 && data[1].embedding.length > 0, 'vectors are missing');
    return { vectors: data.length, usage };
  },
  async echo() {
    const { choices } = await client.chat.completions.create({ model: 'echo-key', messages });
    return { text: choices[0].message.content };
  },
  async 'error.key'() {
    const error = await thrown(() => client.chat.completions.create({ model: 'fail.401', messages }));
    expect(error.status === 401 && error.message.includes('Access denied'), error.message);
    return error;
  },
});
