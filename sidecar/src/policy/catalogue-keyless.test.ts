// Which routes of the built-in documents go without a token.
import { describe, expect, test } from '@jest/globals';

import { compilePolicy } from './policy.ts';
import { specOf } from './testing/built-in.ts';

type Route = readonly [method: string, path: string, host?: string];

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
    ['slack', ['POST', '/upload/v1/aTicket', 'files.slack.com']],
    ['github', ['GET', '/o/r.git/info/refs', 'github.com']],
    ['github', ['POST', '/o/r.git/git-upload-pack', 'github.com']],
    ['huggingface', ['GET', '/o/m/resolve/main/config.json', 'huggingface.co']],
  ])('%s takes %j', (name, route) => {
    expect(isKeyless(name, route)).toBe(true);
  });

  test.each<[string, Route]>([
    ['discord', ['GET', '/api/v10/users/@me']],
    ['discord', ['GET', '/api/v10/webhooks/1']],
    ['discord', ['GET', '/', 'gateway.discord.gg']],
    ['slack', ['GET', '/files-pri/T1-F1/a.txt', 'files.slack.com']],
    ['slack', ['POST', '/upload/v1/aTicket']],
    ['github', ['GET', '/user']],
    ['github', ['POST', '/o/r.git/git-receive-pack', 'github.com']],
    ['huggingface', ['POST', '/api/repos/create', 'huggingface.co']],
    ['huggingface', ['GET', '/v1/models', 'router.huggingface.co']],
    ['openai', ['GET', '/v1/models']],
  ])('S5: %s does not take %j', (name, route) => {
    expect(isKeyless(name, route)).toBe(false);
  });
});
