// An agent's use of the package cohere-ai, which reads its key from the environment but not its address.
import { CohereClientV2 } from 'cohere-ai';
import { expect, runSteps, thrown } from './steps.mjs';

const { CO_API_URL: baseUrl } = process.env;
const client = new CohereClientV2(baseUrl === undefined ? {} : { baseUrl });
const model = 'command-a-03-2025';
const messages = [{ role: 'user', content: 'hello there' }];
const once = { maxRetries: 0 };
const tokens = ({ inputTokens, outputTokens }) => ({ inputTokens, outputTokens });

await runSteps({
  async chat() {
    const { message, usage } = await client.chat({ model, messages });
    return { text: message.content[0].text, usage: tokens(usage.tokens) };
  },
  async 'chat.stream'() {
    let text = '';
    let usage;
    for await (const event of await client.chatStream({ model, messages })) {
      if (event.type === 'content-delta') text += event.delta.message.content.text;
      if (event.type === 'message-end') usage = event.delta.usage.tokens;
    }
    expect(text !== '' && usage !== undefined, 'no text or no usage came');
    return { text, usage: tokens(usage) };
  },
  async embed() {
    const request = { model: 'embed-v4.0', inputType: 'search_query', embeddingTypes: ['float'] };
    const { embeddings } = await client.embed({ ...request, texts: ['one', 'two'] });
    expect(embeddings.float.length === 2, 'vectors are missing');
    return { vectors: embeddings.float.length };
  },
  async rerank() {
    const { results } = await client.rerank({
      model: 'rerank-v3.5',
      query: 'what',
      documents: ['short', 'rather longer'],
    });
    expect(results[0].index === 1, `document ${results[0].index} came first`);
    return { score: results[0].relevanceScore };
  },
  async echo() {
    return { text: (await client.chat({ model: 'echo-key', messages })).message.content[0].text };
  },
  async 'error.key'() {
    const error = await thrown(() => client.chat({ model: 'fail.401', messages }, once));
    expect(error.message.includes('invalid api token'), error.message);
    return error;
  },
});
