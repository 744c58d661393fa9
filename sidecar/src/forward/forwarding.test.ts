// What comes back from the provider, over real sockets and real TLS.
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { type ForwardingRig, KEY, startForwardingRig } from './testing/forwarding-rig.ts';

const STARS = '*'.repeat(KEY.length);

let rig: ForwardingRig;

beforeAll(async () => {
  rig = await startForwardingRig();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

describe('S10: the real key in an answer', () => {
  test('is written over in status text, headers and JSON, and that is counted and audited', async () => {
    const before = await rig.metric(/seks_leak_scrubbed_total\{[^}]*credential="openai"[^}]*\} (\d+)/);
    rig.reply((response, request) => {
      const seen = request.headers.authorization ?? '';
      response.writeHead(403, `No ${seen}`, { 'x-echo': seen, 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: seen, base64: Buffer.from(seen).toString('base64') }));
    });
    const { status, statusText, headers, body } = await rig.ask();
    expect(status).toBe(403);
    expect(statusText).toBe(`No Bearer ${STARS}`);
    expect(headers['x-echo']).toBe(`Bearer ${STARS}`);
    const parsed = JSON.parse(body) as { error: string; base64: string };
    expect(parsed.error).toBe(`Bearer ${STARS}`);
    expect(parsed.base64).toMatch(/^QmVhcmVyI[A-Za-z0-9]?\*{40,}/);
    expect(await rig.metric(/seks_leak_scrubbed_total\{[^}]*credential="openai"[^}]*\} (\d+)/)).toBe(
      before + 4,
    );
    const actions = rig.sidecar.audit.slice(-2).map(({ action, scrubbed }) => [action, scrubbed]);
    expect(actions).toEqual([
      ['leak_scrubbed', 4],
      ['request', 4],
    ]);
  });

  test('is written over in SSE, split at every byte, and the length stays', async () => {
    const event = `data: {"error":"bad key ${KEY}"}\n\n`;
    const cuts = Array.from({ length: KEY.length + 2 }, (_, i) => event.indexOf(KEY) - 1 + i);
    for (const cut of cuts) {
      rig.reply((response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(event.slice(0, cut));
        setImmediate(() => response.end(event.slice(cut)));
      });
      expect((await rig.ask()).body).toBe(event.replace(KEY, STARS));
    }
  });

  test('is written over in a body of known length', async () => {
    const whole = `${'x'.repeat(100_000)}${KEY}${'y'.repeat(100_000)}${KEY.slice(0, 9)}`;
    rig.reply((response) => {
      response.writeHead(200, { 'content-length': whole.length });
      response.end(whole);
    });
    const { headers, body } = await rig.ask();
    expect(headers['content-length']).toBe(String(whole.length));
    expect(body).toBe(whole.replace(KEY, STARS));
  });

  test('is written over in trailers', async () => {
    rig.reply((response) => {
      response.writeHead(200, { trailer: 'x-echo', 'content-type': 'text/plain' });
      response.write('body');
      response.addTrailers({ 'x-echo': KEY, 'set-cookie': 'a=b' });
      response.end();
    });
    const { rawTrailers, body } = await rig.ask();
    expect(body).toBe('body');
    expect(rawTrailers).toEqual(['x-echo', STARS]);
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('in a body that came encoded with %s', async (encoding, encode) => {
    rig.reply((response) => {
      response.writeHead(200, { 'content-encoding': encoding });
      response.end(encode(`key: ${KEY}`));
    });
    const { status, headers, body } = await rig.ask();
    expect([status, headers['content-encoding']]).toEqual([200, undefined]);
    expect(body).toBe(`key: ${STARS}`);
  });

  test('is not passed on in an encoding that nobody can read', async () => {
    rig.reply((response) => {
      response.writeHead(200, { 'content-encoding': 'x-unknown' });
      response.end('opaque');
    });
    const { status, code, body } = await rig.ask();
    expect([status, code]).toEqual([502, 'SEKS_UPSTREAM_ENCODING']);
    expect(body).not.toContain('opaque');
  });
});

describe('answers', () => {
  test('lose their hop-by-hop headers, cookies, and what would lead around the sidecar', async () => {
    rig.reply((response) => {
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
    const { headers } = await rig.ask();
    expect(headers).toMatchObject({ 'x-request-id': 'r1', 'x-ratelimit-remaining-tokens': '5' });
    for (const name of [
      'x-nominated',
      'set-cookie',
      'alt-svc',
      'strict-transport-security',
      'x-seks-error',
    ]) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  test('S6: redirects are passed on, never followed', async () => {
    rig.reply((response) => {
      response.writeHead(307, { location: 'https://evil.example/x' });
      response.end();
    });
    const { status, headers } = await rig.ask();
    expect([status, headers.location]).toEqual([307, 'https://evil.example/x']);
    expect(rig.upstream.seen).toHaveLength(1);
  });

  test.each([
    ['HEAD', 200, { 'content-length': '5', 'content-encoding': 'gzip' }],
    ['GET', 204, {}],
    ['GET', 304, { etag: '"x"' }],
  ])('%s with %d has no body', async (method, status, headers) => {
    rig.reply((response) => {
      response.writeHead(status, headers);
      response.end();
    });
    const answer = await rig.ask({ method });
    expect([answer.status, answer.body]).toEqual([status, '']);
    expect(answer.headers).toMatchObject(headers);
  });

  test('tokens are counted as they pass', async () => {
    rig.reply((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"delta":{"content":"hi"}}]}\n\n');
      response.end(
        'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":2000}}\n\ndata: [DONE]\n\n',
      );
    });
    await rig.ask();
    expect(rig.sidecar.audit.at(-1)).toMatchObject({ status: 200, tokens: { input: 1000, output: 2000 } });
    expect(await rig.metric(/seks_tokens_total\{[^}]*type="output"\} (\d+)/)).toBe(2000);
  });
});

describe('S16: parallel requests', () => {
  test('never see the key of another credential', async () => {
    rig.reply((response, request) =>
      response.end(request.headers.authorization?.endsWith(KEY) ? 'first' : 'second'),
    );
    const tokens = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? rig.otherToken : rig.token));
    const bodies = await Promise.all(
      tokens.map(async (of) => (await rig.ask({ headers: { authorization: `Bearer ${of}` } })).body),
    );
    expect(bodies).toEqual(tokens.map((of) => (of === rig.token ? 'first' : 'second')));
  });
});
