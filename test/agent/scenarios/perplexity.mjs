// An agent's use of the package @perplexity-ai/perplexity_ai, which reads key and address from the environment.
import Perplexity from '@perplexity-ai/perplexity_ai';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new Perplexity({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'hello there' }];

await runSteps({
  async chat() {
    const { choices, usage } = await client.chat.completions.create({ model: 'sonar', messages });
    return { text: choices[0].message.content, usage };
  },
  async 'chat.stream'() {
    let text = '';
    let usage;
    for await (const chunk of await client.chat.completions.create({
      model: 'sonar',
      messages,
      stream: true,
    })) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text !== '' && usage !== undefined, 'no text or no usage came');
    return { text, usage };
  },
  async search() {
    const { results } = await client.search.create({ query: 'weather', max_results: 3 });
    return { title: results[0].title };
  },
  async echo() {
    const { results } = await client.search.create({ query: 'echo-key' });
    return { title: results[0].title };
  },
  async 'error.key'() {
    const error = await thrown(() => client.search.create({ query: 'fail.401' }));
    expect(error.status === 401 && error.message.includes('Invalid API key'), error.message);
    return error;
  },
});
