// What the built-in documents let through and what not, route by route.
import { BUILT_IN_PROVIDERS, fillParameters, type ProviderSpec } from '@seks/crds';
import { describe, expect, test } from '@jest/globals';

import { baseOrigin } from '../listen/origin.ts';
import { parseTarget } from '../request/target.ts';
import { resolveTarget } from '../route/route.ts';
import { compileUpstreams } from '../route/upstreams.ts';
import { compileModelRules } from './models.ts';
import { compilePolicy } from './policy.ts';

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
    ],
    allowed: [
      ['POST', '/v1/chat/completions'],
      ['POST', '/v1/responses', 'eu.api.openai.com'],
      ['GET', '/v1/realtime'],
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
      ['POST', '/v1/user_profiles/u/enrollment_url'],
      ['POST', '/api/oauth/claude_cli/create_api_key'],
      ['GET', '/api/hello'],
    ],
    allowed: [
      ['POST', '/v1/messages'],
      ['POST', '/v1/messages/count_tokens'],
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
      ['GET', '/api/RTM.connect'],
    ],
    allowed: [
      ['POST', '/api/chat.postMessage'],
      ['POST', '/api/auth.test'],
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
  mistral: { denied: [['GET', '/v1/connectors']], allowed: [['POST', '/v1/chat/completions']] },
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
    ],
    allowed: [['POST', '/v1/responses']],
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
    ],
    allowed: [['POST', '/api/v1/chat/completions']],
  },
  together: {
    denied: [['GET', '/v1/deployments/secrets/s']],
    allowed: [['POST', '/v1/chat/completions', 'api.together.xyz']],
  },
  huggingface: {
    denied: [
      ['POST', '/oauth/token', HUB],
      ['GET', '/api/settings/webhooks', HUB],
      ['GET', '/api/models/o/m/xet-read-token/main', HUB],
      ['POST', '/api/spaces/o/s/secrets', HUB],
      ['GET', '/api/spaces/o/s/jwt', HUB],
    ],
    allowed: [
      ['GET', '/o/m/resolve/main/config.json', HUB],
      ['GET', '/api/whoami-v2', HUB],
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
      ['POST', '/v3/teammates', 'api.eu.sendgrid.com'],
    ],
    allowed: [['POST', '/v3/mail/send']],
  },
  resend: {
    denied: [
      ['POST', '/api-keys'],
      ['GET', '/webhooks/w'],
      ['POST', '/domains/claim'],
    ],
    allowed: [['POST', '/emails']],
  },
  'azure-openai': {
    denied: [
      ['POST', '/openai/realtimeapi/sessions'],
      ['POST', '/openai/v1/realtime/client_secrets'],
    ],
    allowed: [
      ['POST', '/openai/deployments/d/chat/completions'],
      ['POST', '/openai/v1/responses'],
    ],
  },
  tavily: { denied: [['POST', '/generate-keys']], allowed: [['POST', '/search']] },
  brave: { denied: [], allowed: [['GET', '/res/v1/web/search']], leftOut: [['GET', '/app/keys']] },
  elevenlabs: {
    denied: [
      ['GET', '/v1/user'],
      ['POST', '/v1/service-accounts/s/api-keys'],
      ['POST', '/v1/single-use-token/realtime_scribe'],
      ['GET', '/v1/convai/conversation/get-signed-url'],
      ['POST', '/v1/convai/secrets'],
    ],
    allowed: [
      ['POST', '/v1/text-to-speech/v'],
      ['GET', '/v1/text-to-speech/v/stream-input'],
      ['GET', '/v1/user/subscription'],
    ],
  },
  perplexity: { denied: [['POST', '/generate_auth_token']], allowed: [['POST', '/chat/completions']] },
  fireworks: {
    denied: [
      ['POST', '/v1/accounts/a/users/u/apiKeys'],
      ['POST', '/v1/accounts/a/users/u/apiKeys:delete'],
      ['GET', '/v1/accounts/a/secrets'],
    ],
    allowed: [['POST', '/inference/v1/chat/completions']],
    leftOut: [['GET', '/v1/accounts/a/models']],
  },
  voyage: { denied: [], allowed: [['POST', '/v1/embeddings']] },
  pinecone: {
    denied: [['POST', '/admin/projects/p/api-keys']],
    allowed: [
      ['GET', '/indexes'],
      ['POST', '/query', '*.svc.acme.pinecone.io'],
    ],
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

const FREE = [{ paths: ['/**'] }];

/** with `acme` for every parameter */
function specOf(name: string): ProviderSpec {
  const provider = BUILT_IN_PROVIDERS.find((candidate) => candidate.name === name);
  if (provider === undefined) throw new Error(`no provider ${name}`);
  const values = Object.fromEntries((provider.spec.parameters ?? []).map((each) => [each.name, 'acme']));
  return fillParameters(provider, values).spec;
}

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

describe('routes without a token', () => {
  const isKeyless = (name: string, [method, path, host]: Route): boolean => {
    const spec = specOf(name);
    const policy = compilePolicy({ allow: spec.keyless ?? [], deny: [] });
    return policy.decide(method, host ?? spec.upstreams[0]?.host ?? '', path).allowed;
  };

  test.each<[string, Route]>([
    ['discord', ['POST', '/api/v10/interactions/1/aToken/callback']],
    ['discord', ['POST', '/api/webhooks/1/aToken']],
    ['discord', ['PATCH', '/api/v10/webhooks/1/aToken/messages/@original']],
    ['slack', ['POST', '/upload/v1/aTicket', SLACK_FILES]],
    ['github', ['GET', '/o/r.git/info/refs', 'github.com']],
    ['github', ['POST', '/o/r.git/git-upload-pack', 'github.com']],
    ['huggingface', ['GET', '/o/m/resolve/main/config.json', HUB]],
  ])('%s takes %j', (name, route) => {
    expect(isKeyless(name, route)).toBe(true);
  });

  test.each<[string, Route]>([
    ['discord', ['GET', '/api/v10/users/@me']],
    ['discord', ['GET', '/api/v10/webhooks/1']],
    ['discord', ['GET', '/', 'gateway.discord.gg']],
    ['slack', ['GET', '/files-pri/T1-F1/a.txt', SLACK_FILES]],
    ['slack', ['POST', '/upload/v1/aTicket']],
    ['github', ['GET', '/user']],
    ['github', ['POST', '/o/r.git/git-receive-pack', 'github.com']],
    ['huggingface', ['POST', '/api/repos/create', HUB]],
    ['huggingface', ['GET', '/v1/models', 'router.huggingface.co']],
    ['openai', ['GET', '/v1/models']],
  ])('S5: %s does not take %j', (name, route) => {
    expect(isKeyless(name, route)).toBe(false);
  });
});

describe('models in paths', () => {
  const placeOf = (name: string, path: string) =>
    compileModelRules(specOf(name).modelFrom, { models: ['*'] }).place('POST', path);

  test.each([
    ['gemini', '/v1beta/models/gemini-3.5-flash:streamGenerateContent', 'gemini-3.5-flash'],
    ['gemini', '/v1/models/gemini-2.5-pro:countTokens/', 'gemini-2.5-pro'],
    ['gemini', '/v1beta/tunedModels/mine:generateContent', 'mine'],
    ['azure-openai', '/openai/deployments/cheap/chat/completions', 'cheap'],
    ['azure-openai', '/openai/deployments/cheap/audio/speech/', 'cheap'],
    ['bedrock', '/model/amazon.nova-pro-v1:0/converse', 'amazon.nova-pro-v1:0'],
    // An inference profile: the rest of its name is no reason to look for another model in the body.
    ['bedrock', '/model/arn:aws:bedrock:eu-west-1:1:inference-profile/x/converse', /^arn:aws:bedrock:/],
    ['huggingface', '/hf-inference/models/bert/pipeline/fill-mask', 'bert'],
  ])('%s: %s', (name, path, model) => {
    const place = placeOf(name, path);
    expect(place.kind).toBe('known');
    expect(place.kind === 'known' && place.model).toEqual(
      typeof model === 'string' ? model : expect.stringMatching(model),
    );
  });

  test.each([
    ['gemini', '/v1/interactions'],
    ['azure-openai', '/openai/v1/responses'],
    ['bedrock', '/openai/v1/chat/completions'],
    ['anthropic', '/v1/messages'],
  ])('%s: %s names it in the body', (name, path) => {
    expect(placeOf(name, path)).toEqual({ kind: 'body' });
  });
});

describe('aliases below the base URL', () => {
  const upstreamOf = (name: string, url: string): string => {
    const spec = specOf(name);
    const { upstream, path, plainPath, query } = resolveTarget({
      target: parseTarget(url),
      origin: baseOrigin(15_080, false),
      named: url.startsWith(`/${name}/`) ? name : undefined,
      provider: { name, spec },
      upstreams: compileUpstreams(spec),
    });
    expect(plainPath).toBe(decodeURIComponent(path));
    return `${upstream.host}${path}${query}`;
  };

  test.each([
    ['anthropic', '/anthropic/v1/messages?beta=true', 'api.anthropic.com/v1/messages?beta=true'],
    ['anthropic', '/anthropic/messages', 'api.anthropic.com/v1/messages'],
    ['anthropic', '/anthropic/organizations', 'api.anthropic.com/v1/organizations'],
    ['anthropic', '/anthropic/api/hello', 'api.anthropic.com/api/hello'],
    ['github', '/github/repos/o/r', 'api.github.com/repos/o/r'],
    ['github', '/api/v3/repos/o/r%20s', 'api.github.com/repos/o/r%20s'],
    ['github', '/github/api/graphql', 'api.github.com/graphql'],
    ['github', '/api/uploads/repos/o/r/releases/1/assets', 'uploads.github.com/repos/o/r/releases/1/assets'],
    ['github', '/github/~github.com/o/r.git/info/refs', 'github.com/o/r.git/info/refs'],
    ['discord', '/discord/~gateway-us-east1-b.discord.gg/?v=10', 'gateway-us-east1-b.discord.gg/?v=10'],
    ['pinecone', '/pinecone/~i-1.svc.acme.pinecone.io/query', 'i-1.svc.acme.pinecone.io/query'],
  ])('%s: %s is %s', (name, url, expected) => {
    expect(upstreamOf(name, url)).toBe(expected);
  });

  test.each([
    ['discord', '/discord/~a.b.discord.gg/'],
    ['pinecone', '/pinecone/~i-1.svc.other.pinecone.io/query'],
    ['github', '/github/~codeload.github.com/o/r/zip/main'],
    ['slack-app', '/slack-app/~wss-primary.slack.com/link'],
  ])('S6: %s: %s leads nowhere', (name, url) => {
    expect(() => upstreamOf(name, url)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^SEKS_(ROUTE_UNKNOWN|URL_NOT_ISSUED)$/) }),
    );
  });
});
