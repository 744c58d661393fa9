// api.groq.com: OpenAI's chat format below another path, with usage in a place of its own, and transcriptions.
import { parseMultipart } from './multipart.ts';
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
  answer(call, answer) {
    switch (`${call.method} ${call.path}`) {
      case 'POST /openai/v1/chat/completions':
        return chatCompletion(call, answer, flavour);
      case 'POST /openai/v1/audio/transcriptions':
        return transcription(call);
      default:
        return undefined;
    }
  },
};

const flavour: ChatFlavour = {
  headers: groqHeaders,
  whole: () => ({ x_groq: { id: 'req_stub' } }),
  lastChunk: (usage) => ({ x_groq: { id: 'req_stub', usage } }),
};

function transcription(call: ApiCall): Reply {
  const fields = parseMultipart(call.headers['content-type'] ?? '', call.body);
  const file = fields?.find((field) => field.name === 'file');
  if (file?.filename === undefined) {
    return errorReply(call, 400, 'file is required', 'invalid_request_error', null);
  }
  const text = `${file.value.length} bytes of ${file.filename}`;
  return jsonReply({ text, x_groq: { id: call.newId('req_') } }, 200, groqHeaders(call));
}

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
