// What a request is charged with, and by which rules, from its head to the end of its answer.
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterEach, describe, expect, test } from '@jest/globals';
import type { Limits, ProviderSpec } from '@seks/crds';

import { eventually } from '../testing/eventually.ts';
import { createLimitKeeper } from '../limits/credential-limits.ts';
import { type StaticCredential, staticLease } from '../testing/static-lease.ts';
import { createTestLinks } from '../testing/test-forwarder.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';

const KEY = 'sk-CANARY-handler-0123456789abcdef';
const SPEC: Partial<ProviderSpec> = {
  modelFrom: { body: true },
  usage: { format: 'OpenAI', includeUsage: ['/v1/chat/completions'] },
  keyless: [{ methods: ['GET'], paths: ['/v1/public/**'] }],
};
const token = fakeToken();
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };

let upstream: TestUpstream;
let sidecar: TestSidecar;
let nowMs = 0;

async function start(
  change: Partial<StaticCredential> = {},
  spec: Partial<ProviderSpec> = {},
): Promise<void> {
  nowMs = 0;
  upstream = await startUpstream();
  sidecar = await startSidecar({
    credentials: [credential(change, spec)],
    addresses: { [upstream.host]: ['127.0.0.1'] },
    nowMs: () => nowMs,
  });
}

afterEach(async () => {
  await sidecar.close();
  await upstream.close();
});

function credential(change: Partial<StaticCredential>, spec: Partial<ProviderSpec> = {}): StaticCredential {
  return { provider: upstream.provider('openai', { ...SPEC, ...spec }), token, key: KEY, ...change };
}

function chat(body: object, more: Record<string, string> = {}): Promise<Response> {
  const init = { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) };
  return fetch(`${sidecar.base}/openai/v1/chat/completions`, init);
}

test('S12: a policy that changes while the body is read holds for the body', async () => {
  await start();
  const body = '{"model":"forbidden"}';
  const socket = connect(sidecar.port, '127.0.0.1');
  const head = [
    'POST /openai/v1/chat/completions HTTP/1.1',
    `Host: 127.0.0.1:${sidecar.port}`,
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`);
  // The head has been read by then: connections are served in turn, and this one came later.
  await (await fetch(`${sidecar.base}/openai/v1/public/x`)).text();
  const { limitsFor } = createLimitKeeper({ nowMs: () => 0, wallClock: Date.now });
  const links = createTestLinks({ addresses: { [upstream.host]: ['127.0.0.1'] } });
  const next = staticLease([credential({ models: ['allowed'] })], links, limitsFor);
  expect(sidecar.holder.replace(sidecar.holder.state, next)).toBe(true);
  socket.write(body.slice(5));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  expect(answer.toString()).toContain('SEKS_MODEL_DENIED');
  expect(upstream.seen.map(({ url }) => url)).toEqual(['/v1/public/x']);
});

test('what needs no key is not charged to the owner of one', async () => {
  await start({ limits: { requestsPerMinute: 1 } });
  for (let i = 0; i < 3; i += 1) {
    expect((await fetch(`${sidecar.base}/openai/v1/public/x`)).status).toBe(200);
  }
  expect((await chat({ model: 'm' })).status).toBe(200);
  expect((await chat({ model: 'm' })).headers.get('x-seks-error')).toBe('SEKS_LIMIT_REQUESTS');
});

test('the one request that may try a refused key is not lost to a refusal of our own', async () => {
  await start({ models: ['allowed'] });
  upstream.answer((request, response) => {
    request.resume();
    response.writeHead(401).end('{}');
  });
  const codeOf = async (model: string): Promise<string | null> => {
    const answer = await chat({ model });
    await answer.text();
    return answer.headers.get('x-seks-error');
  };
  for (let i = 0; i < 5; i += 1) expect(await codeOf('allowed')).toBe('SEKS_UPSTREAM_KEY_REFUSED');
  expect(await codeOf('allowed')).toBe('SEKS_UPSTREAM_BREAKER_OPEN');
  nowMs = 30_000;
  expect(await codeOf('forbidden')).toBe('SEKS_MODEL_DENIED');
  upstream.answer((request, response) => {
    request.resume();
    response.end('{}');
  });
  expect(await codeOf('allowed')).toBeNull();
});

describe('S7: an answer that does not tell what it used', () => {
  const limits: Limits = { tokensPerDay: 10 };
  const text = 'a'.repeat(400);

  function answerWith(body: string, contentType: string, breaksOff = false): void {
    upstream.answer((request, response) => {
      request.resume();
      request.on('end', () => {
        response.writeHead(200, { 'content-type': contentType });
        response.write(body, () => (breaksOff ? response.destroy() : response.end()));
      });
    });
  }

  test.each([
    ['JSON', JSON.stringify({ choices: [{ message: { content: text } }] }), 'application/json'],
    [
      'events',
      `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\ndata: [DONE]\n\n`,
      'text/event-stream',
    ],
  ])('is charged by its text and the size of the request: %s', async (_, body, type) => {
    await start({ limits });
    answerWith(body, type);
    const request = { model: 'm', messages: 'b'.repeat(377) };
    expect((await (await chat(request)).text()).length).toBe(body.length);
    expect((await chat(request)).headers.get('x-seks-error')).toBe('SEKS_LIMIT_TOKENS');
    const tokens = { input: JSON.stringify(request).length / 4, output: 100 };
    await eventually(() => expect(sidecar.audit[0]).toMatchObject({ tokens, partial: true }));
  });

  test('is charged where it breaks off', async () => {
    await start({ limits });
    answerWith(
      `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`,
      'text/event-stream',
      true,
    );
    await expect(chat({ model: 'm' }).then((answer) => answer.text())).rejects.toThrow();
    await eventually(() =>
      expect(sidecar.audit[0]).toMatchObject({ tokens: { output: 100 }, partial: true }),
    );
    expect((await chat({ model: 'm' })).headers.get('x-seks-error')).toBe('SEKS_LIMIT_TOKENS');
  });

  test('is charged nothing where no model has written', async () => {
    await start({ limits });
    answerWith('{"id":"file-1","bytes":120000}', 'application/json');
    for (let i = 0; i < 3; i += 1)
      expect((await chat({ model: 'm', file: 'x'.repeat(9_000) })).status).toBe(200);
  });

  test('is taken at its word where it tells', async () => {
    await start({ limits });
    const usage = { prompt_tokens: 1, completion_tokens: 2 };
    answerWith(JSON.stringify({ choices: [{ message: { content: text } }], usage }), 'application/json');
    expect((await chat({ model: 'm' })).status).toBe(200);
    await eventually(() => expect(sidecar.audit[0]).toMatchObject({ tokens: { input: 1, output: 2 } }));
    expect(sidecar.audit[0]).not.toHaveProperty('partial');
  });
});

describe('S7: work that goes on in the background', () => {
  const usage = { input_tokens: 5, output_tokens: 7 };
  const done = { id: 'resp_1', status: 'completed', output: [{ content: [{ text: 'done' }] }], usage };

  /** as the responses API: begun by POST, fetched by GET */
  async function startWork(): Promise<void> {
    await start({ limits: { tokensPerDay: 10 } });
    let asked = 0;
    upstream.answer((request, response) => {
      request.resume();
      const isDone = request.method === 'GET' && (asked += 1) > 1;
      const queued = { id: 'resp_1', status: 'queued', output: [], usage: null };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(isDone ? done : queued));
    });
  }

  const poll = async (id = 'resp_1'): Promise<string | null> => {
    const answer = await fetch(`${sidecar.base}/openai/v1/responses/${id}`, { headers });
    await answer.text();
    return answer.headers.get('x-seks-error');
  };

  test('is charged when its result is fetched, and only once', async () => {
    await startWork();
    await (await chat({ model: 'm', background: true })).text();
    for (let i = 0; i < 2; i += 1) expect(await poll()).toBeNull();
    await eventually(() => expect(sidecar.audit[2]).toMatchObject({ tokens: { input: 5, output: 7 } }));
    expect(await poll()).toBe('SEKS_LIMIT_TOKENS');
    const told = sidecar.audit.filter(({ tokens }) => tokens !== undefined);
    expect(told).toHaveLength(1);
  });

  test('is charged also where its stream was cut after the first word', async () => {
    await start({ limits: { tokensPerDay: 10 } });
    upstream.answer((request, response) => {
      request.resume();
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(done));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"type":"response.created","response":{"id":"resp_1","usage":null}}\n\n');
      response.write('data: {"type":"response.output_text.delta","delta":"Hi"}\n\n');
    });
    const hangUp = new AbortController();
    const init = { method: 'POST', headers, body: '{}', signal: hangUp.signal };
    const answer = await fetch(`${sidecar.base}/openai/v1/responses`, init);
    await answer.body?.getReader().read();
    hangUp.abort();
    await eventually(() => expect(sidecar.audit).toHaveLength(1));
    expect(await poll()).toBeNull();
    await eventually(() => expect(sidecar.audit[1]).toMatchObject({ tokens: { input: 5, output: 7 } }));
    expect(await poll()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('is not charged for what it shows before it is done', async () => {
    await start({ limits: { tokensPerDay: 10 } });
    let isDone = false;
    upstream.answer((request, response) => {
      request.resume();
      const part = {
        ...done,
        status: 'in_progress',
        usage: request.method === 'GET' ? { input_tokens: 0 } : null,
      };
      const begun = { id: 'resp_1', output: [], usage: null };
      const body = isDone ? done : request.method === 'GET' ? part : begun;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await (await chat({ model: 'm', background: true })).text();
    for (let i = 0; i < 3; i += 1) expect(await poll()).toBeNull();
    isDone = true;
    expect(await poll()).toBeNull();
    await eventually(() => expect(sidecar.audit[4]).toMatchObject({ tokens: { input: 5, output: 7 } }));
    expect(await poll()).toBe('SEKS_LIMIT_TOKENS');
  });

  test('of somebody else is not', async () => {
    await startWork();
    for (let i = 0; i < 4; i += 1) expect(await poll()).toBeNull();
    expect(sidecar.audit.every(({ tokens }) => tokens === undefined)).toBe(true);
  });
});
