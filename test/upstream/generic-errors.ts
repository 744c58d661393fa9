// How the simple APIs refuse: each in its own shape, because SDKs make their exceptions of it.
import { jsonReply, type Reply } from './reply.ts';

export interface ErrorShape {
  /** what a wrong key is answered with; 401 when left out */
  readonly keyStatus?: number;
  readonly keyMessage: string;
  body(status: number, message: string): unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function refusal(shape: ErrorShape, status: number): Reply {
  const keyStatus = shape.keyStatus ?? 401;
  const message = status === keyStatus ? shape.keyMessage : 'The stub was asked to fail.';
  return failure(shape, status, message);
}

export function failure(shape: ErrorShape, status: number, message: string): Reply {
  return jsonReply(shape.body(status, message), status, { ...shape.headers });
}

const openaiLike = (keyMessage: string, code: string): ErrorShape => ({
  keyMessage,
  body: (status, message) => ({
    error: { message, type: 'invalid_request_error', param: null, code: status === 401 ? code : null },
  }),
});

const detail = (keyMessage: string): ErrorShape => ({
  keyMessage,
  body: (_status, message) => ({ detail: message }),
});

export const mistralError = detail('Unauthorized');
export const voyageError = detail('Provided API key is invalid.');
export const deepseekError = openaiLike(
  'Authentication Fails, your api key is invalid',
  'invalid_request_error',
);
export const togetherError = openaiLike('Invalid API key provided.', 'invalid_api_key');
export const fireworksError = openaiLike('The API key you provided is invalid.', 'unauthorized');

export const cohereError: ErrorShape = {
  keyMessage: 'invalid api token',
  body: (_status, message) => ({ message }),
};

export const xaiError: ErrorShape = {
  keyMessage: 'Incorrect API key provided.',
  body: (_status, error) => ({ code: 'Client specified an invalid argument', error }),
};

export const openrouterError: ErrorShape = {
  keyMessage: 'User not found.',
  body: (code, message) => ({ error: { code, message } }),
};

export const perplexityError: ErrorShape = {
  keyMessage: 'Invalid API key provided.',
  body: (code, message) => ({ error: { message, type: 'invalid_api_key', code } }),
};

export const huggingfaceError: ErrorShape = {
  keyMessage: 'Invalid username or password.',
  body: (_status, error) => ({ error }),
};

export const linearError: ErrorShape = {
  keyMessage: 'Authentication required, not authenticated',
  body: (statusCode, message) => ({
    errors: [
      {
        message,
        extensions: {
          type: 'authentication error',
          code: 'AUTHENTICATION_ERROR',
          statusCode,
          userError: true,
          userPresentableMessage: 'You need to authenticate to access this operation.',
        },
      },
    ],
  }),
};

export const sendgridError: ErrorShape = {
  keyMessage: 'The provided authorization grant is invalid, expired, or revoked',
  body: (_status, message) => ({ errors: [{ message, field: null, help: null }] }),
};

export const resendError: ErrorShape = {
  keyMessage: 'API key is invalid',
  body: (statusCode, message) => ({ statusCode, name: 'validation_error', message }),
};

export const azureError: ErrorShape = {
  keyMessage: 'Access denied due to invalid subscription key or wrong API endpoint.',
  body: (status, message) => ({ error: { code: String(status), message } }),
};

export const bedrockError: ErrorShape = {
  keyStatus: 403,
  keyMessage: 'Authentication failed: Please make sure your API Key is valid.',
  body: (_status, Message) => ({ Message }),
  headers: { 'x-amzn-errortype': 'AccessDeniedException' },
};

export const tavilyError: ErrorShape = {
  keyMessage: 'Unauthorized: missing or invalid API key.',
  body: (_status, error) => ({ detail: { error } }),
};

export const braveError: ErrorShape = {
  keyStatus: 422,
  keyMessage: 'The provided subscription token is invalid.',
  body: (status, text) => ({
    type: 'ErrorResponse',
    error: { id: 'stub', status, code: 'SUBSCRIPTION_TOKEN_INVALID', detail: text },
  }),
};

export const elevenlabsError: ErrorShape = {
  keyMessage: 'Invalid API key',
  body: (_status, message) => ({ detail: { status: 'invalid_api_key', message } }),
};

export const pineconeError: ErrorShape = {
  keyMessage: 'Invalid API Key',
  body: (status, message) => ({ error: { code: 'UNAUTHENTICATED', message }, status }),
};
