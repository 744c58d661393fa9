// What the simple APIs answer: chat in several formats, and a few shapes of their own.
import { answerFor, applyBehaviour, behaviourOf, echoText } from './behaviour.ts';
import { chatCompletion } from './openai-chat.ts';
import { modelResponse } from './openai-responses.ts';
import { countTokens, jsonModel, lastContent, type Answer } from './provider-stub.ts';
import { eventStreamReply, jsonReply, namedEvent, type Reply } from './reply.ts';
import { heard, withEcho, type RestCall } from './rest-call.ts';

export type MakeReply = (call: RestCall) => Reply;

/** a chat in any format: the model decides, as with the other chat APIs, whether it echoes or is slow */
export function chatReply(format: (call: RestCall, answer: Answer, prompt: string) => Reply): MakeReply {
  return (call) => {
    const key = call.credential ?? '';
    const behaviour = behaviourOf(jsonModel(call) ?? modelInPath(call.path));
    if (behaviour.kind === 'echo' && behaviour.place === 'error') {
      const message = `The key ${echoText(behaviour, key)} has been suspended.`;
      return jsonReply({ error: { message, type: 'invalid_request_error', param: null, code: null } }, 403);
    }
    const prompt = lastContent(call.json?.['messages']);
    const answer = answerFor(behaviour, call.host, prompt, key);
    return applyBehaviour(behaviour, format(call, answer, prompt), key);
  };
}

/** Bedrock's calls name it there and nowhere else */
function modelInPath(path: string): string | undefined {
  const model = /^\/model\/([^/]+)\//.exec(path)?.[1];
  return model === undefined ? undefined : decodeURIComponent(model);
}

export const openaiChat = chatReply((call, answer) =>
  chatCompletion(call, answer, { headers: () => ({}), whole: () => ({}), lastChunk: () => ({}) }),
);

/** streams of those that tell the usage unasked, in the chunk with the finish reason */
export const chattyChat = chatReply((call, answer) =>
  chatCompletion(call, answer, { headers: () => ({}), whole: () => ({}), lastChunk: (usage) => ({ usage }) }),
);

/** keeps a slow stream alive with comments before the first event */
export const openrouterChat: MakeReply = (call) => {
  const reply = chattyChat(call);
  if (call.json?.['stream'] !== true) return reply;
  return { ...reply, parts: [Buffer.from(': OPENROUTER PROCESSING\n\n'), ...reply.parts] };
};

export const openaiResponse = chatReply((call, answer) => modelResponse(call, answer, {}));

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

/** a JSON answer that repeats what the request asked for, so that it can be asked for the key */
export function repeating(
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
    answer: null,
    images: [],
    follow_up_questions: null,
    request_id: 'stub',
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

export const tavilyExtract: MakeReply = (call) => {
  const urls = call.json?.['urls'];
  const results = (Array.isArray(urls) ? urls : [urls]).map((url) => ({
    url,
    raw_content: 'The page.',
    images: [],
  }));
  return jsonReply({ results, failed_results: [], response_time: 0.1, request_id: 'stub' });
};

export const perplexitySearch = repeating(
  (call) => call.json?.['query'],
  (text, call) => ({
    id: call.newId(''),
    results: [{ title: text, url: 'https://example.invalid/1', snippet: text, date: null }],
  }),
);

export const resendSend: MakeReply = (call) => jsonReply({ id: call.newId('') });

export const resendEmail = repeating(
  (call) => call.path.split('/').at(-1),
  (subject, call) => ({
    object: 'email',
    id: call.path.split('/').at(-1),
    to: ['b@example.com'],
    from: 'a@example.com',
    subject,
    created_at: '2026-01-02T03:04:05.678Z',
    last_event: 'delivered',
  }),
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

export const voices = repeating(
  (call) => call.query.get('search'),
  (name) => ({
    voices: [{ voice_id: 'some-voice', name, category: 'premade', labels: {} }],
    has_more: false,
    total_count: 1,
    next_page_token: null,
  }),
);

/** the models that can be asked for, and by whom they are run */
export const huggingfaceModel: MakeReply = (call) => {
  const id = call.path.split('/').slice(3).join('/');
  const mapping = { status: 'live', providerId: id, task: 'feature-extraction' };
  return jsonReply({ id, inferenceProviderMapping: { 'hf-inference': mapping } });
};
