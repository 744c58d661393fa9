// Where the URLs of the built-in documents lead, to the provider and back.
import { describe, expect, test } from '@jest/globals';

import { baseOrigin } from '../listen/origin.ts';
import { parseTarget } from '../request/target.ts';
import { compileJsonRewrites } from '../rewrite/json-fields.ts';
import { resolveTarget } from '../route/route.ts';
import { compileUpstreams } from '../route/upstreams.ts';
import { specOf } from './testing/built-in.ts';

describe('URLs in answers', () => {
  test.each([
    ['/indexes/movies', 'movies-1.svc.acme.pinecone.io', 'movies-1.svc.acme.pinecone.io'],
    ['/assistant/assistants', 'https://prod-1-data.ke.pinecone.io', 'prod-1-data.ke.pinecone.io'],
    ['/assistant/assistants/a', 'prod-eu-data.ke.pinecone.io', 'prod-eu-data.ke.pinecone.io'],
  ])('pinecone %s: the host %s leads back', (path, host, reached) => {
    const spec = specOf('pinecone');
    const upstreams = compileUpstreams(spec);
    const rewritten = compileJsonRewrites(spec.rewrite ?? {}).find(path)?.(JSON.stringify({ host }), {
      origin: baseOrigin(15_080, false),
      host: '127.0.0.1:15080',
      provider: 'pinecone',
      upstreams,
      current: upstreams.primary,
      intercepted: new Set(),
      issue: () => 'aTicket',
    });
    expect(JSON.parse(rewritten ?? '')).toEqual({ host: `http://127.0.0.1:15080/pinecone/~${reached}` });
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
    ['pinecone', '/pinecone/assistants/a', 'api.pinecone.io/assistant/assistants/a'],
    ['pinecone', '/pinecone/assistant/assistants', 'api.pinecone.io/assistant/assistants'],
    [
      'pinecone',
      '/pinecone/~prod-eu-data.ke.pinecone.io/assistant/chat/a',
      'prod-eu-data.ke.pinecone.io/assistant/chat/a',
    ],
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
