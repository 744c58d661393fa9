// The scenarios of GitHub, git, Notion, Stripe and the simple APIs.
import type { SdkRow } from '../row.ts';

const GITHUB: Pick<SdkRow, 'keys'> = { keys: { GITHUB_TOKEN: 'github' } };
const STRIPE: Pick<SdkRow, 'keys'> = { keys: { STRIPE_SECRET_KEY: 'stripe' } };

/** names in the catalogue; the stub has one key for all but one of them */
const SIMPLE_PROVIDERS: Readonly<Record<string, string>> = {
  MISTRAL_API_KEY: 'mistral',
  CO_API_KEY: 'cohere',
  XAI_API_KEY: 'xai',
  DEEPSEEK_API_KEY: 'deepseek',
  OPENROUTER_API_KEY: 'openrouter',
  TOGETHER_API_KEY: 'together',
  HF_TOKEN: 'huggingface',
  LINEAR_API_KEY: 'linear',
  SENDGRID_API_KEY: 'sendgrid',
  RESEND_API_KEY: 'resend',
  AZURE_OPENAI_API_KEY: 'azure-openai',
  AWS_BEARER_TOKEN_BEDROCK: 'bedrock',
  TAVILY_API_KEY: 'tavily',
  BRAVE_API_KEY: 'brave',
  ELEVENLABS_API_KEY: 'elevenlabs',
  PERPLEXITY_API_KEY: 'perplexity',
  FIREWORKS_API_KEY: 'fireworks',
  VOYAGE_API_KEY: 'voyage',
  PINECONE_API_KEY: 'pinecone',
};
const SIMPLE: Pick<SdkRow, 'keys' | 'catalogue' | 'env' | 'hosts'> = {
  catalogue: SIMPLE_PROVIDERS,
  keys: {
    ...Object.fromEntries(Object.keys(SIMPLE_PROVIDERS).map((variable) => [variable, 'generic' as const])),
    HF_TOKEN: 'huggingface',
  },
  env: {
    AZURE_OPENAI_ENDPOINT: 'https://acme.openai.azure.com',
    OPENAI_API_VERSION: '2025-04-01-preview',
  },
  hosts: ['acme.openai.azure.com', 'movies-abc1234.svc.aped-1234.pinecone.io'],
};
const sidecar = (path: string): string => `http://127.0.0.1:15080/${path}`;

export const serviceRows: readonly SdkRow[] = [
  {
    scenario: 'github.mjs',
    ...GITHUB,
    echoSteps: ['echo'],
    throughSidecar: [
      {
        mode: 'BaseURL',
        env: { GITHUB_API_URL: sidecar('github') },
        // Without `release.upload`: there Octokit goes to its built-in host for uploads, whatever the base URL.
        steps: (
          'user repository repository.unchanged paginate renamed graphql release.upload.url asset.download tarball ' +
          'not.found echo'
        ).split(' '),
      },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  {
    scenario: 'github.py',
    ...GITHUB,
    echoSteps: ['echo'],
    throughSidecar: [
      { mode: 'BaseURL', env: { GITHUB_API_URL: sidecar('github') } },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  {
    scenario: 'github.sh',
    ...GITHUB,
    throughSidecar: [
      { mode: 'BaseURL', env: { GITHUB_API_URL: sidecar('github') } },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  {
    scenario: 'gh.sh',
    keys: { GH_TOKEN: 'github' },
    echoSteps: ['echo'],
    // It takes no base URL.
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'git.sh',
    ...GITHUB,
    echoSteps: ['push.echo'],
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'notion.mjs',
    keys: { NOTION_TOKEN: 'notion' },
    echoSteps: ['echo'],
    throughSidecar: [
      { mode: 'BaseURL', env: { NOTION_BASE_URL: sidecar('notion') } },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
  // The SDK brings its own connections, which know no proxy, and takes no path with its address.
  { scenario: 'stripe.mjs', ...STRIPE, echoSteps: ['echo'], throughSidecar: [{ mode: 'HostAlias' }] },
  {
    scenario: 'stripe.sh',
    ...STRIPE,
    echoSteps: ['echo'],
    throughSidecar: [{ mode: 'HostAlias' }, { mode: 'Proxy' }],
  },
  {
    scenario: 'generic.mjs',
    ...SIMPLE,
    echoSteps: ['echo'],
    throughSidecar: [
      {
        mode: 'BaseURL',
        env: {
          OPENROUTER_BASE_URL: sidecar('openrouter/api/v1'),
          TOGETHER_BASE_URL: sidecar('together/v1'),
          HF_ENDPOINT: sidecar('huggingface'),
          RESEND_BASE_URL: sidecar('resend'),
          AZURE_OPENAI_ENDPOINT: sidecar('azure-openai'),
          AWS_ENDPOINT_URL_BEDROCK_RUNTIME: sidecar('bedrock'),
          PERPLEXITY_BASE_URL: sidecar('perplexity'),
          PINECONE_CONTROLLER_HOST: sidecar('pinecone'),
        },
        // The others have no variable for their address.
        steps: [
          'openrouter',
          'together',
          'huggingface',
          'resend',
          'azure',
          'bedrock',
          'perplexity',
          'pinecone',
        ],
      },
      { mode: 'HostAlias' },
      { mode: 'Proxy' },
    ],
  },
];
