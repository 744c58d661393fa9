// An agent's use of the package @anthropic-ai/sdk.
import Anthropic from '@anthropic-ai/sdk';
import { runSteps, thrown } from './steps.mjs';

const client = new Anthropic({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'hello there' }];
const body = { model: 'claude-sonnet-5', max_tokens: 256, messages };

await runSteps({
  async messages() {
    const { content, usage } = await client.messages.create(body);
    return { text: content[0].text, usage };
  },

  async 'messages.stream'() {
    let text = '';
    const stream = client.messages.stream(body).on('text', (piece) => (text += piece));
    const { usage } = await stream.finalMessage();
    return { text, usage };
  },

  async 'messages.count'() {
    const { input_tokens: tokens } = await client.messages.countTokens({ model: body.model, messages });
    return { tokens };
  },

  async echo() {
    const { content } = await client.messages.create({ ...body, model: 'echo-key' });
    return { text: content[0].text };
  },

  // The stub cuts the key in two writes there.
  async 'echo.stream'() {
    return { text: await client.messages.stream({ ...body, model: 'echo-key.9' }).finalText() };
  },

  // What the provider says when its key has been revoked.
  'error.key': () => thrown(() => client.messages.create({ ...body, model: 'fail.401' })),
  'error.denied': () => thrown(() => client.get('/v1/organizations/me')),
});
