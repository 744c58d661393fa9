// api.anthropic.com: messages.
import {
  bearer,
  countTokens,
  jsonModel,
  lastContent,
  single,
  type Answer,
  type ApiCall,
  type ProviderStub,
} from './provider-stub.ts';
import { eventStreamReply, jsonReply, namedEvent, type Reply } from './reply.ts';

export const anthropic: ProviderStub = {
  name: 'anthropic',
  // OpenAI has paths of the same prefix; every Anthropic SDK sends its version.
  owns: ({ path, headers }) => path.startsWith('/v1/messages') || headers['anthropic-version'] !== undefined,
  // SDKs before 1.0 use the first, later ones the second.
  credential: (headers) => single(headers['x-api-key']) ?? bearer(headers),
  model: jsonModel,
  prompt: (call) => lastContent(call.json?.['messages']),
  unauthorized: (call) => errorReply(call, 401, 'authentication_error', 'invalid x-api-key'),
  failure: (call, status, message) => errorReply(call, status, 'api_error', message),
  answer(call, answer) {
    if (call.method !== 'POST') return undefined;
    if (call.path === '/v1/messages/count_tokens') {
      return jsonReply({ input_tokens: countTokens(this.prompt(call)) }, 200, requestHeaders(call));
    }
    if (call.path !== '/v1/messages') return undefined;
    return call.json?.['stream'] === true ? streamedMessage(call, answer) : wholeMessage(call, answer);
  },
};

function requestHeaders(call: ApiCall): Record<string, string> {
  return {
    'request-id': call.newId('req_'),
    'anthropic-ratelimit-requests-limit': '4000',
    'anthropic-ratelimit-requests-remaining': '3999',
  };
}

function errorReply(call: ApiCall, status: number, type: string, message: string): Reply {
  const headers = requestHeaders(call);
  const body = { type: 'error', error: { type, message }, request_id: headers['request-id'] };
  return jsonReply(body, status, headers);
}

function messageHead(call: ApiCall): Record<string, unknown> {
  return {
    id: call.newId('msg_'),
    type: 'message',
    role: 'assistant',
    model: jsonModel(call) ?? '',
    stop_sequence: null,
  };
}

function inputUsage(call: ApiCall): Record<string, unknown> {
  return {
    input_tokens: countTokens(lastContent(call.json?.['messages'])),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    service_tier: 'standard',
  };
}

function wholeMessage(call: ApiCall, answer: Answer): Reply {
  const body = {
    ...messageHead(call),
    content: [{ type: 'text', text: answer.text }],
    stop_reason: 'end_turn',
    usage: { ...inputUsage(call), output_tokens: countTokens(answer.text) },
  };
  return jsonReply(body, 200, requestHeaders(call));
}

function streamedMessage(call: ApiCall, answer: Answer): Reply {
  const usage = { ...inputUsage(call), output_tokens: 1 };
  const message = { ...messageHead(call), content: [], stop_reason: null, usage };
  const events = [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...answer.pieces.map((text) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text },
    })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      // Cumulative: it replaces what message_start said.
      usage: { output_tokens: countTokens(answer.text) },
    },
    { type: 'message_stop' },
  ];
  return eventStreamReply(events.map(namedEvent), requestHeaders(call));
}
