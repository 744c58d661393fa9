// The simple APIs: where each one looks for its key, and the routes that it has.
import {
  braveSearch,
  chattyChat,
  cohereChat,
  huggingfaceModel,
  openaiChat,
  openaiResponse,
  openrouterChat,
  perplexitySearch,
  resendEmail,
  resendSend,
  sendgridMail,
  speech,
  tavilyExtract,
  tavilySearch,
  voices,
  whoAmI,
  type MakeReply,
} from './generic-answers.ts';
import { bedrockConverse, bedrockConverseStream, bedrockInvoke } from './generic-bedrock.ts';
import {
  cohereEmbed,
  cohereRerank,
  featureExtraction,
  openaiEmbeddings,
  voyageEmbeddings,
  voyageRerank,
} from './generic-embeddings.ts';
import * as errors from './generic-errors.ts';
import { linearGraphql } from './generic-linear.ts';
import { pineconeIndex, pineconeIndexes, pineconeQuery, pineconeUpsert } from './generic-pinecone.ts';
import type { ProviderName } from './provider-stub.ts';

export interface KeyPlace {
  /** in lower case */
  readonly header: string;
  /** left out: the header holds nothing but the key */
  readonly scheme?: string;
}

export interface SimpleApi {
  /** as in HostStub */
  readonly hosts: readonly string[];
  /** whose key it takes, where that is not the one of most */
  readonly keyOf?: ProviderName;
  readonly key: KeyPlace;
  readonly error: errors.ErrorShape;
  /** by method and path; a `*` stands for one segment */
  readonly routes: Readonly<Record<string, MakeReply>>;
}

const BEARER: KeyPlace = { header: 'authorization', scheme: 'Bearer' };
const PINECONE_KEY: KeyPlace = { header: 'api-key' };

export const SIMPLE_APIS: readonly SimpleApi[] = [
  {
    hosts: ['api.mistral.ai'],
    key: BEARER,
    error: errors.mistralError,
    routes: { 'POST /v1/chat/completions': chattyChat, 'POST /v1/embeddings': openaiEmbeddings },
  },
  {
    hosts: ['api.cohere.com'],
    key: BEARER,
    error: errors.cohereError,
    routes: { 'POST /v2/chat': cohereChat, 'POST /v2/embed': cohereEmbed, 'POST /v2/rerank': cohereRerank },
  },
  {
    hosts: ['api.x.ai'],
    key: BEARER,
    error: errors.xaiError,
    routes: { 'POST /v1/chat/completions': openaiChat, 'POST /v1/responses': openaiResponse },
  },
  {
    hosts: ['api.deepseek.com'],
    key: BEARER,
    error: errors.deepseekError,
    routes: { 'POST /chat/completions': openaiChat, 'POST /v1/chat/completions': openaiChat },
  },
  {
    hosts: ['openrouter.ai'],
    key: BEARER,
    error: errors.openrouterError,
    routes: { 'POST /api/v1/chat/completions': openrouterChat, 'POST /api/v1/embeddings': openaiEmbeddings },
  },
  {
    hosts: ['api.together.ai', 'api.together.xyz'],
    key: BEARER,
    error: errors.togetherError,
    routes: { 'POST /v1/chat/completions': openaiChat, 'POST /v1/embeddings': openaiEmbeddings },
  },
  {
    hosts: ['huggingface.co'],
    keyOf: 'huggingface',
    key: BEARER,
    error: errors.huggingfaceError,
    routes: { 'GET /api/whoami-v2': whoAmI, 'GET /api/models/*/*': huggingfaceModel },
  },
  {
    hosts: ['router.huggingface.co'],
    keyOf: 'huggingface',
    key: BEARER,
    error: errors.huggingfaceError,
    routes: {
      'POST /v1/chat/completions': openaiChat,
      'POST /hf-inference/models/*/*/pipeline/feature-extraction': featureExtraction,
    },
  },
  {
    hosts: ['api.linear.app'],
    key: { header: 'authorization' },
    error: errors.linearError,
    routes: { 'POST /graphql': linearGraphql },
  },
  {
    hosts: ['api.sendgrid.com'],
    key: BEARER,
    error: errors.sendgridError,
    routes: { 'POST /v3/mail/send': sendgridMail },
  },
  {
    hosts: ['api.resend.com'],
    key: BEARER,
    error: errors.resendError,
    routes: { 'POST /emails': resendSend, 'GET /emails/*': resendEmail },
  },
  {
    hosts: ['*.openai.azure.com'],
    key: { header: 'api-key' },
    error: errors.azureError,
    routes: {
      'POST /openai/deployments/*/chat/completions': openaiChat,
      'POST /openai/deployments/*/embeddings': openaiEmbeddings,
      'POST /openai/v1/chat/completions': openaiChat,
    },
  },
  {
    hosts: ['bedrock-runtime.us-east-1.amazonaws.com'],
    key: BEARER,
    error: errors.bedrockError,
    routes: {
      'POST /model/*/converse': bedrockConverse,
      'POST /model/*/converse-stream': bedrockConverseStream,
      'POST /model/*/invoke': bedrockInvoke,
    },
  },
  {
    hosts: ['api.tavily.com'],
    key: BEARER,
    error: errors.tavilyError,
    routes: { 'POST /search': tavilySearch, 'POST /extract': tavilyExtract },
  },
  {
    hosts: ['api.search.brave.com'],
    key: { header: 'x-subscription-token' },
    error: errors.braveError,
    routes: { 'GET /res/v1/web/search': braveSearch },
  },
  {
    hosts: ['api.elevenlabs.io'],
    key: { header: 'xi-api-key' },
    error: errors.elevenlabsError,
    routes: {
      'POST /v1/text-to-speech/*': speech,
      'POST /v1/text-to-speech/*/stream': speech,
      'GET /v2/voices': voices,
    },
  },
  {
    hosts: ['api.perplexity.ai'],
    key: BEARER,
    error: errors.perplexityError,
    routes: { 'POST /chat/completions': chattyChat, 'POST /search': perplexitySearch },
  },
  {
    hosts: ['api.fireworks.ai'],
    key: BEARER,
    error: errors.fireworksError,
    routes: {
      'POST /inference/v1/chat/completions': openaiChat,
      'POST /inference/v1/embeddings': openaiEmbeddings,
    },
  },
  {
    hosts: ['api.voyageai.com'],
    key: BEARER,
    error: errors.voyageError,
    routes: { 'POST /v1/embeddings': voyageEmbeddings, 'POST /v1/rerank': voyageRerank },
  },
  {
    hosts: ['api.pinecone.io'],
    key: PINECONE_KEY,
    error: errors.pineconeError,
    routes: { 'GET /indexes': pineconeIndexes, 'GET /indexes/*': pineconeIndex },
  },
  {
    hosts: ['*.svc.aped-1234.pinecone.io'],
    key: PINECONE_KEY,
    error: errors.pineconeError,
    routes: { 'POST /query': pineconeQuery, 'POST /vectors/upsert': pineconeUpsert },
  },
];
