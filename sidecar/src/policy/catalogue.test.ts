// What the built-in documents let through and what not, route by route.
import { BUILT_IN_PROVIDERS } from '@seks/crds';
import { describe, expect, test } from '@jest/globals';

import { compilePolicy } from './policy.ts';
import { FREE, specOf } from './testing/built-in.ts';

/** method, host (omitted: the first), path */
type Route = readonly [method: string, path: string, host?: string];

interface Table {
  /** S13: whatever a binding allows */
  denied: readonly Route[];
  /** without any rule of a binding */
  allowed: readonly Route[];
  /** neither */
  leftOut?: readonly Route[];
}

const SLACK_FILES = 'files.slack.com';
const HUB = 'huggingface.co';

const TABLES: Readonly<Record<string, Table>> = {
  openai: {
    denied: [
      ['POST', '/v1/organization/admin_api_keys'],
      ['GET', '/v1/projects/p/api_keys'],
      ['POST', '/v1/realtime/client_secrets'],
      ['POST', '/v1/realtime/translations/client_secrets'],
      ['POST', '/v1/realtime/sessions'],
      ['POST', '/v1/realtime/transcription_sessions/'],
      ['POST', '/v1/chatkit/sessions'],
      ['GET', '/v1/Vaults'],
      ['POST', '/v1/webhook_endpoints'],
      ['POST', '/v1/traces/ingest', 'eu.api.openai.com'],
      ['POST', '/v1/realtime/calls'],
      ['POST', '/v1/live/sessions'],
      ['POST', '/v1/live/sessions/s/fork'],
    ],
    allowed: [
      ['POST', '/v1/chat/completions'],
      ['POST', '/v1/responses', 'eu.api.openai.com'],
      ['GET', '/v1/realtime'],
      ['POST', '/v1/realtime/calls/c/accept'],
      ['POST', '/v1/realtime/calls/c/hangup'],
      ['GET', '/v1/live/sessions/s'],
      ['POST', '/v1/files'],
      ['GET', '/v1/models/gpt-5.4'],
    ],
  },
  anthropic: {
    denied: [
      ['GET', '/v1/organizations/api_keys'],
      ['POST', '/v1/oauth/token'],
      ['POST', '/v1/vaults'],
      ['POST', '/v1/tunnels/t/reveal_token'],
      ['GET', '/v1/environments/e/work/next'],
      ['GET', '/v1/environments/e/work'],
      ['POST', '/v1/user_profiles/u/enrollment_url'],
      ['POST', '/api/oauth/claude_cli/create_api_key'],
      ['GET', '/api/hello'],
    ],
    allowed: [
      ['POST', '/v1/messages'],
      ['POST', '/v1/messages/count_tokens'],
      ['GET', '/v1/environments/e'],
      ['HEAD', '/api/hello'],
    ],
    leftOut: [['HEAD', '/api/claude_cli/bootstrap']],
  },
  gemini: {
    denied: [
      ['POST', '/v1alpha/auth_tokens'],
      ['POST', '/v1beta/authTokens'],
      ['POST', '/v1beta/corpora/c/permissions'],
      ['POST', '/v1beta/tunedModels/t:transferOwnership'],
      ['POST', '/v1/webhooks'],
      ['POST', '/v1beta/openai/chat/completions'],
      ['POST', '/v1beta/credentials'],
      ['GET', '/v1alpha/credentials/c'],
    ],
    allowed: [
      ['POST', '/v1beta/models/gemini-3.5-flash:streamGenerateContent'],
      ['POST', '/v1/interactions'],
      ['POST', '/upload/v1beta/files'],
      ['GET', '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent'],
    ],
  },
  groq: {
    denied: [],
    allowed: [['POST', '/openai/v1/chat/completions']],
    leftOut: [['GET', '/v1/keys']],
  },
  discord: {
    denied: [
      ['POST', '/api/v10/channels/1/webhooks'],
      ['GET', '/api/channels/1/webhooks'],
      ['GET', '/api/v10/guilds/1/webhooks'],
      ['GET', '/api/v10/webhooks/1'],
      ['POST', '/api/v10/oauth2/token'],
      ['POST', '/api/v10/oauth2/token/revoke'],
      ['POST', '/api/v10/partner-sdk/token/bot'],
      ['PATCH', '/api/v10/applications/@me'],
      ['POST', '/api/v9/applications/1/bot/reset'],
    ],
    allowed: [
      ['GET', '/api/v10/users/@me'],
      ['GET', '/api/v10/gateway/bot'],
      ['GET', '/api/v10/oauth2/applications/@me'],
      ['POST', '/api/v10/channels/1/messages'],
      ['PUT', '/api/v10/applications/1/guilds/2/commands'],
      ['POST', '/api/v10/interactions/1/aToken/callback'],
      ['PATCH', '/api/v10/webhooks/1/aToken/messages/@original'],
      ['GET', '/', 'gateway.discord.gg'],
      ['GET', '/', '*.discord.gg'],
    ],
    leftOut: [
      ['GET', '/'],
      ['GET', '/api/v10/users/@me', 'gateway.discord.gg'],
    ],
  },
  telegram: {
    denied: [
      ['POST', '/bot{token}/setWebhook'],
      ['POST', '/bot{token}/setwebhook'],
      ['GET', '/bot{token}/test/SetWebhook'],
      ['GET', '/bot{token}/getWebhookInfo'],
      ['POST', '/bot{token}/logOut'],
      ['POST', '/bot{token}/close'],
      ['POST', '/bot{token}/getManagedBotToken'],
      ['POST', '/bot{token}/replaceManagedBotToken/'],
    ],
    allowed: [
      ['POST', '/bot{token}/deleteWebhook'],
      ['POST', '/bot{token}/getUpdates'],
      ['POST', '/bot{token}/sendDocument'],
      ['POST', '/bot{token}/test/getMe'],
      ['POST', '/bot{token}/closeForumTopic'],
      ['GET', '/file/bot{token}/documents/file_1.txt'],
    ],
    leftOut: [['GET', '/bots']],
  },
  github: {
    denied: [
      ['POST', '/app/installations/1/access_tokens'],
      ['POST', '/app-manifests/c/conversions'],
      ['POST', '/applications/Iv1/token'],
      ['GET', '/copilot_internal/v2/token'],
      ['POST', '/credentials/revoke'],
      ['DELETE', '/installation/token'],
      ['POST', '/repos/o/r/actions/runners/registration-token'],
      ['POST', '/orgs/o/actions/runners/generate-jitconfig'],
      ['PUT', '/repos/o/r/actions/secrets/KEY'],
      ['PUT', '/repositories/1/environments/a/b/secrets/KEY'],
      ['PUT', '/orgs/o/dependabot/secrets/KEY'],
      ['PUT', '/repos/o/r/agents/secrets/KEY'],
      ['PUT', '/repositories/1/agents/secrets/KEY'],
      ['DELETE', '/orgs/o/agents/secrets/KEY'],
      ['PUT', '/organizations/1/agents/secrets/KEY/repositories'],
      ['POST', '/orgs/o/private-registries'],
      ['PATCH', '/orgs/o/private-registries/R'],
      ['POST', '/organizations/1/private-registries'],
      ['DELETE', '/organizations/1/private-registries/R'],
      ['GET', '/repos/o/r/secret-scanning/alerts'],
      ['POST', '/repos/o/r/hooks'],
      ['PATCH', '/orgs/o/hooks/1/config'],
      ['POST', '/hub'],
      ['POST', '/user/keys'],
      ['POST', '/user/gpg_keys'],
      ['POST', '/repos/o/r/keys'],
      ['PUT', '/repos/o/r/collaborators/eve'],
      ['PUT', '/repositories/1/collaborators/eve'],
      ['PUT', '/orgs/o/memberships/eve'],
      ['PUT', '/orgs/o/organization-roles/users/eve/1'],
      ['PUT', '/orgs/o/organization-roles/teams/t/1'],
      ['PUT', '/organizations/1/organization-roles/users/eve/1'],
      ['PUT', '/organizations/1/organization-roles/teams/t/1'],
      ['PUT', '/enterprises/e/teams/t/memberships/eve'],
      ['POST', '/enterprises/e/teams/t/memberships/add'],
      ['POST', '/repos/o/r/transfer'],
      ['POST', '/user/codespaces'],
      ['POST', '/repos/o/r/codespaces'],
      ['POST', '/repos/o/r/pulls/1/codespaces'],
      ['GET', '/orgs/o/personal-access-token-requests'],
      ['GET', '/orgs/o/personal-access-tokens/1/repositories'],
      ['POST', '/login/oauth/access_token', 'github.com'],
      ['GET', '/settings/tokens', 'github.com'],
    ],
    allowed: [
      ['GET', '/repos/o/r/issues'],
      ['GET', '/repositories/1/issues'],
      ['POST', '/graphql'],
      ['GET', '/repos/o/r/actions/secrets/public-key'],
      ['GET', '/orgs/o/agents/secrets'],
      ['GET', '/orgs/o/private-registries'],
      ['GET', '/orgs/o/organization-roles'],
      ['GET', '/enterprises/e/teams/t/memberships'],
      ['PUT', '/repos/o/r/contents/secrets/readme.md'],
      ['PUT', '/repos/o/r/contents/.github/actions/secrets/action.yml'],
      ['GET', '/repos/o/r/hooks'],
      ['POST', '/repos/o/r/releases/1/assets', 'uploads.github.com'],
      ['GET', '/o/r.git/info/refs', 'github.com'],
      ['POST', '/o/r.git/git-upload-pack', 'github.com'],
      ['POST', '/o/r.git/git-receive-pack', 'github.com'],
      ['POST', '/o/r.git/info/lfs/objects/batch', 'github.com'],
    ],
    leftOut: [['POST', '/o/r/issues/new', 'github.com']],
  },
  notion: {
    denied: [
      ['POST', '/v1/oauth/token'],
      ['POST', '/v1/oauth/introspect'],
      ['POST', '/v1/webhooks'],
      ['GET', '/v1/external_agent_stub/a/vaults'],
      ['POST', '/v1/external_agent_stub/a/vaults/v/credentials'],
    ],
    allowed: [
      ['POST', '/v1/databases/d/query'],
      ['POST', '/v1/file_uploads/f/send'],
    ],
    leftOut: [['GET', '/api/v3/getSpaces']],
  },
  slack: {
    denied: [
      ['POST', '/api/oauth.v2.access'],
      ['POST', '/api/openid.connect.token'],
      ['POST', '/api/auth.revoke'],
      ['POST', '/api/tooling.tokens.rotate'],
      ['POST', '/api/apps.manifest.create'],
      ['POST', '/api/apps.auth.external.get'],
      ['POST', '/api/apps.uninstall'],
      ['POST', '/api/admin.users.invite'],
      ['POST', '/api/workflows.triggers.create'],
      ['GET', '/api/workflows.triggers.list'],
      ['GET', '/api/RTM.connect'],
    ],
    allowed: [
      ['POST', '/api/chat.postMessage'],
      ['POST', '/api/auth.test'],
      ['POST', '/api/workflows.updateStep'],
      ['POST', '/upload/v1/aTicket', SLACK_FILES],
      ['GET', '/files-pri/T1-F1/download/a.txt', SLACK_FILES],
    ],
    leftOut: [['GET', '/api/chat.postMessage', SLACK_FILES]],
  },
  'slack-app': {
    denied: [['POST', '/api/apps.manifest.create']],
    allowed: [['POST', '/api/apps.connections.open']],
    leftOut: [['POST', '/api/chat.postMessage']],
  },
  mistral: {
    denied: [
      ['GET', '/v1/connectors'],
      ['POST', '/v1/client/sessions'],
      ['GET', '/v1/client/sessions/s'],
      ['GET', '/v1/service-accounts'],
      ['POST', '/v1/service-accounts/s/api-keys'],
    ],
    allowed: [
      ['POST', '/v1/chat/completions'],
      ['POST', '/v1/agents'],
    ],
  },
  cohere: {
    denied: [
      ['POST', '/v1/connectors'],
      ['POST', '/compatibility/v1/chat/completions'],
    ],
    allowed: [['POST', '/v2/chat']],
  },
  xai: {
    denied: [
      ['GET', '/v1/api-key'],
      ['POST', '/v1/realtime/client_secrets'],
      ['POST', '/v1/messages'],
      ['POST', '/v1/messages/count_tokens', 'us.api.x.ai'],
      ['POST', '/v1/complete'],
    ],
    allowed: [
      ['POST', '/v1/responses'],
      ['POST', '/v1/completions'],
      ['POST', '/v1/chat/completions', 'us.api.x.ai'],
      ['POST', '/v1/chat/completions', 'us-east-1.api.x.ai'],
      ['POST', '/v1/chat/completions', 'eu-west-1.api.x.ai'],
    ],
  },
  deepseek: {
    denied: [],
    allowed: [
      ['POST', '/chat/completions'],
      ['POST', '/beta/completions'],
    ],
    leftOut: [['POST', '/anthropic/v1/messages']],
  },
  openrouter: {
    denied: [
      ['POST', '/api/v1/keys'],
      ['GET', '/api/v1/key'],
      ['POST', '/api/v1/auth/keys'],
      ['GET', '/api/v1/credits'],
      ['GET', '/api/v1/vault'],
      ['GET', '/api/v1/vault/secrets/s'],
      ['POST', '/api/v1/observability/destinations'],
      ['GET', '/api/v1/observability/destinations/d', 'eu.openrouter.ai'],
      ['POST', '/api/v1/interns'],
      ['GET', '/api/v1/interns/i'],
      ['GET', '/api/v1/workspaces'],
      ['POST', '/api/v1/workspaces/w/members/add'],
      ['POST', '/api/v1/scim/v2/Users'],
      ['POST', '/api/v1/guardrails'],
      ['GET', '/api/v1/organization'],
      ['POST', '/api/v1/messages'],
      ['POST', '/api/v1/messages/count_tokens', 'us.openrouter.ai'],
      ['POST', '/api/v1/presets/p/messages'],
    ],
    allowed: [
      ['POST', '/api/v1/chat/completions'],
      ['POST', '/api/v1/responses', 'eu.openrouter.ai'],
      ['GET', '/api/v1/models', 'us.openrouter.ai'],
      ['POST', '/api/v1/presets/p/chat/completions'],
    ],
  },
  together: {
    denied: [
      ['GET', '/v1/deployments/secrets/s'],
      ['POST', '/v1/compute/clusters'],
      ['GET', '/v1/compute/clusters/c'],
    ],
    allowed: [
      ['POST', '/v1/chat/completions', 'api.together.xyz'],
      ['GET', '/v1/compute/regions'],
    ],
  },
  huggingface: {
    denied: [
      ['POST', '/oauth/token', HUB],
      ['GET', '/api/settings/webhooks', HUB],
      ['GET', '/api/models/o/m/xet-read-token/main', HUB],
      ['GET', '/api/buckets/o/b/xet-read-token', HUB],
      ['GET', '/api/buckets/o/b/xet-write-token', HUB],
      ['GET', '/api/jobs', HUB],
      ['POST', '/api/scheduled-jobs', HUB],
      ['GET', '/settings', HUB],
      ['POST', '/login', HUB],
      ['POST', '/api/spaces/o/s/secrets', HUB],
      ['GET', '/api/spaces/o/s/jwt', HUB],
    ],
    allowed: [
      ['GET', '/o/m/resolve/main/config.json', HUB],
      ['GET', '/api/whoami-v2', HUB],
      ['GET', '/api/buckets/o/b', HUB],
      ['POST', '/v1/chat/completions', 'router.huggingface.co'],
    ],
  },
  stripe: {
    denied: [
      ['POST', '/v1/ephemeral_keys'],
      ['POST', '/v1/webhook_endpoints'],
      ['POST', '/v2/core/event_destinations'],
      ['POST', '/v1/apps/secrets'],
      ['GET', '/v1/apps/secrets/find'],
      ['POST', '/v1/terminal/connection_tokens'],
      ['POST', '/v1/accounts/acct_1/login_links'],
      ['POST', '/v1/account_sessions'],
      ['POST', '/v2/core/claimable_sandboxes'],
      ['POST', '/v1/forwarding/requests'],
      ['POST', '/oauth/token'],
      ['POST', '/v1/stripecli/sessions'],
    ],
    allowed: [
      ['POST', '/v1/customers'],
      ['POST', '/v1/files', 'files.stripe.com'],
    ],
  },
  linear: {
    denied: [['POST', '/oauth/token']],
    allowed: [
      ['POST', '/graphql'],
      ['GET', '/a/b/c', 'uploads.linear.app'],
    ],
  },
  sendgrid: {
    denied: [
      ['POST', '/v3/api_keys'],
      ['GET', '/v3/user/webhooks/event/settings'],
      ['POST', '/v3/subusers'],
      ['GET', '/v3/partner_settings'],
      ['PATCH', '/v3/partner_settings/new_relic'],
      ['POST', '/v3/teammates', 'api.eu.sendgrid.com'],
    ],
    allowed: [
      ['POST', '/v3/mail/send'],
      ['GET', '/v3/mail_settings'],
    ],
  },
  resend: {
    denied: [
      ['POST', '/api-keys'],
      ['GET', '/webhooks/w'],
      ['POST', '/domains/claim'],
      ['GET', '/domains/d/claim'],
      ['POST', '/domains/d/claim/verify'],
      ['GET', '/logs'],
      ['GET', '/logs/l'],
    ],
    allowed: [
      ['POST', '/emails'],
      ['POST', '/emails/batch'],
      ['POST', '/domains'],
      ['POST', '/domains/d/verify'],
      ['POST', '/broadcasts/b/send'],
      ['GET', '/audiences/a/contacts'],
      ['PATCH', '/inboxes/i/agent'],
      ['GET', '/usage'],
    ],
    leftOut: [
      ['GET', '/teams'],
      ['GET', '/'],
    ],
  },
  'azure-openai': {
    denied: [
      ['POST', '/openai/realtimeapi/sessions'],
      ['POST', '/openai/v1/realtime/client_secrets'],
      ['POST', '/openai/v1/realtime/calls'],
      ['POST', '/openai/realtime/calls'],
    ],
    allowed: [
      ['GET', '/openai/v1/realtime'],
      ['POST', '/openai/v1/realtime/calls/c/hangup'],
      ['POST', '/openai/deployments/d/chat/completions'],
      ['POST', '/openai/v1/responses'],
    ],
  },
  tavily: {
    denied: [['POST', '/generate-keys']],
    allowed: [
      ['POST', '/search'],
      ['POST', '/extract'],
      ['POST', '/crawl'],
      ['POST', '/map'],
      ['POST', '/research'],
      ['GET', '/research/r'],
      ['POST', '/feedback'],
      ['GET', '/usage'],
    ],
    leftOut: [['GET', '/logs']],
  },
  brave: { denied: [], allowed: [['GET', '/res/v1/web/search']], leftOut: [['GET', '/app/keys']] },
  elevenlabs: {
    denied: [
      ['GET', '/v1/user'],
      ['POST', '/v1/service-accounts/s/api-keys'],
      ['GET', '/v1/workspace/api-keys'],
      ['GET', '/v1/workspaces/api-keys'],
      ['DELETE', '/v1/workspaces/api-keys/k'],
      ['POST', '/v1/workspaces/w/members/m/api-keys'],
      ['POST', '/v1/single-use-token/realtime_scribe'],
      ['GET', '/v1/convai/conversation/get-signed-url'],
      ['POST', '/v1/convai/secrets'],
    ],
    allowed: [
      ['POST', '/v1/text-to-speech/v'],
      ['GET', '/v1/text-to-speech/v/stream-input'],
      ['GET', '/v1/user/subscription'],
      ['GET', '/v1/workspaces/w/usage'],
    ],
  },
  perplexity: {
    denied: [
      ['POST', '/generate_auth_token'],
      ['POST', '/router/v1/messages'],
      ['POST', '/router/v1/chat/completions'],
    ],
    allowed: [
      ['POST', '/chat/completions'],
      ['GET', '/async/chat/completions'],
      ['GET', '/async/chat/completions/r'],
      ['POST', '/v1/sonar'],
      ['POST', '/v1/async/sonar'],
      ['POST', '/search'],
      ['POST', '/v1/responses'],
      ['GET', '/v1/responses/r/files/f/content'],
      ['POST', '/v1/agent'],
      ['POST', '/v1/embeddings'],
      ['POST', '/v1/contextualizedembeddings'],
      ['DELETE', '/v1/browser/sessions/s'],
      ['GET', '/v1/models'],
    ],
    leftOut: [['GET', '/v1/organization']],
  },
  fireworks: {
    denied: [
      ['POST', '/v1/accounts/a/users/u/apiKeys'],
      ['POST', '/v1/accounts/a/users/u/apiKeys:delete'],
      ['GET', '/v1/accounts/a/secrets'],
      ['POST', '/inference/v1/messages'],
      ['POST', '/inference/v1/messages/count_tokens'],
    ],
    allowed: [
      ['POST', '/inference/v1/chat/completions'],
      ['POST', '/inference/v1/responses'],
    ],
    leftOut: [['GET', '/v1/accounts/a/models']],
  },
  voyage: { denied: [], allowed: [['POST', '/v1/embeddings']] },
  pinecone: {
    denied: [['POST', '/admin/projects/p/api-keys']],
    allowed: [
      ['GET', '/indexes'],
      ['POST', '/indexes/create-for-model'],
      ['GET', '/backups/b'],
      ['POST', '/rerank'],
      ['POST', '/query', '*.svc.acme.pinecone.io'],
      ['POST', '/vectors/upsert', '*.svc.acme.pinecone.io'],
      ['GET', '/namespaces', '*.svc.acme.pinecone.io'],
      ['POST', '/records/namespaces/n/search', '*.svc.acme.pinecone.io'],
      ['POST', '/describe_index_stats', '*.svc.acme.pinecone.io'],
      ['POST', '/assistant/assistants'],
      ['POST', '/assistant/chat/a', 'prod-1-data.ke.pinecone.io'],
      ['POST', '/assistant/files/a', 'prod-eu-data.ke.pinecone.io'],
    ],
    leftOut: [['GET', '/projects']],
  },
  bedrock: {
    denied: [['POST', '/async-invoke']],
    allowed: [
      ['POST', '/model/m/converse'],
      ['POST', '/model/m/invoke-with-response-stream'],
    ],
    leftOut: [['GET', '/guardrail/g/version/1/apply']],
  },
};

function rows(of: (table: Table) => readonly Route[] | undefined) {
  return Object.entries(TABLES).flatMap(([name, table]) =>
    (of(table) ?? []).map(([method, path, host]) => {
      const spec = specOf(name);
      return { name, spec, method, host: host ?? spec.upstreams[0]?.host ?? '', path };
    }),
  );
}

describe('policies of the built-in catalogue', () => {
  test('every provider is tried', () => {
    expect(Object.keys(TABLES).sort()).toEqual(BUILT_IN_PROVIDERS.map(({ name }) => name).sort());
  });

  test.each(rows(({ denied }) => denied))(
    'S13: $name denies $method $host$path whatever a binding allows',
    ({ spec, method, host, path }) => {
      const policy = compilePolicy({ allow: FREE, deny: spec.deny ?? [] });
      expect(policy.decide(method, host, path).allowed).toBe(false);
    },
  );

  test.each(rows(({ allowed }) => allowed))(
    '$name allows $method $host$path',
    ({ spec, method, host, path }) => {
      const policy = compilePolicy({ allow: spec.allow ?? FREE, deny: spec.deny ?? [] });
      expect(policy.decide(method, host, path).allowed).toBe(true);
    },
  );

  test.each(rows(({ leftOut }) => leftOut))(
    '$name leaves $method $host$path to the binding',
    ({ spec, method, host, path }) => {
      const { allow = FREE, deny = [] } = spec;
      expect(compilePolicy({ allow, deny }).decide(method, host, path).allowed).toBe(false);
      expect(compilePolicy({ allow: FREE, deny }).decide(method, host, path).allowed).toBe(true);
    },
  );
});
