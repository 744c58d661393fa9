// generativelanguage.googleapis.com: generateContent, and files.
import { geminiFiles, isUploadPath, isUploadUrl } from './gemini-files.ts';
import {
  countTokens,
  lastContent,
  single,
  type Answer,
  type ApiCall,
  type ProviderStub,
} from './provider-stub.ts';
import { eventStreamReply, jsonReply, type Reply } from './reply.ts';

const ROUTE = /^\/(?:v1|v1beta)\/models\/([^/:]+):(generateContent|streamGenerateContent|countTokens)$/;

export const gemini: ProviderStub = {
  name: 'gemini',
  owns: ({ path, headers }) =>
    path.startsWith('/v1beta/') ||
    isUploadPath(path) ||
    ROUTE.test(path) ||
    headers['x-goog-api-key'] !== undefined,
  // curl and the docs use the query.
  credential: (headers, query) => single(headers['x-goog-api-key']) ?? query.get('key') ?? undefined,
  needsNoKey: isUploadUrl,
  model: (call) => ROUTE.exec(call.path)?.[1],
  prompt: (call) => lastContent(call.json?.['contents']),
  unauthorized(call, credential) {
    if (credential === undefined) {
      const message = "Method doesn't allow unregistered callers (callers without established identity).";
      return errorReply(403, 'PERMISSION_DENIED', message, []);
    }
    // A wrong key is a bad request here, not a 401.
    return errorReply(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'API_KEY_INVALID',
        domain: 'googleapis.com',
        metadata: { service: 'generativelanguage.googleapis.com' },
      },
    ]);
  },
  // For a suspended consumer the real API repeats the whole key in three places.
  failure: (_call, status, message) =>
    errorReply(status, status === 403 ? 'PERMISSION_DENIED' : 'INTERNAL', message, [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'CONSUMER_SUSPENDED',
        metadata: { containerInfo: message },
      },
      { '@type': 'type.googleapis.com/google.rpc.LocalizedMessage', locale: 'en-US', message },
    ]),
  answer(call, answer) {
    if (isUploadPath(call.path)) return geminiFiles(call);
    const action = ROUTE.exec(call.path)?.[2];
    if (action === undefined || call.method !== 'POST') return undefined;
    if (action === 'countTokens') return jsonReply({ totalTokens: countTokens(this.prompt(call)) });
    return action === 'streamGenerateContent' ? streamedContent(call, answer) : wholeContent(call, answer);
  },
};

function errorReply(code: number, status: string, message: string, details: object[]): Reply {
  return jsonReply({ error: { code, message, status, details } }, code);
}

function content(call: ApiCall, text: string, said: string, finished: boolean): Record<string, unknown> {
  const prompt = countTokens(gemini.prompt(call));
  const candidates = countTokens(said);
  return {
    candidates: [
      {
        content: { parts: [{ text }], role: 'model' },
        ...(finished ? { finishReason: 'STOP' } : {}),
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: prompt,
      candidatesTokenCount: candidates,
      totalTokenCount: prompt + candidates,
    },
    modelVersion: gemini.model(call),
  };
}

function wholeContent(call: ApiCall, answer: Answer): Reply {
  return jsonReply({ ...content(call, answer.text, answer.text, true), responseId: call.newId('') });
}

function streamedContent(call: ApiCall, answer: Answer): Reply {
  const responseId = call.newId('');
  let said = '';
  const events = answer.pieces.map((piece, index) => {
    said += piece;
    return { ...content(call, piece, said, index === answer.pieces.length - 1), responseId };
  });
  // This API ends its lines with CR LF.
  return eventStreamReply(events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`));
}
