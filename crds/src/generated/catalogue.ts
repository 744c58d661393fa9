// Generated from crds/providers/*.yaml by `npm run generate`; change that, not this.
import type { SeksProvider } from './seks-provider.ts';

/** the documents of the built-in catalogue */
export const CATALOGUE: readonly SeksProvider[] = [
  {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name: 'anthropic' },
    spec: {
      displayName: 'Anthropic',
      upstreams: [{ host: 'api.anthropic.com' }],
      auth: [{ header: { name: 'x-api-key' } }, { header: { name: 'authorization', scheme: 'Bearer' } }],
      env: {
        key: ['ANTHROPIC_API_KEY'],
        baseUrl: ['ANTHROPIC_BASE_URL'],
        constants: [{ name: 'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC', value: '1' }],
      },
      fakeToken: 'sk-ant-api03-{token}',
      allow: [{ paths: ['/v1/**'] }, { methods: ['HEAD'], paths: ['/api/hello'] }],
      deny: [
        { paths: ['/v1/organizations', '/v1/organizations/**', '/v1/oauth', '/v1/oauth/**'] },
        {
          paths: [
            '/v1/vaults',
            '/v1/vaults/**',
            '/v1/tunnels',
            '/v1/tunnels/**',
            '/v1/environments/*/work/**',
          ],
        },
        { paths: ['/v1/user_profiles/*/enrollment_url', '/v1/user_profiles/*/action_urls'] },
      ],
      usage: { format: 'Anthropic' },
    },
  },
  {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name: 'gemini' },
    spec: {
      displayName: 'Google Gemini',
      upstreams: [{ host: 'generativelanguage.googleapis.com' }],
      auth: [{ header: { name: 'x-goog-api-key' } }],
      env: {
        key: ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'],
        baseUrl: ['GOOGLE_GEMINI_BASE_URL'],
      },
      fakeToken: 'AIza{token:35}',
      allow: [{ paths: ['/v1/**', '/v1beta/**', '/v1alpha/**', '/upload/**', '/download/**'] }],
      deny: [
        { paths: ['/*/auth_tokens', '/*/auth_tokens/**', '/*/authTokens', '/*/authTokens/**'] },
        { paths: ['/**/permissions', '/**/permissions/**', '/**:transferOwnership'] },
        { paths: ['/*/webhooks', '/*/webhooks/**'] },
      ],
    },
  },
  {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name: 'groq' },
    spec: {
      displayName: 'Groq',
      upstreams: [{ host: 'api.groq.com' }],
      auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
      env: { key: ['GROQ_API_KEY'], baseUrl: ['GROQ_BASE_URL'] },
      fakeToken: 'gsk_{token:52}',
      allow: [{ paths: ['/openai/v1/**'] }],
      usage: { format: 'OpenAI' },
    },
  },
  {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name: 'openai' },
    spec: {
      displayName: 'OpenAI',
      upstreams: [{ host: 'api.openai.com' }],
      auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
      env: {
        key: ['OPENAI_API_KEY'],
        baseUrl: ['OPENAI_BASE_URL'],
        baseUrlPath: '/v1',
        constants: [{ name: 'OPENAI_AGENTS_DISABLE_TRACING', value: '1' }],
      },
      fakeToken: 'sk-proj-{token}',
      allow: [{ paths: ['/v1/**'] }],
      deny: [
        { paths: ['/v1/organization', '/v1/organization/**', '/v1/projects', '/v1/projects/**'] },
        {
          paths: [
            '/v1/realtime/client_secrets',
            '/v1/realtime/sessions',
            '/v1/realtime/transcription_sessions',
            '/v1/realtime/translations/client_secrets',
            '/v1/chatkit/sessions',
            '/v1/chatkit/sessions/**',
          ],
        },
        { paths: ['/v1/vaults', '/v1/vaults/**', '/v1/webhook_endpoints', '/v1/webhook_endpoints/**'] },
        { paths: ['/v1/traces/**'] },
      ],
      usage: { format: 'OpenAI' },
    },
  },
];
