// What a body may name, and which bodies are read so that usage is told, against a real TLS upstream.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProviderSpec } from '@seks/crds';

import { ask, type WholeAnswer } from '../testing/agent-request.ts';
import { createNamedCredentials } from '../testing/named-credentials.ts';
import { type SidecarRig, startSidecarRig } from '../testing/sidecar-rig.ts';

const PRICES: NonNullable<ProviderSpec['prices']> = {
  asOf: '2026-10-24',
  models: [
    { match: 'cheap', input: '1', output: '1' },
    { match: 'dear', input: '1', output: '100' },
    { match: 'listed', input: '1' },
  ],
};
const USAGE_PATH = '/v1/chat/completions';
const CHUNK = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
const EXTRA = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n';
const DONE = 'data: [DONE]\n\n';

const credentials = createNamedCredentials();
let rig: SidecarRig;

beforeAll(async () => {
  const { make } = credentials;
  const usage: ProviderSpec['usage'] = { format: 'OpenAI', includeUsage: [USAGE_PATH] };
  const paths = ['/v1/deployments/{model}/**'];
  rig = await startSidecarRig((upstream) => [
    make(upstream, 'listed', { modelFrom: { body: true } }, { models: ['allowed*'] }),
    make(upstream, 'models', { modelFrom: { body: true } }, { models: ['gpt-4o*'] }),
    make(upstream, 'unknown', {}, { models: ['allowed*'] }),
    make(upstream, 'paths', { modelFrom: { body: true, paths } }, { models: ['allowed*'] }),
    make(
      upstream,
      'priced',
      { modelFrom: { body: true }, prices: PRICES, usage },
      { limits: { usdPerDay: '100' } },
    ),
    make(upstream, 'free', { usage }),
    make(upstream, 'tokens', { usage }, { limits: { tokensPerDay: 1_000_000 } }),
  ]);
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

type Headers = Record<string, string | string[]>;

/** sends JSON, unless the headers say that it is something else */
async function post(name: string, path: string, body: string, headers: Headers = {}): Promise<WholeAnswer> {
  const own = { ...credentials.bearer(name), 'content-type': 'application/json' };
  return ask(rig.sidecar.port, { path: `/${name}${path}`, headers: { ...own, ...headers }, body });
}

describe('S7: a model list holds for every model that a body names', () => {
  test.each([
    ['{"model":"allowed","models":["allowed-2"]}', undefined],
    ['{"model":"allowed","models":["allowed-2","forbidden/big"],"route":"fallback"}', 'SEKS_MODEL_DENIED'],
    ['{"model":"allowed","fallbacks":[{"model":"forbidden"}]}', 'SEKS_MODEL_DENIED'],
    ['{"model":"allowed","fallbacks":"default"}', 'SEKS_MODEL_MISSING'],
    ['{"model":"allowed","tools":[{"type":"advisor_20260301","model":"forbidden"}]}', 'SEKS_MODEL_DENIED'],
  ])('%s: %s', async (body, code) => {
    expect((await post('listed', '/v1/messages', body)).code).toBe(code);
    expect(rig.upstream.seen).toHaveLength(code === undefined ? 1 : 0);
  });

  test('a provider that does not say where its models stand may mean something else by these members', async () => {
    const body = '{"model":"allowed","models":["x"],"fallbacks":"default"}';
    expect((await post('unknown', '/v1/x', body)).status).toBe(200);
  });

  test.each([
    ['/v1/deployments/allowed/chat', undefined],
    ['/v1/deployments/forbidden/chat', 'SEKS_MODEL_DENIED'],
    ['/v1/Deployments/forbidden/chat', 'SEKS_MODEL_MISSING'],
    ['/v1/deployments./forbidden/chat', 'SEKS_MODEL_MISSING'],
    ['/v1/deployments%20/forbidden/chat', 'SEKS_MODEL_MISSING'],
    ['/v1/%EF%BD%84eployments/forbidden/chat', 'SEKS_MODEL_MISSING'],
    ['/v1/responses', undefined],
  ])('a model in the path %s: %s', async (path, code) => {
    expect((await post('paths', path, '{"model":"allowed"}')).code).toBe(code);
    expect(rig.upstream.seen).toHaveLength(code === undefined ? 1 : 0);
  });

  test.each<[string, Headers]>([
    ['types', { 'content-type': ['application/json', 'application/x-www-form-urlencoded'] }],
    ['charsets', { 'content-type': ['application/json', 'application/json; charset=utf-7'] }],
    ['codings', { 'content-encoding': ['identity', 'deflate'] }],
  ])('a body of two %s is refused: the provider may go by the other one', async (_, headers) => {
    const answer = await post('listed', '/v1/messages', '{"model":"allowed"}', headers);
    expect(answer.code).toBe('SEKS_BODY_MALFORMED');
    expect(rig.upstream.seen).toHaveLength(0);
  });
});

describe('bodies', () => {
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
    const answer = await post('models', USAGE_PATH, body);
    expect(answer.code ?? 'none').toBe(code);
    expect(rig.upstream.seen).toHaveLength(code === 'none' ? 1 : 0);
  });

  test('a request without body needs no model', async () => {
    const headers = credentials.bearer('models');
    expect((await ask(rig.sidecar.port, { path: '/models/v1/models', headers })).status).toBe(200);
  });

  test('usage is asked for where the client does not, and what comes of that is taken out again', async () => {
    let asked = '';
    rig.upstream.answer((incoming, response) => {
      incoming.on('data', (bytes: Buffer) => (asked += bytes.toString()));
      response.setHeader('content-type', 'text/event-stream');
      incoming.on('end', () => response.end(CHUNK + EXTRA + DONE));
    });
    const added = '{"stream":true}';
    const answer = await post('free', USAGE_PATH, added);
    expect(JSON.parse(asked)).toEqual({ stream: true, stream_options: { include_usage: true } });
    expect(answer.body).toBe(CHUNK + DONE);
    // What is no plain JSON is not read, and not changed.
    for (const odd of [
      { 'content-encoding': 'gzip' },
      { 'content-type': 'application/json; charset=utf-16' },
    ]) {
      asked = '';
      expect((await post('free', USAGE_PATH, added, odd)).body).toBe(CHUNK + EXTRA + DONE);
      expect(asked).toBe(added);
    }
    const own = '{"stream":true,"stream_options":{"include_usage":true}}';
    asked = '';
    expect((await post('free', USAGE_PATH, own)).body).toBe(CHUNK + EXTRA + DONE);
    expect(asked).toBe(own);
  });
});

describe('a budget in dollars', () => {
  const spentBy = async (body: string): Promise<unknown> => {
    rig.upstream.answer((incoming, response) => {
      incoming.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end('{"model":"x","usage":{"prompt_tokens":0,"completion_tokens":10,"total_tokens":10}}');
      });
    });
    expect((await post('priced', '/v1/x', body)).status).toBe(200);
    return rig.sidecar.audit.at(-1)?.['costUsd'];
  };

  test('an answer is counted at the price of the dearest model that may give it', async () => {
    const cheap = await spentBy('{"model":"cheap"}');
    const dear = await spentBy('{"model":"dear"}');
    expect(cheap).toBeDefined();
    expect(dear).not.toBe(cheap);
    for (const rest of ['"models":["dear"]', '"fallbacks":[{"model":"dear"}]', '"tools":[{"model":"dear"}]'])
      expect(await spentBy(`{"model":"cheap",${rest}}`)).toBe(dear);
    expect(await spentBy('{"model":"dear","models":["cheap","listed"]}')).toBe(dear);
  });

  test('S7: a fallback without a price is refused', async () => {
    const { code } = await post('priced', '/v1/x', '{"model":"cheap","models":["new"]}');
    expect(code).toBe('SEKS_MODEL_UNPRICED');
    expect(rig.upstream.seen).toHaveLength(0);
  });
});

describe('usage is told', () => {
  let sent = '';
  const stream = (): void => {
    sent = '';
    rig.upstream.answer((incoming, response) => {
      incoming.on('data', (bytes: Buffer) => (sent += bytes.toString()));
      incoming.on('end', () => {
        response.setHeader('content-type', 'text/event-stream');
        const told = /"include_usage":\s*true/.test(sent);
        response.end(CHUNK + (told ? EXTRA : '') + DONE);
      });
    });
  };
  const long = `{"stream":true,"p":"${'x'.repeat(1_100_000)}"}`;
  const odd: [string, string, string, Headers][] = [
    ['false', USAGE_PATH, '{"stream":true,"stream_options":{"include_usage":false}}', {}],
    ['an escaped key', USAGE_PATH, String.raw`{"\u0073tream":true}`, {}],
    ['a chunked body', USAGE_PATH, '{"stream":true}', { 'transfer-encoding': 'chunked' }],
    ['a parameter', USAGE_PATH, '{"stream":true}', { 'content-type': 'application/json;x=y' }],
    ['another type', USAGE_PATH, '{"stream":true}', { 'content-type': 'text/plain' }],
    ['a long body', USAGE_PATH, long, {}],
    ['a path in capitals', '/v1/Chat/Completions', '{"stream":true}', {}],
    ['a slash at the end', `${USAGE_PATH}/`, '{"stream":true}', {}],
  ];

  test.each(odd)('S7: under a budget, and is taken out again, with %s', async (_, path, body, headers) => {
    stream();
    const answer = await post('tokens', path, body, headers);
    expect(answer.body).toBe(CHUNK + DONE);
    expect(JSON.parse(sent)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(rig.sidecar.audit.at(-1)).toMatchObject({ tokens: { input: 1, output: 2 } });
  });

  test.each(odd)(
    'without a budget such a request goes as it comes, with %s',
    async (_, path, body, headers) => {
      stream();
      expect((await post('free', path, body, headers)).body).toBe(CHUNK + DONE);
      expect(sent).toBe(body);
    },
  );

  test.each<[string, string, Headers]>([
    ['a key twice', '{"stream":false,"stream":true}', {}],
    ['a key in another case', '{"Stream":true}', {}],
    ['an option twice', '{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}', {}],
    ['no JSON', '{"stream":true', {}],
    ['a coding', '{"stream":true}', { 'content-encoding': 'gzip' }],
    ['two types', '{"stream":true}', { 'content-type': ['application/json', 'application/json'] }],
    ['UTF-7', '{"+AHMAdAByAGUAYQBt-":true}', { 'content-type': 'application/json; charset=utf-7' }],
  ])('S7: under a budget what can be read in two ways is refused: %s', async (_, body, headers) => {
    stream();
    expect((await post('tokens', USAGE_PATH, body, headers)).code).toBe('SEKS_BODY_MALFORMED');
    expect(rig.upstream.seen).toHaveLength(0);
    // As it is without.
    expect((await post('free', USAGE_PATH, body, headers)).status).toBe(200);
    expect(sent).toBe(body);
  });

  test('under a budget in dollars, too', async () => {
    stream();
    const body = '{"model":"cheap","stream":true,"stream_options":{"include_usage":false}}';
    expect((await post('priced', USAGE_PATH, body)).body).toBe(CHUNK + DONE);
    expect(JSON.parse(sent)).toMatchObject({ stream_options: { include_usage: true } });
  });
});
