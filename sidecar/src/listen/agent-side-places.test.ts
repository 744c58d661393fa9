// What a provider's document can say, over real sockets and real TLS: where the key goes, what comes back, and when it stops.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';

import type { Provider, ProviderSpec } from '@seks/crds';

import type { StaticCredential } from '../testing/static-lease.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';

const BOT_KEY = '123456789:AAE-CANARY_bot_0123456789abcdef';
const GIT_KEY = 'ghp_CANARY0123456789abcdefghijklmnop';
const AI_KEY = 'sk-proj-CANARY0123456789abcdefMxYA';
const botToken = fakeToken('110201543:AA{token}');
const gitToken = fakeToken('ghp_{token}');
const foreignBot = fakeToken('110201544:AA{token}');

let upstream: TestUpstream;
let cdn: TestUpstream;
let sidecar: TestSidecar;
const clock = { nowMs: 1_000_000, wallMs: Date.UTC(2026, 0, 1, 12) };

function withCdn(name: string, spec: Partial<ProviderSpec>): Provider {
  const upstreams: ProviderSpec['upstreams'] = [
    { host: upstream.host, port: upstream.port },
    { host: cdn.host, port: cdn.port, auth: 'None' },
  ];
  return upstream.provider(name, { upstreams, caBundle: `${upstream.ca}\n${cdn.ca}`, ...spec });
}

/** credentials of one provider each, so that what a test does to one is not seen by another */
function ai(name: string, change: Partial<StaticCredential> = {}, spec: Partial<ProviderSpec> = {}) {
  const token = fakeToken('sk-proj-{token}');
  tokens.set(name, token);
  const provider = upstream.provider(name, { keyPrefixes: ['sk-'], ...spec });
  return { provider, token, key: `${AI_KEY.slice(0, -4)}-${name}-MxYA`, ...change };
}

const tokens = new Map<string, string>();

beforeAll(async () => {
  upstream = await startUpstream();
  cdn = await startUpstream('cdn.provider.example');
  sidecar = await startSidecar({
    addresses: { [upstream.host]: ['127.0.0.1'], [cdn.host]: ['127.0.0.1'] },
    nowMs: () => clock.nowMs,
    wallClock: () => clock.wallMs,
    credentials: [
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
        provider: withCdn('github', {
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
      ai('breaker'),
      ai('rate', { limits: { requestsPerMinute: 1 } }),
      ai('places', { limits: { concurrentRequests: 1 } }),
      ai('budget', { limits: { tokensPerDay: 100 } }, { usage: { format: 'OpenAI' } }),
      ai('models', { models: ['gpt-4o*'] }, { modelFrom: { body: true } }),
      ai('usage', {}, { usage: { format: 'OpenAI', includeUsage: ['/v1/chat/completions'] } }),
      ai('mask'),
    ],
  });
});

afterEach(() => {
  upstream.seen.length = 0;
  cdn.seen.length = 0;
  upstream.answer(ok);
  cdn.answer(ok);
});

afterAll(async () => {
  await sidecar.close();
  await upstream.close();
  await cdn.close();
});

function ok(...[incoming, response]: Parameters<Parameters<TestUpstream['answer']>[0]>): void {
  incoming.resume().on('end', () => response.end('{"ok":true}'));
}

/** with Node's own client: fetch would not send everything as it is */
async function call(path: string, headers: Record<string, string> = {}, body?: string) {
  const method = body === undefined ? 'GET' : 'POST';
  const sent = request(`${sidecar.base}${path}`, { method, headers, agent: false });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: answer.statusCode, code: answer.headers['x-seks-error'], headers: answer.headers, text };
}

function bearer(name: string): Record<string, string> {
  return { authorization: `Bearer ${tokens.get(name)}` };
}

function basic(text: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

/** names and values in turn that can hold a credential */
function credentialsSeen(): string[] {
  return (upstream.seen[0]?.rawHeaders ?? []).filter((_, i, all) =>
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
    expect(upstream.seen.map((seen) => seen.url)).toEqual([url]);
    expect(credentialsSeen()).toEqual([]);
  });

  test.each([
    [{ authorization: `TOKEN ${gitToken}` }, `TOKEN ${GIT_KEY}`],
    [basic(`x-access-token:${gitToken}`), basic(`x-access-token:${GIT_KEY}`)['authorization']],
    [basic(`${gitToken}:`), basic(`${GIT_KEY}:`)['authorization']],
  ])('in a header: %#', async (headers, value) => {
    expect((await call('/github/v1/user?q=1', headers)).status).toBe(200);
    expect(upstream.seen[0]?.url).toBe('/v1/user?q=1');
    expect(credentialsSeen()).toEqual(['authorization', value]);
  });

  test('in the query', async () => {
    expect((await call(`/github/v1/user?a=1&appid=${gitToken}&b=2`)).status).toBe(200);
    expect(upstream.seen[0]?.url).toBe(`/v1/user?a=1&appid=${GIT_KEY}&b=2`);
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
    expect(upstream.seen).toEqual([]);
  });

  test('S9: no token and no key is written down, nor the path of a token', async () => {
    await call(`/telegram/bot${botToken}/getMe`);
    await call(`/telegram/bot${foreignBot}/getMe`);
    const written = await sidecar.written();
    for (const secret of [botToken, foreignBot, BOT_KEY, GIT_KEY, gitToken])
      expect(written).not.toContain(secret);
    expect(written).toContain('/bot{token}/*');
  });
});

describe('URLs of the provider', () => {
  const authorization = { authorization: `token ${gitToken}` };

  test('S6: a redirect to a signed URL is followed without key, by its ticket alone', async () => {
    const signed = '/assets/a%20b.zip?X-Amz-Signature=abc&X-Amz-Credential=x&jwt=y';
    upstream.answer((_, response) => {
      response.writeHead(302, { location: `https://${cdn.host}:${cdn.port}${signed}` }).end();
    });
    const { status, headers } = await call('/github/v1/archive', authorization);
    expect(status).toBe(302);
    const location = new URL(headers.location ?? '');
    expect(location.host).toBe(`127.0.0.1:${sidecar.port}`);
    const path = location.pathname + location.search;
    // Clients send the token along or not.
    for (const sent of [{}, authorization]) expect((await call(path, sent)).status).toBe(200);
    expect(cdn.seen.map(({ url }) => url)).toEqual([signed, signed]);
    for (const { rawHeaders } of cdn.seen) expect(rawHeaders.join()).not.toMatch(/authorization|ghp_/i);
    expect((await call(path.replace('a%20b', 'other'), authorization)).code).toBe('SEKS_URL_NOT_ISSUED');
    expect((await call(path.replace(/~0*1-/, '~0-'))).code).toBe('SEKS_URL_NOT_ISSUED');
    expect((await call(`${path}&appid=${gitToken}`)).code).toBe('SEKS_CREDENTIAL_FOREIGN');
    expect((await call(path, { authorization: `Bearer ${tokens.get('mask')}` })).code).toBe(
      'SEKS_TOKEN_WRONG_PROVIDER',
    );
    expect(cdn.seen).toHaveLength(2);
  });

  test('Link and members of JSON lead back, and other credentials in it are written over', async () => {
    const theirs = `https://${upstream.host}:${upstream.port}`;
    const body = `{ "upload_url":"${theirs}/v1/up{?name}",\n"download_url" : "https://${cdn.host}/x", "webhook_token":"abc","url":"${theirs}" }`; // prettier-ignore
    upstream.answer((_, response) => {
      const link = `<${theirs}/v1/releases?page=2>; rel="next"`;
      response.writeHead(200, { link, 'content-type': 'application/json; charset=utf-8' }).end(body);
    });
    const { headers, text } = await call('/github/v1/releases', authorization);
    expect(headers.link).toBe(`<${sidecar.base}/github/v1/releases?page=2>; rel="next"`);
    const ticketed = /"(http:[^"]*~cdn\.provider\.example\/~1-[\w-]{32}\/x)"/.exec(text)?.[1] ?? 'none';
    expect(text).toBe(
      body
        .replace(`${theirs}/v1/up`, `${sidecar.base}/github/v1/up`)
        .replace(`https://${cdn.host}/x`, ticketed)
        .replace('"abc"', '"***"'),
    );
    upstream.answer(ok);
    expect((await call(new URL(ticketed).pathname)).status).toBe(200);
    expect(cdn.seen[0]?.url).toBe('/x');
  });

  test.each([{ 'transfer-encoding': 'chunked' }, { 'content-length': '100000' }])(
    'a URL in the answer to an upload leads back: %j',
    async (framing) => {
      upstream.answer((incoming, response) => {
        const location = `https://${upstream.host}:${upstream.port}/v1/files/1`;
        incoming.resume().on('end', () => response.writeHead(201, { location }).end());
      });
      const { headers } = await call(
        '/github/v1/files',
        { ...authorization, ...framing },
        'x'.repeat(100_000),
      );
      expect(headers.location).toBe(`${sidecar.base}/github/v1/files/1`);
    },
  );

  test('a keyless route goes without the key, and no other does', async () => {
    expect((await call('/github/v1/webhooks/1/secret', {}, '{}')).status).toBe(200);
    expect(upstream.seen[0]?.url).toBe('/v1/webhooks/1/secret');
    expect(credentialsSeen()).toEqual([]);
    expect((await call('/github/v1/webhooks/1/secret')).code).toBe('SEKS_TOKEN_MISSING');
    expect((await call('/github/v1/webhooks/1', {}, '{}')).code).toBe('SEKS_TOKEN_MISSING');
    expect((await call('/github/v1/webhooks/1/secret?appid=x', {}, '{}')).code).toBe(
      'SEKS_CREDENTIAL_FOREIGN',
    );
    expect(upstream.seen).toHaveLength(1);
    expect(await sidecar.written()).not.toContain('webhooks/1/secret');
  });
});

describe('limits', () => {
  test('a key that is refused five times is not sent again for half a minute', async () => {
    upstream.answer((_, response) => response.writeHead(401).end('{}'));
    for (let i = 0; i < 5; i += 1) {
      expect((await call('/breaker/v1/x', bearer('breaker'))).code).toBe('SEKS_UPSTREAM_KEY_REFUSED');
    }
    upstream.answer(ok);
    const { status, code, headers } = await call('/breaker/v1/x', bearer('breaker'));
    expect([status, code, headers['retry-after']]).toEqual([503, 'SEKS_UPSTREAM_BREAKER_OPEN', '30']);
    expect(upstream.seen).toHaveLength(5);
    clock.nowMs += 30_000;
    expect((await call('/breaker/v1/x', bearer('breaker'))).status).toBe(200);
    expect((await call('/breaker/v1/x', bearer('breaker'))).status).toBe(200);
  });

  test('requests per minute', async () => {
    expect((await call('/rate/v1/x', bearer('rate'))).status).toBe(200);
    const { status, code, headers } = await call('/rate/v1/x', bearer('rate'));
    expect([status, code]).toEqual([429, 'SEKS_LIMIT_REQUESTS']);
    const seconds = Number(headers['retry-after']);
    expect(upstream.seen).toHaveLength(1);
    clock.nowMs += (seconds - 1) * 1_000;
    expect((await call('/rate/v1/x', bearer('rate'))).status).toBe(429);
    clock.nowMs += 1_000;
    expect((await call('/rate/v1/x', bearer('rate'))).status).toBe(200);
  });

  test('a place becomes free when the answer has ended', async () => {
    const waiting: (() => void)[] = [];
    const arrived = new Promise<void>((resolve) => {
      upstream.answer((_, response) => {
        waiting.push(() => response.end('{}'));
        resolve();
      });
    });
    const first = call('/places/v1/x', bearer('places'));
    await arrived;
    expect((await call('/places/v1/x', bearer('places'))).code).toBe('SEKS_LIMIT_CONCURRENCY');
    expect(upstream.seen).toHaveLength(1);
    waiting[0]?.();
    expect((await first).status).toBe(200);
    upstream.answer(ok);
    expect((await call('/places/v1/x', bearer('places'))).status).toBe(200);
  });

  test('tokens of the day: what was used counts, and midnight brings them back', async () => {
    upstream.answer((incoming, response) => {
      response.setHeader('content-type', 'application/json');
      const answer = '{"model":"m","usage":{"prompt_tokens":60,"completion_tokens":50,"total_tokens":110}}';
      incoming.resume().on('end', () => response.end(answer));
    });
    expect((await call('/budget/v1/chat/completions', bearer('budget'), '{}')).status).toBe(200);
    const { code, headers } = await call('/budget/v1/chat/completions', bearer('budget'), '{}');
    expect([code, headers['retry-after'], headers['x-should-retry']]).toEqual([
      'SEKS_LIMIT_TOKENS',
      '43200',
      'false',
    ]);
    clock.wallMs += 43_200_000;
    expect((await call('/budget/v1/chat/completions', bearer('budget'), '{}')).status).toBe(200);
  });
});

describe('bodies', () => {
  const json = { 'content-type': 'application/json' };

  test.each([
    ['{"model":"gpt-4o-mini","x":1}', 'none'],
    ['{"model":"o3"}', 'SEKS_MODEL_DENIED'],
    ['{"x":1}', 'SEKS_MODEL_MISSING'],
    ['{"model":"gpt-4o","model":"o3"}', 'SEKS_MODEL_MISSING'],
    [String.raw`{"model":"gpt-4o","\u006dodel":"o3"}`, 'SEKS_MODEL_MISSING'],
    ['{"model":"o3","x":{"model":"gpt-4o"}}', 'SEKS_MODEL_DENIED'],
    ['[{"model":"gpt-4o"}]', 'SEKS_BODY_MALFORMED'],
    ['{"model":"gpt-4o"', 'SEKS_BODY_MALFORMED'],
    ['', 'SEKS_BODY_MALFORMED'],
  ])('S7: %s is answered with %s', async (body, code) => {
    const answer = await call('/models/v1/chat/completions', { ...bearer('models'), ...json }, body);
    expect(answer.code ?? 'none').toBe(code);
    expect(upstream.seen).toHaveLength(code === 'none' ? 1 : 0);
  });

  test('a request without body needs no model', async () => {
    expect((await call('/models/v1/models', bearer('models'))).status).toBe(200);
  });

  test('usage is asked for where the client does not, and what comes of that is taken out again', async () => {
    const chunk = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
    const extra =
      'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n';
    const done = 'data: [DONE]\n\n';
    let asked = '';
    upstream.answer((incoming, response) => {
      incoming.on('data', (bytes: Buffer) => (asked += bytes.toString()));
      response.setHeader('content-type', 'text/event-stream');
      incoming.on('end', () => response.end(chunk + extra + done));
    });
    const headers = { ...bearer('usage'), ...json };
    const added = '{"stream":true}';
    const answer = await call('/usage/v1/chat/completions', { ...headers, 'content-length': '15' }, added);
    expect(JSON.parse(asked)).toEqual({ stream: true, stream_options: { include_usage: true } });
    expect(answer.text).toBe(chunk + done);
    // What is no plain JSON is not read, and not changed.
    for (const odd of [
      { 'content-encoding': 'gzip' },
      { 'content-type': 'application/json; charset=utf-16' },
    ]) {
      asked = '';
      const sent = { ...headers, 'content-length': '15', ...odd };
      expect((await call('/usage/v1/chat/completions', sent, added)).text).toBe(chunk + extra + done);
      expect(asked).toBe(added);
    }
    const own = '{"stream":true,"stream_options":{"include_usage":true}}';
    asked = '';
    const length = { 'content-length': String(own.length) };
    expect((await call('/usage/v1/chat/completions', { ...headers, ...length }, own)).text).toBe(
      chunk + extra + done,
    );
    expect(asked).toBe(own);
  });
});

describe('what comes back', () => {
  const key = `${AI_KEY.slice(0, -4)}-mask-MxYA`;

  test('S10: an error answer shows neither the key nor a part of it', async () => {
    const body = (shown: string[]): string => JSON.stringify({ error: { message: shown.join(' and ') } });
    const shown = [key, 'sk-proj-****MxYA', 'sk-\u2026MxYA', 'sk-somebody-elses-0123456789'];
    upstream.answer((_, response) => response.writeHead(403, { 'x-echo': key }).end(body(shown)));
    const { status, headers, text } = await call('/mask/v1/x', bearer('mask'));
    expect(status).toBe(403);
    expect(text).toBe(body(shown.map((part) => '*'.repeat(Buffer.byteLength(part)))));
    expect(headers['x-echo']).toBe('*'.repeat(key.length));
  });

  test('S10: an answer that comes compressed all the same is decoded and scrubbed', async () => {
    const whole = gzipSync(`{"reflected":"${key}"}`);
    upstream.answer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' });
      response.write(whole.subarray(0, 25));
      response.end(whole.subarray(25));
    });
    const { headers, text } = await call('/mask/v1/x', bearer('mask'));
    expect(text).toBe(`{"reflected":"${'*'.repeat(key.length)}"}`);
    expect(headers).not.toHaveProperty('content-encoding');
  });

  test.each(['compress', 'gzip, aes128gcm'])(
    'S7: a body that is coded as %s is not passed on',
    async (coding) => {
      upstream.answer((_, response) => response.writeHead(200, { 'content-encoding': coding }).end('x'));
      expect((await call('/mask/v1/x', bearer('mask'))).code).toBe('SEKS_UPSTREAM_ENCODING');
    },
  );

  test('S10: two headers name two codings, and both are taken off', async () => {
    const twice = gzipSync(gzipSync(`{"reflected":"${key}"}`));
    upstream.answer((_, response) => {
      response.setHeader('content-encoding', ['gzip', 'gzip']);
      response.end(twice);
    });
    expect((await call('/mask/v1/x', bearer('mask'))).text).toBe(`{"reflected":"${'*'.repeat(key.length)}"}`);
  });
});
