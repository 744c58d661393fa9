// The scenarios of the simple APIs, nearly all with their vendors' SDKs.
import type { SdkRow, SidecarRun } from '../row.ts';

const sidecar = (path: string): string => `http://127.0.0.1:15080/${path}`;
const inAllModes = (env: Readonly<Record<string, string>>): readonly SidecarRun[] => [
  { mode: 'BaseURL', env },
  { mode: 'HostAlias' },
  { mode: 'Proxy' },
];
/** one key of the stub's, under the provider's name in the catalogue */
const key = (variable: string, provider: string): Pick<SdkRow, 'keys' | 'catalogue'> => ({
  keys: { [variable]: 'generic' },
  catalogue: { [variable]: provider },
});
const ECHO = { echoSteps: ['echo'] };

export const simpleApiRows: readonly SdkRow[] = [
  {
    scenario: 'mistral.mjs',
    ...key('MISTRAL_API_KEY', 'mistral'),
    ...ECHO,
    throughSidecar: inAllModes({ MISTRAL_BASE_URL: sidecar('mistral') }),
  },
  {
    scenario: 'cohere.mjs',
    ...key('CO_API_KEY', 'cohere'),
    ...ECHO,
    throughSidecar: inAllModes({ CO_API_URL: sidecar('cohere') }),
  },
  {
    scenario: 'vercel-ai-vendors.mjs',
    keys: { XAI_API_KEY: 'generic', DEEPSEEK_API_KEY: 'generic', FIREWORKS_API_KEY: 'generic' },
    catalogue: { XAI_API_KEY: 'xai', DEEPSEEK_API_KEY: 'deepseek', FIREWORKS_API_KEY: 'fireworks' },
    echoSteps: ['xai.echo', 'deepseek.echo', 'fireworks.echo'],
    throughSidecar: inAllModes({
      XAI_BASE_URL: sidecar('xai/v1'),
      DEEPSEEK_BASE_URL: sidecar('deepseek'),
      FIREWORKS_BASE_URL: sidecar('fireworks/inference/v1'),
    }),
  },
  {
    scenario: 'openrouter.mjs',
    ...key('OPENROUTER_API_KEY', 'openrouter'),
    ...ECHO,
    throughSidecar: inAllModes({ OPENROUTER_BASE_URL: sidecar('openrouter/api/v1') }),
  },
  {
    scenario: 'together.mjs',
    ...key('TOGETHER_API_KEY', 'together'),
    ...ECHO,
    throughSidecar: inAllModes({ TOGETHER_BASE_URL: sidecar('together/v1') }),
  },
  {
    scenario: 'perplexity.mjs',
    ...key('PERPLEXITY_API_KEY', 'perplexity'),
    ...ECHO,
    throughSidecar: inAllModes({ PERPLEXITY_BASE_URL: sidecar('perplexity') }),
  },
  // Its two hosts are built in.
  {
    scenario: 'huggingface.mjs',
    keys: { HF_TOKEN: 'huggingface' },
    ...ECHO,
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'azure.mjs',
    ...key('AZURE_OPENAI_API_KEY', 'azure-openai'),
    env: {
      AZURE_OPENAI_ENDPOINT: 'https://acme.openai.azure.com',
      OPENAI_API_VERSION: '2025-04-01-preview',
    },
    hosts: ['acme.openai.azure.com'],
    ...ECHO,
    throughSidecar: inAllModes({ AZURE_OPENAI_ENDPOINT: sidecar('azure-openai') }),
  },
  {
    scenario: 'bedrock.mjs',
    ...key('AWS_BEARER_TOKEN_BEDROCK', 'bedrock'),
    env: { AWS_REGION: 'us-east-1' },
    echoSteps: ['echo', 'http1.echo'],
    throughSidecar: [
      { mode: 'BaseURL', env: { AWS_ENDPOINT_URL_BEDROCK_RUNTIME: sidecar('bedrock') } },
      // Neither handler of the SDK asks a proxy.
      { mode: 'HostAlias' },
    ],
  },
  {
    scenario: 'voyage.mjs',
    ...key('VOYAGE_API_KEY', 'voyage'),
    ...ECHO,
    throughSidecar: inAllModes({ VOYAGE_BASE_URL: sidecar('voyage/v1') }),
  },
  {
    scenario: 'mail.mjs',
    keys: { SENDGRID_API_KEY: 'generic', RESEND_API_KEY: 'generic' },
    catalogue: { SENDGRID_API_KEY: 'sendgrid', RESEND_API_KEY: 'resend' },
    echoSteps: ['resend.echo'],
    throughSidecar: inAllModes({
      SENDGRID_BASE_URL: sidecar('sendgrid/'),
      RESEND_BASE_URL: sidecar('resend'),
    }),
  },
  {
    scenario: 'linear.mjs',
    ...key('LINEAR_API_KEY', 'linear'),
    ...ECHO,
    throughSidecar: inAllModes({ LINEAR_API_URL: sidecar('linear/graphql') }),
  },
  {
    scenario: 'tavily.mjs',
    ...key('TAVILY_API_KEY', 'tavily'),
    ...ECHO,
    throughSidecar: inAllModes({ TAVILY_BASE_URL: sidecar('tavily') }),
  },
  {
    scenario: 'elevenlabs.mjs',
    ...key('ELEVENLABS_API_KEY', 'elevenlabs'),
    echoSteps: ['echo', 'echo.realtime'],
    throughSidecar: [
      { mode: 'BaseURL', env: { ELEVENLABS_BASE_URL: sidecar('elevenlabs') } },
      { mode: 'HostAlias' },
      // Its WebSocket asks no proxy.
      { mode: 'Proxy', steps: ['speech', 'speech.stream', 'voices', 'echo', 'error.key'] },
    ],
  },
  {
    scenario: 'pinecone.mjs',
    ...key('PINECONE_API_KEY', 'pinecone'),
    hosts: ['movies-abc1234.svc.aped-1234.pinecone.io'],
    ...ECHO,
    throughSidecar: inAllModes({ PINECONE_CONTROLLER_HOST: sidecar('pinecone') }),
  },
  {
    scenario: 'generic.mjs',
    keys: {
      XAI_API_KEY: 'generic',
      DEEPSEEK_API_KEY: 'generic',
      FIREWORKS_API_KEY: 'generic',
      HF_TOKEN: 'huggingface',
      BRAVE_API_KEY: 'generic',
    },
    catalogue: {
      XAI_API_KEY: 'xai',
      DEEPSEEK_API_KEY: 'deepseek',
      FIREWORKS_API_KEY: 'fireworks',
      BRAVE_API_KEY: 'brave',
    },
    ...ECHO,
    throughSidecar: [
      // The others have no variable for their address.
      { mode: 'BaseURL', env: { HF_ENDPOINT: sidecar('huggingface') }, steps: ['huggingface'] },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
];
