// api.groq.com: OpenAI's chat format below another path, with usage in a place of its own.
import { chatCompletion, type ChatFlavour } from './openai-chat.ts';
import { bearer, jsonModel, lastContent, type ApiCall, type ProviderStub } from './provider-stub.ts';
import { jsonReply, type Reply } from './reply.ts';

export const groq: ProviderStub = {
  name: 'groq',
  owns: ({ path }) => path.startsWith('/openai/v1/'),
  credential: bearer,
  model: jsonModel,
  prompt: (call) => lastContent(call.json?.['messages']),
  unauthorized: (call) =>
    errorReply(call, 401, 'Invalid API Key', 'invalid_request_error', 'invalid_api_key'),
  failure: (call, status, message) => errorReply(call, status, message, 'internal_server_error', null),
  answer: (call, answer) =>
    `${call.method} ${call.path}` === 'POST /openai/v1/chat/completions'
      ? chatCompletion(call, answer, flavour)
      : undefined,
};

const flavour: ChatFlavour = {
  headers: groqHeaders,
  whole: () => ({ x_groq: { id: 'req_stub' } }),
  lastChunk: (usage) => ({ x_groq: { id: 'req_stub', usage } }),
};

function groqHeaders(call: ApiCall): Record<string, string> {
  return { 'x-request-id': call.newId('req_'), 'x-ratelimit-remaining-requests': '14399' };
}

function errorReply(
  call: ApiCall,
  status: number,
  message: string,
  type: string,
  code: string | null,
): Reply {
  return jsonReply({ error: { message, type, code } }, status, groqHeaders(call));
}
