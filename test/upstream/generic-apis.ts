// The simple APIs: where each one looks for its key, and the routes that it has.
import {
  bedrockConverse,
  braveSearch,
  cohereChat,
  embeddings,
  linearGraphql,
  openaiChat,
  pineconeIndex,
  pineconeQuery,
  resendEmail,
  sendgridMail,
  speech,
  tavilySearch,
  whoAmI,
  type MakeReply,
} from './generic-answers.ts';

export interface KeyPlace {
  /** in lower case */
  readonly header: string;
  /** left out: the header holds nothing but the key */
  readonly scheme?: string;
}

export interface SimpleApi {
  /** as in HostStub */
  readonly hosts: readonly string[];
  readonly key: KeyPlace;
  /** by method and path; a `*` stands for one segment */
  readonly routes: Readonly<Record<string, MakeReply>>;
}

const BEARER: KeyPlace = { header: 'authorization', scheme: 'Bearer' };
const PINECONE_KEY: KeyPlace = { header: 'api-key' };

export const SIMPLE_APIS: readonly SimpleApi[] = [
  {
    hosts: ['api.mistral.ai'],
    key: BEARER,
    routes: { 'POST /v1/chat/completions': openaiChat, 'POST /v1/embeddings': embeddings },
  },
  { hosts: ['api.cohere.com'], key: BEARER, routes: { 'POST /v2/chat': cohereChat } },
  { hosts: ['api.x.ai'], key: BEARER, routes: { 'POST /v1/chat/completions': openaiChat } },
  {
    hosts: ['api.deepseek.com'],
    key: BEARER,
    routes: { 'POST /chat/completions': openaiChat, 'POST /v1/chat/completions': openaiChat },
  },
  { hosts: ['openrouter.ai'], key: BEARER, routes: { 'POST /api/v1/chat/completions': openaiChat } },
  {
    hosts: ['api.together.ai', 'api.together.xyz'],
    key: BEARER,
    routes: { 'POST /v1/chat/completions': openaiChat },
  },
  { hosts: ['huggingface.co'], key: BEARER, routes: { 'GET /api/whoami-v2': whoAmI } },
  { hosts: ['router.huggingface.co'], key: BEARER, routes: { 'POST /v1/chat/completions': openaiChat } },
  { hosts: ['api.linear.app'], key: { header: 'authorization' }, routes: { 'POST /graphql': linearGraphql } },
  { hosts: ['api.sendgrid.com'], key: BEARER, routes: { 'POST /v3/mail/send': sendgridMail } },
  { hosts: ['api.resend.com'], key: BEARER, routes: { 'POST /emails': resendEmail } },
  {
    hosts: ['*.openai.azure.com'],
    key: { header: 'api-key' },
    routes: {
      'POST /openai/deployments/*/chat/completions': openaiChat,
      'POST /openai/v1/chat/completions': openaiChat,
    },
  },
  {
    hosts: ['bedrock-runtime.us-east-1.amazonaws.com'],
    key: BEARER,
    routes: { 'POST /model/*/converse': bedrockConverse },
  },
  { hosts: ['api.tavily.com'], key: BEARER, routes: { 'POST /search': tavilySearch } },
  {
    hosts: ['api.search.brave.com'],
    key: { header: 'x-subscription-token' },
    routes: { 'GET /res/v1/web/search': braveSearch },
  },
  {
    hosts: ['api.elevenlabs.io'],
    key: { header: 'xi-api-key' },
    routes: { 'POST /v1/text-to-speech/*': speech },
  },
  { hosts: ['api.perplexity.ai'], key: BEARER, routes: { 'POST /chat/completions': openaiChat } },
  { hosts: ['api.fireworks.ai'], key: BEARER, routes: { 'POST /inference/v1/chat/completions': openaiChat } },
  { hosts: ['api.voyageai.com'], key: BEARER, routes: { 'POST /v1/embeddings': embeddings } },
  { hosts: ['api.pinecone.io'], key: PINECONE_KEY, routes: { 'GET /indexes/*': pineconeIndex } },
  { hosts: ['*.svc.aped-1234.pinecone.io'], key: PINECONE_KEY, routes: { 'POST /query': pineconeQuery } },
];
