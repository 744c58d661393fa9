// The way to the provider and back, with real sockets and real TLS.
import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Provider, SeksError } from '@seks/crds';

import { makeCertificates } from '../testing/certificates.ts';
import { eventually } from '../testing/eventually.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';
import { compileUpstreams } from '../route/upstreams.ts';
import type { Forwarder } from './forwarder.ts';
import { createLinkPool } from './link-pool.ts';

const KEY = 'sk-proj-CANARY/key+0123456789abcdef';
const STARS = '*'.repeat(KEY.length);
const OTHER_KEY = 'sk-proj-other-key-0123456789';
const token = fakeToken('sk-{token}');
const otherToken = fakeToken('sk-{token}');

let upstream: TestUpstream;
let sidecar: TestSidecar;
const clientAgent = new Agent({ keepAlive: false });

beforeAll(async () => {
  upstream = await startUpstream();
  sidecar = await startSidecar({
    credentials: [
      { provider: upstream.provider('openai', { usage: { format: 'OpenAI' } }), token, key: KEY },
      { provider: upstream.provider('openai'), name: 'second', token: otherToken, key: OTHER_KEY },
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

interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  port?: number;
}

function open({
  method = 'POST',
  path = '/openai/v1/x',
  headers = {},
  port = sidecar.port,
}: Ask = {}): ClientRequest {
  const authorization = `Bearer ${token}`;
  return httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { authorization, ...headers },
    agent: clientAgent,
  });
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

async function ask(options: Ask = {}): Promise<{ answer: IncomingMessage; body: string }> {
  const request = open(options);
  // Node would send a body of these unframed.
  if (['GET', 'HEAD'].includes(options.method ?? 'POST')) request.end();
  else request.end('{}');
  const answer = await answerTo(request);
  return { answer, body: await text(answer) };
}

function reply(handler: (response: ServerResponse, request: IncomingMessage) => void): void {
  upstream.answer((request, response) => {
    request.resume();
    request.on('end', () => handler(response, request));
  });
}

async function metric(pattern: RegExp): Promise<number> {
  return Number(pattern.exec(await sidecar.metrics.registry.metrics())?.[1] ?? 0);
}

describe('S10: the real key in an answer', () => {
  test('is written over in status text, headers and JSON, and that is counted and audited', async () => {
    const before = await metric(/seks_leak_scrubbed_total\{[^}]*credential="openai"[^}]*\} (\d+)/);
    reply((response, request) => {
      const seen = request.headers.authorization ?? '';
      response.writeHead(403, `No ${seen}`, { 'x-echo': seen, 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: seen, base64: Buffer.from(seen).toString('base64') }));
    });
    const { answer, body } = await ask();
    expect(answer.statusCode).toBe(403);
    expect(answer.statusMessage).toBe(`No Bearer ${STARS}`);
    expect(answer.headers['x-echo']).toBe(`Bearer ${STARS}`);
    const parsed = JSON.parse(body) as { error: string; base64: string };
    expect(parsed.error).toBe(`Bearer ${STARS}`);
    expect(parsed.base64).toMatch(/^QmVhcmVyI[A-Za-z0-9]?\*{40,}/);
    expect(await metric(/seks_leak_scrubbed_total\{[^}]*credential="openai"[^}]*\} (\d+)/)).toBe(before + 4);
    const actions = sidecar.audit.slice(-2).map(({ action, scrubbed }) => [action, scrubbed]);
    expect(actions).toEqual([
      ['leak_scrubbed', 4],
      ['request', 4],
    ]);
  });

  test('is written over in SSE, split at every byte, and the length stays', async () => {
    const event = `data: {"error":"bad key ${KEY}"}\n\n`;
    const cuts = Array.from({ length: KEY.length + 2 }, (_, i) => event.indexOf(KEY) - 1 + i);
    for (const cut of cuts) {
      reply((response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(event.slice(0, cut));
        setImmediate(() => response.end(event.slice(cut)));
      });
      expect((await ask()).body).toBe(event.replace(KEY, STARS));
    }
  });

  test('is written over in a body of known length', async () => {
    const whole = `${'x'.repeat(100_000)}${KEY}${'y'.repeat(100_000)}${KEY.slice(0, 9)}`;
    reply((response) => {
      response.writeHead(200, { 'content-length': whole.length });
      response.end(whole);
    });
    const { answer, body } = await ask();
    expect(answer.headers['content-length']).toBe(String(whole.length));
    expect(body).toBe(whole.replace(KEY, STARS));
  });

  test('is written over in trailers', async () => {
    reply((response) => {
      response.writeHead(200, { trailer: 'x-echo', 'content-type': 'text/plain' });
      response.write('body');
      response.addTrailers({ 'x-echo': KEY, 'set-cookie': 'a=b' });
      response.end();
    });
    const { answer, body } = await ask();
    expect(body).toBe('body');
    expect(answer.rawTrailers).toEqual(['x-echo', STARS]);
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('in a body that came encoded with %s', async (encoding, encode) => {
    reply((response) => {
      response.writeHead(200, { 'content-encoding': encoding });
      response.end(encode(`key: ${KEY}`));
    });
    const { answer, body } = await ask();
    expect([answer.statusCode, answer.headers['content-encoding']]).toEqual([200, undefined]);
    expect(body).toBe(`key: ${STARS}`);
  });

  test('is not passed on in an encoding that nobody can read', async () => {
    reply((response) => {
      response.writeHead(200, { 'content-encoding': 'x-unknown' });
      response.end('opaque');
    });
    const { answer, body } = await ask();
    expect([answer.statusCode, answer.headers['x-seks-error']]).toEqual([502, 'SEKS_UPSTREAM_ENCODING']);
    expect(body).not.toContain('opaque');
  });
});

describe('answers', () => {
  test('lose their hop-by-hop headers, cookies, and what would lead around the sidecar', async () => {
    reply((response) => {
      response.writeHead(200, {
        connection: 'close, x-nominated',
        'x-nominated': '1',
        'set-cookie': ['a=b', 'c=d'],
        'alt-svc': 'h3=":443"',
        'strict-transport-security': 'max-age=1',
        'x-seks-error': 'SEKS_FORGED',
        'x-request-id': 'r1',
        'x-ratelimit-remaining-tokens': '5',
      });
      response.end('ok');
    });
    const { answer } = await ask();
    expect(answer.headers).toMatchObject({ 'x-request-id': 'r1', 'x-ratelimit-remaining-tokens': '5' });
    for (const name of [
      'x-nominated',
      'set-cookie',
      'alt-svc',
      'strict-transport-security',
      'x-seks-error',
    ]) {
      expect(answer.headers).not.toHaveProperty(name);
    }
  });

  test('S6: redirects are passed on, never followed', async () => {
    reply((response) => {
      response.writeHead(307, { location: 'https://evil.example/x' });
      response.end();
    });
    const { answer } = await ask();
    expect([answer.statusCode, answer.headers.location]).toEqual([307, 'https://evil.example/x']);
    expect(upstream.seen).toHaveLength(1);
  });

  test.each([
    ['HEAD', 200, { 'content-length': '5', 'content-encoding': 'gzip' }],
    ['GET', 204, {}],
    ['GET', 304, { etag: '"x"' }],
  ])('%s with %d has no body', async (method, status, headers) => {
    reply((response) => {
      response.writeHead(status, headers);
      response.end();
    });
    const { answer, body } = await ask({ method });
    expect([answer.statusCode, body]).toEqual([status, '']);
    expect(answer.headers).toMatchObject(headers);
  });

  test('tokens are counted as they pass', async () => {
    reply((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"delta":{"content":"hi"}}]}\n\n');
      response.end(
        'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":2000}}\n\ndata: [DONE]\n\n',
      );
    });
    await ask();
    expect(sidecar.audit.at(-1)).toMatchObject({ status: 200, tokens: { input: 1000, output: 2000 } });
    expect(await metric(/seks_tokens_total\{[^}]*type="output"\} (\d+)/)).toBe(2000);
  });
});

describe('streaming', () => {
  test('each event arrives when it was sent, and the head before the first one', async () => {
    let stream: ServerResponse | undefined;
    reply((response) => {
      stream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
    });
    const request = open();
    request.end('{}');
    const answer = await answerTo(request);
    answer.setEncoding('utf8');
    for (const event of ['data: one\n\n', ': ping\n\n', 'data: two\n\n']) {
      stream?.write(event);
      expect(await once(answer, 'data')).toEqual([event]);
    }
    stream?.end();
    await once(answer, 'end');
  });

  test('a chunked upload reaches the provider while it is being sent', async () => {
    const parts: string[] = [];
    let told: (part: string) => void = () => {};
    upstream.answer((request, response) => {
      request.on('data', (chunk: Buffer) => {
        parts.push(chunk.toString());
        told(chunk.toString());
      });
      request.on('end', () => response.end('done'));
    });
    const request = open({ headers: { 'content-type': 'multipart/form-data' } });
    for (const part of ['first', 'second']) {
      const arrived = new Promise<string>((resolve) => (told = resolve));
      request.write(part);
      expect(await arrived).toBe(part);
    }
    request.end();
    expect(await text(await answerTo(request))).toBe('done');
    expect(upstream.seen[0]?.headers).toMatchObject({
      'transfer-encoding': 'chunked',
      connection: 'keep-alive',
    });
    expect(parts).toEqual(['first', 'second']);
  });

  test('an upload goes no faster than the provider takes it, and 64 MiB arrive whole', async () => {
    let upload: IncomingMessage | undefined;
    upstream.answer((request) => (upload = request));
    const request = open();
    let taken = 0;
    const sending = sendBlocks(request, SIZE, (bytes) => (taken += bytes));
    await untilStill(() => taken);
    expect(taken).toBeLessThan(SIZE / 2);
    const answered = answerTo(request);
    upstream.answer(() => {});
    let received = 0;
    upload?.on('data', (chunk: Buffer) => (received += chunk.length));
    await Promise.all([sending, once(upload as IncomingMessage, 'end')]);
    expect(received).toBe(SIZE);
    request.on('error', () => {});
    request.destroy();
    await expect(answered).rejects.toThrow('socket hang up');
  });

  test('a download goes no faster than the client takes it, and 64 MiB arrive whole', async () => {
    let taken = 0;
    reply((response) => {
      response.writeHead(200, { 'content-length': SIZE });
      void sendBlocks(response, SIZE, (bytes) => (taken += bytes));
    });
    const request = open();
    request.end('{}');
    const answer = await answerTo(request);
    await untilStill(() => taken);
    expect(taken).toBeLessThan(SIZE / 2);
    let received = 0;
    for await (const chunk of answer) received += (chunk as Buffer).length;
    expect(received).toBe(SIZE);
  });

  test('Expect: 100-continue is answered after the checks, and is not forwarded', async () => {
    reply((response) => response.end('ok'));
    const request = open({ headers: { expect: '100-continue', 'content-length': '5' } });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('hello');
    expect(await text(await answerTo(request))).toBe('ok');
    expect(upstream.seen[0]?.headers).not.toHaveProperty('expect');
    expect(upstream.seen[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test('S15: a refused request gets no 100 Continue', async () => {
    const head = `POST /openai/v1/x HTTP/1.1\r\nHost: 127.0.0.1:${sidecar.port}\r\nExpect: 100-continue\r\n`;
    const answer = await sidecar.raw(`${head}Content-Length: 5\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });
});

const SIZE = 64 * 1024 * 1024;
const BLOCK = Buffer.alloc(64 * 1024, 'abcdefghijklmnop');

async function sendBlocks(
  to: ClientRequest | ServerResponse,
  size: number,
  taken: (bytes: number) => void,
): Promise<void> {
  for (let sent = 0; sent < size; sent += BLOCK.length) {
    if (!to.write(BLOCK)) await once(to, 'drain');
    taken(BLOCK.length);
  }
  to.end();
}

/** waits until a number has begun to grow and then has stopped to */
async function untilStill(read: () => number): Promise<void> {
  for (let before = -1, now = 0; now === 0 || before !== now;) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
    now = read();
  }
}

describe('S14: when one side goes', () => {
  test('a client that goes away ends the request at the provider', async () => {
    let closed: Promise<unknown> | undefined;
    let started: () => void = () => {};
    const streaming = new Promise<void>((resolve) => (started = resolve));
    upstream.answer((request, response) => {
      closed = once(response, 'close');
      response.write('data: 1\n\n');
      request.resume();
      started();
    });
    const request = open();
    request.on('error', () => {});
    request.end('{}');
    await streaming;
    await answerTo(request);
    const startMs = performance.now();
    request.destroy();
    await closed;
    expect(performance.now() - startMs).toBeLessThan(1_000);
    await eventually(() => expect(sidecar.audit.at(-1)).toMatchObject({ status: 200, partial: true }));
    expect(sidecar.audit.at(-1)).not.toHaveProperty('code');
  });

  test('a client that goes away before the answer ends the request at the provider', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    let arrived: () => void = () => {};
    const reached = new Promise<void>((resolve) => (arrived = resolve));
    upstream.answer((request, response) => {
      closed = once(response, 'close');
      request.resume();
      arrived();
    });
    const request = open();
    request.on('error', () => {});
    request.end('{}');
    await reached;
    request.destroy();
    await closed;
    await eventually(() =>
      expect(sidecar.audit.at(-1)).toMatchObject({ status: 0, partial: true, decision: 'allow' }),
    );
  });

  test.each([{}, { 'content-length': '1000' }])(
    'a provider that breaks off (%o) is an error to the client, never a clean end',
    async (headers) => {
      reply((response) => {
        response.writeHead(200, headers);
        response.write('half');
        setTimeout(() => response.destroy(), 10);
      });
      const request = open();
      request.end('{}');
      const answer = await answerTo(request);
      await expect(text(answer)).rejects.toThrow('aborted');
      await eventually(() =>
        expect(sidecar.audit.at(-1)).toMatchObject({ code: 'SEKS_UPSTREAM_UNREACHABLE', partial: true }),
      );
    },
  );

  describe('S12: a revocation', () => {
    let own: TestSidecar;
    beforeEach(async () => {
      own = await startSidecar({
        credentials: [{ provider: upstream.provider('openai'), token, key: KEY, bindingUid: 'b1' }],
        addresses: { [upstream.host]: ['127.0.0.1'] },
      });
    });
    afterEach(() => own.close());

    const revoke = (): void => own.holder.revoke('b1', new SeksError('SEKS_BINDING_SUSPENDED'));

    test('breaks off an answer that is running', async () => {
      reply((response) => void response.write('data: 1\n\n'));
      const request = open({ port: own.port });
      request.end('{}');
      const answer = await answerTo(request);
      const broken = expect(text(answer)).rejects.toThrow('aborted');
      revoke();
      await broken;
      await eventually(() => expect(own.audit.at(-1)).toMatchObject({ code: 'SEKS_BINDING_SUSPENDED' }));
    });

    test.each([
      ['waits for an answer', '2', '{}'],
      ['is still being sent', '100000', '{'],
    ])('breaks off a request that %s, and says why', async (_, length, body) => {
      const gone = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      upstream.answer((_request, response) => {
        response.on('close', () => gone.resolve());
        arrived.resolve();
      });
      const request = open({ port: own.port, headers: { 'content-length': length } });
      request.write(body);
      await arrived.promise;
      revoke();
      const answer = await answerTo(request);
      expect(answer.statusCode).toBe(403);
      expect(await text(answer)).toContain('SEKS_BINDING_SUSPENDED');
      await gone.promise;
      const told = { code: 'SEKS_BINDING_SUSPENDED', decision: 'allow', status: 403 };
      await eventually(() => expect(own.audit.at(-1)).toMatchObject(told));
      request.destroy();
    });

    test('breaks off an answer that is being read whole, and says why', async () => {
      const gone = Promise.withResolvers<void>();
      reply((response) => {
        response.on('close', () => gone.resolve());
        response.writeHead(401, { 'content-type': 'application/json' });
        response.write('{"error":');
      });
      const request = open({ port: own.port });
      request.end('{}');
      const headCame = /seks_time_to_first_byte_seconds_count\{[^}]*\} 1/;
      await eventually(async () => expect(await own.metrics.registry.metrics()).toMatch(headCame));
      revoke();
      expect((await answerTo(request)).headers).toMatchObject({ 'x-seks-error': 'SEKS_BINDING_SUSPENDED' });
      await gone.promise;
    });
  });

  test('draining lets a stream finish, and takes nothing new', async () => {
    const own = await startSidecar({
      credentials: [{ provider: upstream.provider('openai'), token, key: KEY }],
      addresses: { [upstream.host]: ['127.0.0.1'] },
    });
    let stream: ServerResponse | undefined;
    reply((response) => {
      stream = response;
      response.write('data: 1\n\n');
    });
    const request = open({ port: own.port });
    request.end('{}');
    const answer = await answerTo(request);
    const first = stream;
    const kept = connect(own.port, '127.0.0.1');
    kept.setEncoding('latin1');
    const head = `POST /openai/v1/x HTTP/1.1\r\nHost: 127.0.0.1:${own.port}\r\nContent-Length: 0\r\n`;
    kept.write(`${head}Authorization: Bearer ${token}\r\n\r\n`);
    expect(String((await once(kept, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    const keptStream = stream;
    let drained = false;
    const draining = own.side.drain().then(() => (drained = true));
    kept.write(`${head}Authorization: Bearer ${token}\r\n\r\n`);
    const [late] = (await once(connect(own.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(late.code).toBe('ECONNREFUSED');
    expect(drained).toBe(false);
    keptStream?.end('data: 2\n\n');
    expect(await text(kept)).toMatch(/data: 2[^]*HTTP\/1\.1 503 [^]*x-seks-error: SEKS_SHUTTING_DOWN/);
    stream = first;
    stream?.end('data: 2\n\n');
    expect(await text(answer)).toBe('data: 1\n\ndata: 2\n\n');
    await draining;
    expect(drained).toBe(true);
  });
});

describe('S16: parallel requests', () => {
  test('never see the key of another credential', async () => {
    reply((response, request) =>
      response.end(request.headers.authorization?.endsWith(KEY) ? 'first' : 'second'),
    );
    const tokens = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? otherToken : token));
    const bodies = await Promise.all(
      tokens.map(async (of) => (await ask({ headers: { authorization: `Bearer ${of}` } })).body),
    );
    expect(bodies).toEqual(tokens.map((of) => (of === token ? 'first' : 'second')));
  });
});

describe('a provider that cannot be used', () => {
  async function codeWith(
    provider: Parameters<typeof startSidecar>[0]['credentials'][0]['provider'],
    host: string,
  ) {
    const own = await startSidecar({
      credentials: [{ provider, token, key: KEY }],
      addresses: { [host]: ['127.0.0.1'] },
      idleTimeoutMs: 300,
    });
    try {
      const { answer } = await ask({ port: own.port });
      return [answer.statusCode, answer.headers['x-seks-error']];
    } finally {
      await own.close();
    }
  }

  test('because nothing listens', async () => {
    const provider = upstream.provider('openai', { upstreams: [{ host: upstream.host, port: 1 }] });
    expect(await codeWith(provider, upstream.host)).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
  });

  test('because its name is unknown', async () => {
    const provider = upstream.provider('openai', { upstreams: [{ host: 'unknown.example', port: 443 }] });
    expect(await codeWith(provider, 'other.example')).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
  });

  test('S6: because its certificate is not trusted', async () => {
    const { caBundle: _, ...spec } = upstream.provider('openai').spec;
    expect(await codeWith({ name: 'openai', spec }, upstream.host)).toEqual([502, 'SEKS_UPSTREAM_TLS']);
  });

  test('S6: because its certificate is for another name', async () => {
    const upstreams = [{ host: 'other.example', port: upstream.port }];
    expect(await codeWith(upstream.provider('openai', { upstreams }), 'other.example')).toEqual([
      502,
      'SEKS_UPSTREAM_TLS',
    ]);
    expect(upstream.seen).toEqual([]);
  });

  test('S6: because it speaks an old TLS', async () => {
    const { ca, cert, key } = await makeCertificates(['old.example']);
    const server = createTlsServer({
      cert,
      key,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL@SECLEVEL=0',
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstreams = [{ host: 'old.example', port: (server.address() as AddressInfo).port }];
    const provider = upstream.provider('openai', { upstreams, caBundle: ca });
    expect(await codeWith(provider, 'old.example')).toEqual([502, 'SEKS_UPSTREAM_TLS']);
    server.close();
  });

  test('because it is silent', async () => {
    upstream.answer((request) => void request.resume());
    expect(await codeWith(upstream.provider('openai'), upstream.host)).toEqual([
      504,
      'SEKS_UPSTREAM_TIMEOUT',
    ]);
  });

  test('because it does not speak HTTP', async () => {
    upstream.answer((_, response) => {
      response.socket?.end('SSH-2.0-OpenSSH\r\n');
    });
    expect(await codeWith(upstream.provider('openai'), upstream.host)).toEqual([
      502,
      'SEKS_UPSTREAM_UNREACHABLE',
    ]);
  });

  test('because it switches protocols unasked', async () => {
    upstream.answer((_, response) => {
      response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    });
    expect(await codeWith(upstream.provider('openai'), upstream.host)).toEqual([
      502,
      'SEKS_UPSTREAM_UNREACHABLE',
    ]);
  });

  test.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1'])(
    'S6: because its name resolves to %s',
    async (address) => {
      const linkFor = createLinkPool(() => Promise.resolve([address]));
      const failed = await new Promise<SeksError>((resolve) => {
        sidecarWith(forwarderOf(linkFor, upstream.provider('openai')), resolve);
      });
      expect(failed.code).toBe('SEKS_UPSTREAM_ADDRESS_REFUSED');
    },
  );

  test('S6: because it is an address that may not be called', async () => {
    const linkFor = createLinkPool(() => Promise.reject(new Error('must not be asked')));
    const upstreams = [{ host: '127.0.0.1', port: upstream.port }];
    const failed = await new Promise<SeksError>((resolve) => {
      sidecarWith(forwarderOf(linkFor, upstream.provider('openai', { upstreams })), resolve);
    });
    expect(failed.code).toBe('SEKS_UPSTREAM_ADDRESS_REFUSED');
    expect(upstream.seen).toEqual([]);
  });
});

/** one request through a forwarder alone */
function sidecarWith(forwarder: Forwarder, failed: (error: SeksError) => void): void {
  void (async () => {
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      forwarder.forward({
        request,
        response,
        url: '/v1/x',
        headers: {},
        answered: () => response.end(),
        failed(error) {
          failed(error);
          response.destroy();
          server.close();
        },
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const request = httpRequest({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    request.on('error', () => {});
    request.end();
  })();
}

function forwarderOf(linkFor: ReturnType<typeof createLinkPool>, provider: Provider): Forwarder {
  return linkFor(provider, compileUpstreams(provider.spec).primary).forwarder;
}
