// An agent's use of the package together-ai, which reads key and address from the environment.
import Together from 'together-ai';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new Together({ maxRetries: 0 });
const model = 'meta-llama/Llama-3.3-70B-Instruct-Turbo';
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
    const request = { model: 'BAAI/bge-base-en-v1.5', input: ['one', 'two'] };
    const { data } = await client.embeddings.create(request);
    expect(data.length === 2, `${data.length} vectors of 2`);
    return { vectors: data.length };
  },
  async echo() {
    const { choices } = await client.chat.completions.create({ model: 'echo-key', messages });
    return { text: choices[0].message.content };
  },
  async 'error.key'() {
    const error = await thrown(() => client.chat.completions.create({ model: 'fail.401', messages }));
    expect(error.status === 401 && error.message.includes('Invalid API key'), error.message);
    return error;
  },
});
