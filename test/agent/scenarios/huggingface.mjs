// An agent's use of the package @huggingface/inference: it asks the hub who runs a model, and the router to run it.
import { InferenceClient } from '@huggingface/inference';
import { expect, runSteps, thrown } from './steps.mjs';

const client = new InferenceClient(process.env.HF_TOKEN);
const model = 'meta-llama/Llama-3.3-70B-Instruct';
const messages = [{ role: 'user', content: 'hello there' }];

await runSteps({
  async chat() {
    const { choices, usage } = await client.chatCompletion({ model, messages });
    return { text: choices[0].message.content, usage };
  },
  async 'chat.stream'() {
    let text = '';
    let usage;
    for await (const chunk of client.chatCompletionStream({
      model,
      messages,
      stream_options: { include_usage: true },
    })) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text !== '' && usage !== undefined, 'no text or no usage came');
    return { text, usage };
  },
  async features() {
    const vectors = await client.featureExtraction({
      model: 'BAAI/bge-small-en-v1.5',
      provider: 'hf-inference',
      inputs: ['one', 'two'],
    });
    expect(vectors.length === 2, `${vectors.length} vectors of 2`);
    return { vectors: vectors.length };
  },
  async echo() {
    const { choices } = await client.chatCompletion({ model: 'echo-key', messages });
    return { text: choices[0].message.content };
  },
  async 'error.key'() {
    const error = await thrown(() => client.chatCompletion({ model: 'fail.401', messages }));
    expect(error.message.includes('Invalid username or password'), error.message);
    return error;
  },
});
