// An agent that uses the many simple APIs: plain requests, and the OpenAI SDK for those that say to use it.
import OpenAI, { AzureOpenAI } from 'openai';
import { expect, runSteps } from './steps.mjs';

const { env } = process;
const messages = [{ role: 'user', content: 'hello' }];
const bearer = (key) => ({ authorization: `Bearer ${key}` });

/** posts JSON, or gets when there is no body; an answer that is no success is thrown */
async function call(url, headers, body) {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.ok) return answer;
  throw Object.assign(new Error(await answer.text()), { status: answer.status });
}

const json = async (...args) => (await call(...args)).json();

/** one chat in the common format, by plain request */
async function chat(url, key, model = 'some-model') {
  const answer = await json(url, bearer(key), { model, messages });
  return { text: answer.choices[0].message.content, usage: answer.usage };
}

/** one streamed chat through the OpenAI SDK */
async function stream(client) {
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

await runSteps({
  async mistral() {
    const body = { model: 'mistral-embed', input: ['one', 'two'] };
    const vectors = await json('https://api.mistral.ai/v1/embeddings', bearer(env.MISTRAL_API_KEY), body);
    expect(vectors.data.length === 2, `${vectors.data.length} vectors of 2`);
    return chat('https://api.mistral.ai/v1/chat/completions', env.MISTRAL_API_KEY);
  },
  async cohere() {
    const body = { model: 'command-a', messages };
    const answer = await json('https://api.cohere.com/v2/chat', bearer(env.CO_API_KEY), body);
    return { text: answer.message.content[0].text, usage: answer.usage };
  },
  async 'cohere.stream'() {
    const body = { model: 'command-a', messages, stream: true };
    const answer = await call('https://api.cohere.com/v2/chat', bearer(env.CO_API_KEY), body);
    const text = await answer.text();
    expect(text.includes('event: message-end'), 'the stream has no end');
    return { bytes: text.length };
  },
  xai: () => stream(new OpenAI({ apiKey: env.XAI_API_KEY, baseURL: 'https://api.x.ai/v1' })),
  deepseek: () => stream(new OpenAI({ apiKey: env.DEEPSEEK_API_KEY, baseURL: 'https://api.deepseek.com' })),
  openrouter() {
    const baseURL = env.OPENROUTER_BASE_URL ?? 'https://openrouter.ai/api/v1';
    return stream(new OpenAI({ apiKey: env.OPENROUTER_API_KEY, baseURL }));
  },
  together() {
    const baseURL = env.TOGETHER_BASE_URL ?? 'https://api.together.ai/v1';
    return stream(new OpenAI({ apiKey: env.TOGETHER_API_KEY, baseURL }));
  },
  async huggingface() {
    const { name } = await json(
      `${env.HF_ENDPOINT ?? 'https://huggingface.co'}/api/whoami-v2`,
      bearer(env.HF_TOKEN),
    );
    return { name };
  },
  'huggingface.router': () => chat('https://router.huggingface.co/v1/chat/completions', env.HF_TOKEN),
  async linear() {
    const query = 'query Me($name: String) { viewer { id name } }';
    const body = { query, variables: { name: 'me' } };
    // No scheme: the header is the key.
    const answer = await json('https://api.linear.app/graphql', { authorization: env.LINEAR_API_KEY }, body);
    return { name: answer.data.viewer.name };
  },
  async sendgrid() {
    const address = { email: 'agent@example.com' };
    const body = {
      personalizations: [{ to: [address] }],
      from: address,
      subject: 'Hello',
      content: [{ type: 'text/plain', value: 'Hello.' }],
    };
    const answer = await call('https://api.sendgrid.com/v3/mail/send', bearer(env.SENDGRID_API_KEY), body);
    expect(answer.status === 202, `status ${answer.status}`);
    return { status: answer.status };
  },
  async resend() {
    const body = { from: 'a@example.com', to: 'b@example.com', subject: 'Hello', text: 'Hello.' };
    const base = env.RESEND_BASE_URL ?? 'https://api.resend.com';
    const { subject } = await json(`${base}/emails`, bearer(env.RESEND_API_KEY), body);
    return { subject };
  },
  // Key, address and version are read from the environment.
  azure: () => stream(new AzureOpenAI({ deployment: 'gpt-5-mini' })),
  async bedrock() {
    const base = env.AWS_ENDPOINT_URL_BEDROCK_RUNTIME ?? 'https://bedrock-runtime.us-east-1.amazonaws.com';
    const body = { messages: [{ role: 'user', content: [{ text: 'hello' }] }] };
    const url = `${base}/model/amazon.nova-lite-v1%3A0/converse`;
    const answer = await json(url, bearer(env.AWS_BEARER_TOKEN_BEDROCK), body);
    return { text: answer.output.message.content[0].text, usage: answer.usage };
  },
  async tavily() {
    const body = { query: 'weather' };
    const { results } = await json('https://api.tavily.com/search', bearer(env.TAVILY_API_KEY), body);
    return { title: results[0].title };
  },
  async brave() {
    const url = 'https://api.search.brave.com/res/v1/web/search?q=weather';
    const { web } = await json(url, { 'x-subscription-token': env.BRAVE_API_KEY });
    return { title: web.results[0].title };
  },
  async elevenlabs() {
    const url = 'https://api.elevenlabs.io/v1/text-to-speech/some-voice';
    const answer = await call(url, { 'xi-api-key': env.ELEVENLABS_API_KEY }, { text: 'Hello.' });
    const { byteLength } = await answer.arrayBuffer();
    expect(byteLength === 32_768, `${byteLength} bytes of sound`);
    return { byteLength };
  },
  perplexity() {
    const baseURL = env.PERPLEXITY_BASE_URL ?? 'https://api.perplexity.ai';
    return chat(`${baseURL}/chat/completions`, env.PERPLEXITY_API_KEY);
  },
  fireworks: () => chat('https://api.fireworks.ai/inference/v1/chat/completions', env.FIREWORKS_API_KEY),
  async voyage() {
    const body = { model: 'voyage-3', input: ['one', 'two'] };
    const answer = await json('https://api.voyageai.com/v1/embeddings', bearer(env.VOYAGE_API_KEY), body);
    return { vectors: answer.data.length, usage: answer.usage };
  },
  // The index has a host of its own, which only the answer tells.
  async pinecone() {
    const headers = { 'api-key': env.PINECONE_API_KEY, 'x-pinecone-api-version': '2025-10' };
    const base = env.PINECONE_CONTROLLER_HOST ?? 'https://api.pinecone.io';
    const { host } = await json(`${base}/indexes/movies`, headers);
    const origin = /^https?:/.test(host) ? host : `https://${host}`;
    const { matches } = await json(`${origin}/query`, headers, { id: 'vec1', topK: 3 });
    return { host, match: matches[0].id };
  },
  async echo() {
    const { text } = await chat(
      'https://api.mistral.ai/v1/chat/completions',
      env.MISTRAL_API_KEY,
      'echo-key',
    );
    return { text };
  },
});
