// A session's handshake: its token becomes the key, or it is refused, by us or by the provider.
import { connect } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { codeOfRefusal, HOST, KEY, lease, PREFIX, refusal, SessionRig } from './testing/session-rig.ts';

const rig = new SessionRig();
const { strange, token } = rig;

beforeAll(async () => rig.open());
afterEach(async () => rig.reset());
afterAll(async () => rig.close());

describe('the token of a handshake', () => {
  test('in a header becomes the key, and messages pass both ways', async () => {
    await rig.start([rig.openai()]);
    const { agent, server } = await rig.pair();
    expect(rig.upstream.seen).toMatchObject([
      {
        url: '/v1/realtime?model=dear-1',
        headers: { host: `${HOST}:${rig.upstream.port}`, authorization: `Bearer ${KEY}` },
      },
    ]);
    agent.socket.send('{"type":"hello"}');
    expect(await server.text()).toBe('{"type":"hello"}');
    server.socket.send(Buffer.from([1, 2, 0xff]), { binary: true });
    expect(await agent.message()).toEqual({ data: Buffer.from([1, 2, 0xff]), binary: true });
  });

  test('in the query becomes the key there', async () => {
    await rig.start([rig.openai()]);
    await rig.dial(`/openai/v1/live?alt=ws&key=${token}`);
    expect(rig.upstream.seen[0]?.url).toBe(`/v1/live?alt=ws&key=${KEY}`);
    expect(rig.upstream.seen[0]?.headers).not.toHaveProperty('authorization');
  });

  test.each([
    ['the first', (offered: string[]) => offered[0] ?? false, 'realtime'],
    ['the one with the key', (offered: string[]) => offered[1] ?? false, 'realtime'],
    ['none', () => false as const, ''],
  ])(
    'S10: in a sub-protocol becomes the key, which the agent is not told when the provider chooses %s',
    async (_, choose, told) => {
      await rig.start([rig.openai()]);
      rig.upstream.choose(choose);
      const opening = rig.dial('/openai/v1/realtime', {}, ['realtime', PREFIX + token]);
      if (told === '') {
        // `ws` insists on an answer, which RFC 6455 §4.1 does not.
        await expect(opening).rejects.toThrow('Server sent no subprotocol');
      } else {
        expect((await opening).socket.protocol).toBe(told);
      }
      expect(rig.upstream.seen[0]?.headers['sec-websocket-protocol']).toBe(`realtime,${PREFIX}${KEY}`);
    },
  );

  test.each<[string, string, Record<string, string>, string[]]>([
    ['SEKS_TOKEN_MISSING', '/openai/v1/realtime', {}, []],
    ['SEKS_TOKEN_FOREIGN', '/openai/v1/realtime', { authorization: `Bearer ${strange}` }, []],
    ['SEKS_TOKEN_UNKNOWN', '/openai/v1/realtime', { authorization: 'Bearer sk-own' }, []],
    ['SEKS_TOKEN_UNKNOWN', '/openai/v1/realtime', {}, ['realtime', `${PREFIX}own`]],
    ['SEKS_TOKEN_AMBIGUOUS', '/openai/v1/realtime', { authorization: `Bearer ${token}` }, [PREFIX + token]],
    ['SEKS_TOKEN_WRONG_PROVIDER', '/elevenlabs/v1/x', { authorization: `Bearer ${token}` }, []],
    ['SEKS_ROUTE_DENIED', '/openai/v2/realtime', { authorization: `Bearer ${token}` }, []],
    ['SEKS_REQUEST_MALFORMED', '/openai/v1/%00', { authorization: `Bearer ${token}` }, []],
  ])('S4, S5: %s: %s', async (code, path, headers, protocols) => {
    await rig.start([rig.openai(), rig.elevenlabs()]);
    expect(await codeOfRefusal(rig.dial(path, headers, protocols))).toBe(code);
    expect(rig.upstream.seen).toEqual([]);
    expect(await rig.requestEvent()).toMatchObject({ decision: 'deny', code });
  });

  test('S9: nothing that is written holds key, token or query', async () => {
    await rig.start([rig.openai()]);
    const agent = await rig.dial(`/openai/v1/live?alt=private&key=${token}`);
    agent.socket.close(1000);
    await rig.requestEvent();
    const written = await rig.sidecar.written();
    expect(written).toContain('"status":101');
    for (const secret of [KEY, token, 'private']) expect(written).not.toContain(secret);
  });
});

describe('a handshake that is not one', () => {
  const head = (lines: string[]): string =>
    [
      'GET /openai/v1/realtime HTTP/1.1',
      `Host: 127.0.0.1:${rig.sidecar.port}`,
      `Authorization: Bearer ${token}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      ...lines,
      '\r\n',
    ].join('\r\n');
  const version = 'Sec-WebSocket-Version: 13';
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';

  test.each<[string, string[]]>([
    ['without a key', [version]],
    ['of another version', ['Sec-WebSocket-Version: 8', key]],
    ['with a sub-protocol twice', [version, key, 'Sec-WebSocket-Protocol: a, a']],
    ['with an empty sub-protocol', [version, key, 'Sec-WebSocket-Protocol: a,,b']],
    ['with a body', [version, key, 'Content-Length: 3']],
  ])('%s is refused before the provider hears of it', async (_, lines) => {
    await rig.start([rig.openai()]);
    const answer = await rig.sidecar.raw(head(lines));
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('x-seks-error: SEKS_REQUEST_MALFORMED');
    expect(rig.upstream.seen).toEqual([]);
  });

  test('S14: an exception within it ends the request and nothing else', async () => {
    await rig.start([rig.openai()]);
    const state = rig.sidecar.holder.state;
    // A lease that is broken in a way that nobody expected.
    rig.sidecar.holder.replace(state, { ...lease([rig.openai()]), classifier: undefined as never });
    const { status, headers } = await refusal(
      rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }),
    );
    expect([status, headers['x-seks-error']]).toEqual([500, 'SEKS_INTERNAL']);
    expect(await rig.sidecar.written()).toContain('"event":"request_failed"');
    rig.sidecar.holder.replace(rig.sidecar.holder.state, lease([rig.openai()]));
    await rig.pair();
  });

  test('S14: an agent that leaves in the middle of it ends the request and nothing else', async () => {
    await rig.start([rig.openai()]);
    const arrived = Promise.withResolvers<void>();
    rig.upstream.onUpgrade(() => arrived.resolve());
    const socket = connect(rig.sidecar.port, '127.0.0.1', () => socket.write(head([version, key])));
    socket.on('error', () => undefined);
    await arrived.promise;
    socket.resetAndDestroy();
    expect(await rig.requestEvent()).toMatchObject({ status: 0, partial: true, decision: 'allow' });
    rig.upstream.reset();
    await rig.pair();
  });
});

describe('a refusal of the provider', () => {
  function answer(text: string): void {
    rig.upstream.onUpgrade((_, socket) => socket.end(text));
  }

  test('S10: comes masked, without what is between two ends of a connection, and with a code', async () => {
    await rig.start([rig.openai()]);
    const body = `{"error":"Incorrect API key: ${KEY}, sk-proj-****6789"}`;
    answer(
      [
        `HTTP/1.1 401 Unauthorized ${KEY}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        `X-Echo: ${KEY}`,
        'Set-Cookie: session=1',
        'Alt-Svc: h3=":443"',
        'X-Seks-Request-Id: forged',
        'Connection: close, x-nominated',
        'X-Nominated: 1',
        'X-Request-Id: r1',
        '',
        body,
      ].join('\r\n'),
    );
    const refused = await refusal(rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    const stars = '*'.repeat(KEY.length);
    expect(refused.status).toBe(401);
    expect(refused.body).toBe(`{"error":"Incorrect API key: ${stars}, ****************"}`);
    expect(refused.headers).toEqual({
      'content-type': 'application/json',
      'content-length': String(body.length),
      'x-echo': stars,
      'x-request-id': 'r1',
      'x-seks-error': 'SEKS_UPSTREAM_KEY_REFUSED',
      connection: 'close',
    });
    const event = await rig.requestEvent();
    expect(event).toMatchObject({
      status: 401,
      code: 'SEKS_UPSTREAM_KEY_REFUSED',
      decision: 'allow',
      scrubbed: 4,
    });
    expect(event).not.toHaveProperty('partial');
    expect(await rig.sidecar.written()).toMatch(
      /seks_denied_total\{[^}]*code="SEKS_UPSTREAM_KEY_REFUSED"\} 1/,
    );
  });

  test('a redirect leads back through the sidecar', async () => {
    await rig.start([rig.openai()]);
    answer(
      `HTTP/1.1 302 Found\r\nLocation: wss://${HOST}:${rig.upstream.port}/v1/other\r\nContent-Length: 0\r\n\r\n`,
    );
    const refused = await refusal(rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    expect(refused.headers.location).toBe(`ws://127.0.0.1:${rig.sidecar.port}/openai/v1/other`);
    expect(refused.headers).not.toHaveProperty('x-seks-error');
  });

  test.each([
    ['SEKS_UPSTREAM_ENCODING', 'Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc'],
    ['SEKS_UPSTREAM_ANSWER_TOO_LARGE', `Content-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`],
  ])('S10: that cannot be searched is not passed on: %s', async (code, rest) => {
    await rig.start([rig.openai()]);
    answer(`HTTP/1.1 403 Forbidden\r\n${rest}`);
    expect(await codeOfRefusal(rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }))).toBe(
      code,
    );
    expect(await rig.requestEvent()).toMatchObject({ status: 502, code });
  });

  test('of the key again and again opens the breaker', async () => {
    await rig.start([rig.openai()]);
    answer('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    const attempt = async () =>
      refusal(rig.dial('/openai/v1/realtime', { authorization: `Bearer ${token}` }));
    for (let i = 0; i < 5; i += 1) expect((await attempt()).status).toBe(401);
    expect((await attempt()).headers['x-seks-error']).toBe('SEKS_UPSTREAM_BREAKER_OPEN');
    expect(rig.upstream.seen).toHaveLength(5);
  });

  test('a provider that is not there', async () => {
    await rig.start([
      rig.openai({ provider: rig.provider('openai', { upstreams: [{ host: HOST, port: 1 }] }) }),
    ]);
    expect(await codeOfRefusal(rig.dial('/openai/v1/x', { authorization: `Bearer ${token}` }))).toBe(
      'SEKS_UPSTREAM_UNREACHABLE',
    );
  });
});
