// An agent's use of the package @langchain/openai.
import { ChatOpenAI } from '@langchain/openai';
import { expect, runSteps, thrown } from './steps.mjs';

const prompt = 'hello there';

await runSteps({
  async invoke() {
    const { text, usage_metadata: usage } = await chat('gpt-5-mini').invoke(prompt);
    return { text, usage };
  },

  async stream() {
    let text = '';
    let usage;
    for await (const chunk of await chat('gpt-5-mini').stream(prompt)) {
      text += chunk.text;
      usage = chunk.usage_metadata ?? usage;
    }
    expect(usage !== undefined, 'no usage came');
    return { text, usage };
  },

  async echo() {
    return { text: (await chat('echo-key').invoke(prompt)).text };
  },

  // What the provider says when its key has been revoked.
  'error.key': () => thrown(() => chat('fail.401').invoke(prompt)),
});

function chat(model) {
  return new ChatOpenAI({ model, maxRetries: 0 });
}
