// An agent's use of the packages ai and @ai-sdk/openai.
import { openai } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import { expect, runSteps, thrown } from './steps.mjs';

const prompt = 'hello there';
const maxRetries = 0;

await runSteps({
  async generate() {
    const { text, usage } = await generateText({ model: openai('gpt-5-mini'), prompt, maxRetries });
    return { text, usage };
  },

  stream: () => collect(openai('gpt-5-mini')),

  // The other of OpenAI's APIs; this package asks it for usage by itself.
  'chat.stream': () => collect(openai.chat('gpt-5-mini')),

  async echo() {
    return { text: (await generateText({ model: openai('echo-key'), prompt, maxRetries })).text };
  },

  // What the provider says when its key has been revoked.
  'error.key': () => thrown(() => generateText({ model: openai('fail.401'), prompt, maxRetries })),
});

async function collect(model) {
  const result = streamText({ model, prompt, maxRetries });
  let text = '';
  for await (const piece of result.textStream) text += piece;
  const usage = await result.usage;
  expect(usage.outputTokens > 0, 'no usage came');
  return { text, usage };
}
