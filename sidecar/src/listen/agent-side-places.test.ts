// Where the key goes and where the provider's URLs lead, as its document says, over real sockets and real TLS.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Provider, ProviderSpec } from '@seks/crds';

import { ask, type WholeAnswer } from '../testing/agent-request.ts';
import { type SidecarRig, startSidecarRig } from '../testing/sidecar-rig.ts';
import { fakeToken } from '../testing/test-sidecar.ts';
import { answerOk, startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';

const BOT_KEY = '123456789:AAE-CANARY_bot_0123456789abcdef';
const GIT_KEY = 'ghp_CANARY0123456789abcdefghijklmnop';
const OTHER_KEY = 'sk-CANARY-other-0123456789';
const botToken = fakeToken('110201543:AA{token}');
const gitToken = fakeToken('ghp_{token}');
const otherToken = fakeToken();
const foreignBot = fakeToken('110201544:AA{token}');

let cdn: TestUpstream;
let rig: SidecarRig;

beforeAll(async () => {
  cdn = await startUpstream('cdn.provider.example');
  rig = await startSidecarRig(
    (upstream) => [
      {
        provider: upstream.provider('telegram', {
          auth: [{ path: { prefix: '/bot' } }, { path: { prefix: '/file/bot' } }],
          allow: [{ paths: ['/bot{token}/*', '/file/bot{token}/**'] }],
          deny: [{ paths: ['/bot{token}/setWebhook'] }],
        }),
        token: botToken,
        key: BOT_KEY,
      },
      {
        provider: withCdn(upstream, 'github', {
          auth: [
            { header: { name: 'authorization', scheme: 'token' } },
            { basic: { field: 'Password' } },
            { basic: { field: 'Username' } },
            { query: { name: 'appid' } },
          ],
          keyPrefixes: ['ghp_'],
          keyless: [{ methods: ['POST'], paths: ['/v1/webhooks/*/*'] }],
          rewrite: {
            headers: ['link'],
            urls: [{ paths: ['/v1/releases'], fields: ['upload_url', 'download_url'] }],
            redact: [{ paths: ['/v1/releases'], fields: ['webhook_token'] }],
          },
        }),
        token: gitToken,
        key: GIT_KEY,
      },
      { provider: upstream.provider('other'), token: otherToken, key: OTHER_KEY },
    ],
    { addresses: { '*': ['127.0.0.1'] } },
  );
});
afterEach(() => {
  rig.upstream.reset();
  cdn.reset();
});
afterAll(async () => {
  await rig.close();
  await cdn.close();
});

function withCdn(upstream: TestUpstream, name: string, spec: Partial<ProviderSpec>): Provider {
  const upstreams: ProviderSpec['upstreams'] = [
    { host: upstream.host, port: upstream.port },
    { host: cdn.host, port: cdn.port, auth: 'None' },
  ];
  return upstream.provider(name, { upstreams, caBundle: `${upstream.ca}\n${cdn.ca}`, ...spec });
}

async function call(path: string, headers: Record<string, string> = {}, body?: string): Promise<WholeAnswer> {
  return ask(rig.sidecar.port, { path, headers, body });
}

function basic(text: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

/** names and values in turn that can hold a credential */
function credentialsSeen(): string[] {
  return (rig.upstream.seen[0]?.rawHeaders ?? []).filter((_, i, all) =>
    /^authorization$/i.test(all[i - (i % 2)] ?? ''),
  );
}

describe('the key goes where the token stood, and nowhere else', () => {
  test.each([
    [`/telegram/bot${botToken}/getMe?x=1`, `/bot${BOT_KEY}/getMe?x=1`],
    [`/bot${botToken}/getMe`, `/bot${BOT_KEY}/getMe`],
    [`/bot${botToken.replace(':', '%3A')}/getMe`, `/bot${BOT_KEY}/getMe`],
    [`/telegram/bot${botToken.replace(':', '%3a')}/send%20it`, `/bot${BOT_KEY}/send%20it`],
    [`/telegram/file/bot${botToken}/photos/a.jpg`, `/file/bot${BOT_KEY}/photos/a.jpg`],
    [`/telegram/~api.provider.example/bot${botToken}/getMe`, `/bot${BOT_KEY}/getMe`],
  ])('in a path: %#', async (path, url) => {
    expect((await call(path)).status).toBe(200);
    expect(rig.upstream.seen.map((seen) => seen.url)).toEqual([url]);
    expect(credentialsSeen()).toEqual([]);
  });

  test.each([
    [{ authorization: `TOKEN ${gitToken}` }, `TOKEN ${GIT_KEY}`],
    [basic(`x-access-token:${gitToken}`), basic(`x-access-token:${GIT_KEY}`)['authorization']],
    [basic(`${gitToken}:`), basic(`${GIT_KEY}:`)['authorization']],
  ])('in a header: %#', async (headers, value) => {
    expect((await call('/github/v1/user?q=1', headers)).status).toBe(200);
    expect(rig.upstream.seen[0]?.url).toBe('/v1/user?q=1');
    expect(credentialsSeen()).toEqual(['authorization', value]);
  });

  test('in the query', async () => {
    expect((await call(`/github/v1/user?a=1&appid=${gitToken}&b=2`)).status).toBe(200);
    expect(rig.upstream.seen[0]?.url).toBe(`/v1/user?a=1&appid=${GIT_KEY}&b=2`);
    expect(credentialsSeen()).toEqual([]);
  });

  test.each<[string, string, Record<string, string>, string]>([
    ['a token of another pod', `/telegram/bot${foreignBot}/getMe`, {}, 'SEKS_TOKEN_FOREIGN'],
    ["somebody's key", '/telegram/bot1:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe', {}, 'SEKS_TOKEN_UNKNOWN'],
    ['a denied method', `/telegram/bot${botToken}/setWebhook`, {}, 'SEKS_ROUTE_DENIED'],
    ['a denied method in other letters', `/bot${botToken}/SETWEBHOOK`, {}, 'SEKS_ROUTE_DENIED'],
    ['a path token of another provider', `/github/bot${botToken}/getMe`, {}, 'SEKS_CREDENTIAL_FOREIGN'],
    [
      'a path token in a header',
      '/telegram/botx',
      { authorization: `Bearer ${botToken}` },
      'SEKS_CREDENTIAL_FOREIGN',
    ],
    ['a second parameter', `/github/v1?appid=${gitToken}&APPID=evil`, {}, 'SEKS_CREDENTIAL_FOREIGN'],
    [
      "somebody's parameter",
      '/github/v1?appid=evil',
      { authorization: `token ${gitToken}` },
      'SEKS_CREDENTIAL_FOREIGN',
    ],
    ["somebody's key as user name", '/github/v1', basic(`ghp_evil:${gitToken}`), 'SEKS_CREDENTIAL_FOREIGN'],
    ['a password beside the token', '/github/v1', basic(`${gitToken}:evil`), 'SEKS_TOKEN_MISSING'],
    ['another scheme', '/github/v1', { authorization: `Bearer ${gitToken}` }, 'SEKS_TOKEN_MISSING'],
  ])('S4, S5: refuses %s', async (_, path, headers, code) => {
    expect((await call(path, headers)).code).toBe(code);
    expect(rig.upstream.seen).toEqual([]);
  });

  test('S9: no token and no key is written down, nor the path of a token', async () => {
    await call(`/telegram/bot${botToken}/getMe`);
    await call(`/telegram/bot${foreignBot}/getMe`);
    const written = await rig.sidecar.written();
    for (const secret of [botToken, foreignBot, BOT_KEY, GIT_KEY, gitToken])
      expect(written).not.toContain(secret);
    expect(written).toContain('/bot{token}/*');
  });
});

describe('URLs of the provider', () => {
  const authorization = { authorization: `token ${gitToken}` };

  test('S6: a redirect to a signed URL is followed without key, by its ticket alone', async () => {
    const signed = '/assets/a%20b.zip?X-Amz-Signature=abc&X-Amz-Credential=x&jwt=y';
    rig.upstream.answer((_, response) => {
      response.writeHead(302, { location: `https://${cdn.host}:${cdn.port}${signed}` }).end();
    });
    const { status, headers } = await call('/github/v1/archive', authorization);
    expect(status).toBe(302);
    const location = new URL(headers.location ?? '');
    expect(location.host).toBe(`127.0.0.1:${rig.sidecar.port}`);
    const path = location.pathname + location.search;
    // Clients send the token along or not.
    for (const sent of [{}, authorization]) expect((await call(path, sent)).status).toBe(200);
    expect(cdn.seen.map(({ url }) => url)).toEqual([signed, signed]);
    for (const { rawHeaders } of cdn.seen) expect(rawHeaders.join()).not.toMatch(/authorization|ghp_/i);
    expect((await call(path.replace('a%20b', 'other'), authorization)).code).toBe('SEKS_URL_NOT_ISSUED');
    expect((await call(path.replace(/~0*1-/, '~0-'))).code).toBe('SEKS_URL_NOT_ISSUED');
    expect((await call(`${path}&appid=${gitToken}`)).code).toBe('SEKS_CREDENTIAL_FOREIGN');
    expect((await call(path, { authorization: `Bearer ${otherToken}` })).code).toBe(
      'SEKS_TOKEN_WRONG_PROVIDER',
    );
    expect(cdn.seen).toHaveLength(2);
  });

  test('Link and members of JSON lead back, and other credentials in it are written over', async () => {
    const theirs = `https://${rig.upstream.host}:${rig.upstream.port}`;
    const body = `{ "upload_url":"${theirs}/v1/up{?name}",\n"download_url" : "https://${cdn.host}/x", "webhook_token":"abc","url":"${theirs}" }`; // prettier-ignore
    rig.upstream.answer((_, response) => {
      const link = `<${theirs}/v1/releases?page=2>; rel="next"`;
      response.writeHead(200, { link, 'content-type': 'application/json; charset=utf-8' }).end(body);
    });
    const { headers, body: text } = await call('/github/v1/releases', authorization);
    expect(headers.link).toBe(`<${rig.sidecar.base}/github/v1/releases?page=2>; rel="next"`);
    const ticketed = /"(http:[^"]*~cdn\.provider\.example\/~1-[\w-]{32}\/x)"/.exec(text)?.[1] ?? 'none';
    expect(text).toBe(
      body
        .replace(`${theirs}/v1/up`, `${rig.sidecar.base}/github/v1/up`)
        .replace(`https://${cdn.host}/x`, ticketed)
        .replace('"abc"', '"***"'),
    );
    rig.upstream.answer(answerOk);
    expect((await call(new URL(ticketed).pathname)).status).toBe(200);
    expect(cdn.seen[0]?.url).toBe('/x');
  });

  test.each([{ 'transfer-encoding': 'chunked' }, { 'content-length': '100000' }])(
    'a URL in the answer to an upload leads back: %j',
    async (framing) => {
      rig.upstream.answer((incoming, response) => {
        const location = `https://${rig.upstream.host}:${rig.upstream.port}/v1/files/1`;
        incoming.resume().on('end', () => response.writeHead(201, { location }).end());
      });
      const { headers } = await call(
        '/github/v1/files',
        { ...authorization, ...framing },
        'x'.repeat(100_000),
      );
      expect(headers.location).toBe(`${rig.sidecar.base}/github/v1/files/1`);
    },
  );

  test('a keyless route goes without the key, and no other does', async () => {
    expect((await call('/github/v1/webhooks/1/secret', {}, '{}')).status).toBe(200);
    expect(rig.upstream.seen[0]?.url).toBe('/v1/webhooks/1/secret');
    expect(credentialsSeen()).toEqual([]);
    expect((await call('/github/v1/webhooks/1/secret')).code).toBe('SEKS_TOKEN_MISSING');
    expect((await call('/github/v1/webhooks/1', {}, '{}')).code).toBe('SEKS_TOKEN_MISSING');
    expect((await call('/github/v1/webhooks/1/secret?appid=x', {}, '{}')).code).toBe(
      'SEKS_CREDENTIAL_FOREIGN',
    );
    expect(rig.upstream.seen).toHaveLength(1);
    expect(await rig.sidecar.written()).not.toContain('webhooks/1/secret');
  });
});
