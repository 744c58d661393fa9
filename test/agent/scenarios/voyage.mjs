// An agent's use of the package voyageai, which reads its key from the environment but not its address.
import { VoyageAIClient } from 'voyageai';
import { expect, runSteps, thrown } from './steps.mjs';

const { VOYAGE_BASE_URL: environment } = process.env;
const client = new VoyageAIClient({
  maxRetries: 0,
  ...(environment === undefined ? {} : { environment }),
});

await runSteps({
  async embed() {
    const { data, usage } = await client.embed({ model: 'voyage-3.5', input: ['one', 'two'] });
    expect(data.length === 2 && data[1].embedding.length > 0, 'vectors are missing');
    return { vectors: data.length, total: usage.totalTokens };
  },
  async rerank() {
    const documents = ['short', 'rather longer'];
    const { data } = await client.rerank({ model: 'rerank-2.5', query: 'what', documents });
    expect(data[0].index === 1, `document ${data[0].index} came first`);
    return { score: data[0].relevanceScore };
  },
  async echo() {
    const { model } = await client.embed({ model: 'echo-key', input: 'one' });
    return { model };
  },
  async 'error.key'() {
    const error = await thrown(() => client.embed({ model: 'fail.401', input: 'one' }));
    expect(error.message.includes('Provided API key is invalid'), error.message);
    return error;
  },
});
