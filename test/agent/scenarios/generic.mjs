// An agent that uses simple APIs without an SDK of their vendors: plain requests, or the OpenAI SDK where the vendor says so.
import OpenAI from 'openai';
import { expect, runSteps } from './steps.mjs';

const { env } = process;
const messages = [{ role: 'user', content: 'hello' }];
const bearer = (key) => ({ authorization: `Bearer ${key}` });

/** posts JSON, or gets when there is no body; an answer that is no success is thrown */
async function json(url, headers, body) {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.ok) return answer.json();
  throw Object.assign(new Error(await answer.text()), { status: answer.status });
}

/** one streamed chat through the OpenAI SDK */
async function stream(apiKey, baseURL) {
  const client = new OpenAI({ apiKey, baseURL });
  let text = '';
  let usage;
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create({
    model: 'some-model',
    messages,
    ...options,
  })) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  expect(text !== '' && usage?.total_tokens > 0, 'the stream has no text or no usage');
  return { text, usage };
}

async function brave(query) {
  const url = `https://api.search.brave.com/res/v1/web/search?q=${query}`;
  const { web } = await json(url, { 'x-subscription-token': env.BRAVE_API_KEY });
  return { title: web.results[0].title };
}

await runSteps({
  xai: () => stream(env.XAI_API_KEY, 'https://api.x.ai/v1'),
  deepseek: () => stream(env.DEEPSEEK_API_KEY, 'https://api.deepseek.com'),
  fireworks: () => stream(env.FIREWORKS_API_KEY, 'https://api.fireworks.ai/inference/v1'),
  async huggingface() {
    const base = env.HF_ENDPOINT ?? 'https://huggingface.co';
    const { name } = await json(`${base}/api/whoami-v2`, bearer(env.HF_TOKEN));
    return { name };
  },
  async 'huggingface.router'() {
    const url = 'https://router.huggingface.co/v1/chat/completions';
    const answer = await json(url, bearer(env.HF_TOKEN), { model: 'some-model', messages });
    return { text: answer.choices[0].message.content, usage: answer.usage };
  },
  brave: () => brave('weather'),
  echo: () => brave('echo-key'),
});
