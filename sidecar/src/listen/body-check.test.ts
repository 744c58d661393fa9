// What a body may name, and which bodies are read so that usage is told, against a real TLS upstream.
import { request as httpRequest } from 'node:http';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ProviderSpec } from '@seks/crds';

import type { StaticCredential } from '../testing/static-lease.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';

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

let upstream: TestUpstream;
let sidecar: TestSidecar;
const tokens = new Map<string, string>();

beforeAll(async () => {
  upstream = await startUpstream();
  const credential = (
    name: string,
    spec: Partial<ProviderSpec>,
    rest: Partial<StaticCredential>,
  ): StaticCredential => {
    const token = fakeToken('sk-{token}');
    tokens.set(name, token);
    return {
      provider: upstream.provider(name, spec),
      token,
      key: `sk-CANARY-${name}-0123456789`,
      bindingUid: `b-${name}`,
      ...rest,
    };
  };
  const usage: ProviderSpec['usage'] = { format: 'OpenAI', includeUsage: [USAGE_PATH] };
  sidecar = await startSidecar({
    credentials: [
      credential('listed', { modelFrom: { body: true } }, { models: ['allowed*'] }),
      credential('unknown', {}, { models: ['allowed*'] }),
      credential(
        'paths',
        { modelFrom: { body: true, paths: ['/v1/deployments/{model}/**'] } },
        { models: ['allowed*'] },
      ),
      credential(
        'priced',
        { modelFrom: { body: true }, prices: PRICES, usage },
        { limits: { usdPerDay: '100' } },
      ),
      credential('free', { usage }, {}),
      credential('tokens', { usage }, { limits: { tokensPerDay: 1_000_000 } }),
    ],
    addresses: { [upstream.host]: ['127.0.0.1'] },
  });
});

afterEach(() => {
  upstream.seen.length = 0;
});

afterAll(async () => {
  await sidecar.close();
  await upstream.close();
});

interface Answer {
  status: number;
  code: string | undefined;
  text: string;
}

type Headers = Record<string, string | string[]>;

/** sends a body of known length, unless the headers say that it is chunked */
function post(name: string, path: string, body: string, headers: Headers = {}): Promise<Answer> {
  const framing = 'transfer-encoding' in headers ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${sidecar.base}/${name}${path}`,
      {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens.get(name) ?? ''}`,
          'content-type': 'application/json',
          ...framing,
          ...headers,
        },
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => {
          const code = answer.headers['x-seks-error'];
          resolve({
            status: answer.statusCode ?? 0,
            code: code === undefined ? undefined : String(code),
            text,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
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
    expect(upstream.seen).toHaveLength(code === undefined ? 1 : 0);
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
    expect(upstream.seen).toHaveLength(code === undefined ? 1 : 0);
  });

  test.each<[string, Headers]>([
    ['types', { 'content-type': ['application/json', 'application/x-www-form-urlencoded'] }],
    ['charsets', { 'content-type': ['application/json', 'application/json; charset=utf-7'] }],
    ['codings', { 'content-encoding': ['identity', 'deflate'] }],
  ])('a body of two %s is refused: the provider may go by the other one', async (_, headers) => {
    const answer = await post('listed', '/v1/messages', '{"model":"allowed"}', headers);
    expect(answer.code).toBe('SEKS_BODY_MALFORMED');
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('a budget in dollars', () => {
  const spentBy = async (body: string): Promise<unknown> => {
    upstream.answer((incoming, response) => {
      incoming.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end('{"model":"x","usage":{"prompt_tokens":0,"completion_tokens":10,"total_tokens":10}}');
      });
    });
    expect((await post('priced', '/v1/x', body)).status).toBe(200);
    return sidecar.audit.at(-1)?.['costUsd'];
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
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('usage is told', () => {
  let sent = '';
  const stream = (): void => {
    sent = '';
    upstream.answer((incoming, response) => {
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
    expect(answer.text).toBe(CHUNK + DONE);
    expect(JSON.parse(sent)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(sidecar.audit.at(-1)).toMatchObject({ tokens: { input: 1, output: 2 } });
  });

  test.each(odd)(
    'without a budget such a request goes as it comes, with %s',
    async (_, path, body, headers) => {
      stream();
      expect((await post('free', path, body, headers)).text).toBe(CHUNK + DONE);
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
    expect(upstream.seen).toHaveLength(0);
    // As it is without.
    expect((await post('free', USAGE_PATH, body, headers)).status).toBe(200);
    expect(sent).toBe(body);
  });

  test('under a budget in dollars, too', async () => {
    stream();
    const body = '{"model":"cheap","stream":true,"stream_options":{"include_usage":false}}';
    expect((await post('priced', USAGE_PATH, body)).text).toBe(CHUNK + DONE);
    expect(JSON.parse(sent)).toMatchObject({ stream_options: { include_usage: true } });
  });
});
