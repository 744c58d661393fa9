// What the simple APIs answer: chat in two formats, embeddings, and a few shapes of their own.
import { answerFor, applyBehaviour, behaviourOf, echoText } from './behaviour.ts';
import { chatCompletion } from './openai-chat.ts';
import { countTokens, jsonModel, lastContent, textOf, type Answer } from './provider-stub.ts';
import { eventStreamReply, jsonReply, namedEvent, type Reply } from './reply.ts';
import { heard, withEcho, type RestCall } from './rest-call.ts';

export type MakeReply = (call: RestCall) => Reply;

const EMBEDDING_SIZE = 8;

/** a chat in any format: the model decides, as with the other chat APIs, whether it echoes, is slow or fails */
function chatReply(format: (call: RestCall, answer: Answer, prompt: string) => Reply): MakeReply {
  return (call) => {
    const key = call.credential ?? '';
    const behaviour = behaviourOf(jsonModel(call));
    if (behaviour.kind === 'fail') return errorReply(behaviour.status, 'The stub was asked to fail.');
    if (behaviour.kind === 'echo' && behaviour.place === 'error') {
      return errorReply(403, `The key ${echoText(behaviour, key)} has been suspended.`);
    }
    const prompt = lastContent(call.json?.['messages']);
    const answer = answerFor(behaviour, call.host, prompt, key);
    return applyBehaviour(behaviour, format(call, answer, prompt), key);
  };
}

export function errorReply(status: number, message: string, code: string | null = null): Reply {
  return jsonReply({ error: { message, type: 'invalid_request_error', param: null, code } }, status);
}

export const openaiChat = chatReply((call, answer) =>
  chatCompletion(call, answer, { headers: () => ({}), whole: () => ({}), lastChunk: () => ({}) }),
);

export const cohereChat = chatReply((call, answer, prompt) => {
  const tokens = { input_tokens: countTokens(prompt), output_tokens: countTokens(answer.text) };
  const usage = { billed_units: tokens, tokens };
  const id = call.newId('');
  if (call.json?.['stream'] !== true) {
    const message = { role: 'assistant', content: [{ type: 'text', text: answer.text }] };
    return jsonReply({ id, finish_reason: 'COMPLETE', message, usage });
  }
  const events = [
    { type: 'message-start', id, delta: { message: { role: 'assistant', content: [] } } },
    { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } },
    ...answer.pieces.map((text) => ({
      type: 'content-delta',
      index: 0,
      delta: { message: { content: { text } } },
    })),
    { type: 'content-end', index: 0 },
    { type: 'message-end', id, delta: { finish_reason: 'COMPLETE', usage } },
  ];
  return eventStreamReply(events.map(namedEvent));
});

/** the model is part of the path here, and contents have no type */
export const bedrockConverse = chatReply((_call, answer, prompt) => {
  const inputTokens = countTokens(prompt);
  const outputTokens = countTokens(answer.text);
  return jsonReply({
    output: { message: { role: 'assistant', content: [{ text: answer.text }] } },
    stopReason: 'end_turn',
    usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens },
    metrics: { latencyMs: 12 },
  });
});

export const embeddings: MakeReply = (call) => {
  const input = call.json?.['input'];
  const texts = Array.isArray(input) ? input.map(String) : [textOf(input)];
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  const data = texts.map((text, index) => {
    const embedding = Array.from({ length: EMBEDDING_SIZE }, (_, i) => (text.length + i) / 100);
    return { object: 'embedding', index, embedding };
  });
  return jsonReply({ object: 'list', data, model: jsonModel(call) ?? '', usage: { total_tokens: tokens } });
};

/** a JSON answer that repeats what the request asked for, so that it can be asked for the key */
function repeating(
  ask: (call: RestCall) => unknown,
  body: (text: string, call: RestCall) => unknown,
): MakeReply {
  return (call) => {
    const given = ask(call);
    const asked = typeof given === 'string' ? given : '';
    return withEcho(call, asked, jsonReply(body(heard(call, asked, `about ${asked}`), call)));
  };
}

export const tavilySearch = repeating(
  (call) => call.json?.['query'],
  (text) => ({
    query: text,
    results: [{ title: text, url: 'https://example.invalid/1', content: text, score: 0.9 }],
    response_time: 0.1,
    usage: { credits: 1 },
  }),
);

export const braveSearch = repeating(
  (call) => call.query.get('q'),
  (text) => ({
    type: 'search',
    query: { original: text },
    web: { type: 'search', results: [{ title: text, url: 'https://example.invalid/1' }] },
  }),
);

export const linearGraphql = repeating(
  (call) => (call.json?.['variables'] as { name?: unknown } | undefined)?.name,
  (text) => ({ data: { viewer: { id: 'user-1', name: text } } }),
);

export const resendEmail = repeating(
  (call) => call.json?.['subject'],
  (text, call) => ({ id: call.newId(''), subject: text }),
);

export const whoAmI: MakeReply = () => jsonReply({ type: 'user', name: 'octo-agent', orgs: [] });

export const sendgridMail: MakeReply = (call) => ({
  status: 202,
  headers: { 'content-length': '0', 'x-message-id': call.newId('') },
  parts: [],
});

/** sound in many small writes, as it is made */
export const speech: MakeReply = () => ({
  status: 200,
  headers: { 'content-type': 'audio/mpeg' },
  parts: Array.from({ length: 8 }, (_, index) => Buffer.alloc(4096, index)),
  gapMs: 1,
});

/** the index has a host of its own, which only this answer tells */
export const pineconeIndex: MakeReply = (call) => {
  const name = call.path.split('/').at(-1) ?? '';
  const host = `${name}-abc1234.svc.aped-1234.pinecone.io`;
  return jsonReply({
    name,
    dimension: EMBEDDING_SIZE,
    metric: 'cosine',
    host,
    status: { ready: true, state: 'Ready' },
  });
};

export const pineconeQuery = repeating(
  (call) => call.json?.['id'],
  (text) => ({ matches: [{ id: text, score: 0.9 }], namespace: '', usage: { readUnits: 5 } }),
);
