// api.openai.com, as far as agents use it most.
import { mask } from './mask.ts';
import { parseMultipart } from './multipart.ts';
import { chatCompletion, type ChatFlavour } from './openai-chat.ts';
import { modelResponse, responsePrompt } from './openai-responses.ts';
import {
  bearer,
  countTokens,
  jsonModel,
  lastContent,
  textOf,
  type ApiCall,
  type ProviderStub,
} from './provider-stub.ts';
import { jsonReply, type Reply } from './reply.ts';

const EMBEDDING_SIZE = 8;
const MODELS = ['gpt-5-mini', 'text-embedding-3-small'];

export const openai: ProviderStub = {
  name: 'openai',
  owns: ({ path }) => path.startsWith('/v1/'),
  credential: bearer,
  model: jsonModel,
  prompt: (call) => lastContent(call.json?.['messages']) || responsePrompt(call),
  unauthorized(call, credential) {
    // The real API shows the beginning and the end of a wrong key.
    const message =
      credential === undefined
        ? "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
        : `Incorrect API key provided: ${mask(credential)}. You can find your API key at https://platform.openai.com/account/api-keys.`;
    return errorReply(call, 401, message, 'invalid_request_error', 'invalid_api_key');
  },
  failure: (call, status, message) => errorReply(call, status, message, 'server_error', null),
  answer(call, answer) {
    switch (`${call.method} ${call.path}`) {
      case 'POST /v1/chat/completions':
        return chatCompletion(call, answer, flavour);
      case 'POST /v1/responses':
        return modelResponse(call, answer, openaiHeaders(call));
      case 'POST /v1/embeddings':
        return embeddings(call);
      case 'POST /v1/files':
        return uploadedFile(call);
      case 'GET /v1/models': {
        const data = MODELS.map((id) => ({
          id,
          object: 'model',
          created: 1_700_000_000,
          owned_by: 'openai',
        }));
        return jsonReply({ object: 'list', data }, 200, openaiHeaders(call));
      }
      default:
        return undefined;
    }
  },
};

const flavour: ChatFlavour = {
  headers: openaiHeaders,
  whole: () => ({ service_tier: 'default' }),
  lastChunk: () => ({}),
};

function openaiHeaders(call: ApiCall): Record<string, string> {
  return {
    'x-request-id': call.newId('req_'),
    'openai-processing-ms': '12',
    'openai-version': '2020-10-01',
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-reset-requests': '6ms',
  };
}

function errorReply(
  call: ApiCall,
  status: number,
  message: string,
  type: string,
  code: string | null,
): Reply {
  return jsonReply({ error: { message, type, param: null, code } }, status, openaiHeaders(call));
}

function embeddings(call: ApiCall): Reply {
  const input = call.json?.['input'];
  const texts = Array.isArray(input) ? input.map(String) : [textOf(input)];
  // The SDKs ask for base64 unless told otherwise.
  const asBase64 = call.json?.['encoding_format'] === 'base64';
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  const body = {
    object: 'list',
    data: texts.map((text, index) => {
      const vector = Float32Array.from({ length: EMBEDDING_SIZE }, (_, i) => (text.length + i) / 100);
      const embedding = asBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
      return { object: 'embedding', index, embedding };
    }),
    model: jsonModel(call) ?? '',
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
  return jsonReply(body, 200, openaiHeaders(call));
}

function uploadedFile(call: ApiCall): Reply {
  const fields = parseMultipart(call.headers['content-type'] ?? '', call.body);
  const file = fields?.find((field) => field.name === 'file');
  if (file?.filename === undefined) {
    return errorReply(call, 400, 'The request has no file.', 'invalid_request_error', null);
  }
  const purpose = fields?.find((field) => field.name === 'purpose')?.value.toString('utf8') ?? '';
  const body = {
    id: call.newId('file-'),
    object: 'file',
    bytes: file.value.length,
    created_at: Math.floor(call.nowMs / 1000),
    filename: file.filename,
    purpose,
    status: 'processed',
  };
  return jsonReply(body, 200, openaiHeaders(call));
}
