// The agent's port with real sockets, against a real TLS upstream that must see a key only with requests that pass every check.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { SeksError } from '@seks/crds';

import { startSidecar } from '../testing/test-sidecar.ts';
import {
  AUTH,
  type AgentSideRig,
  CLAUDE_KEY,
  CLAUDE_TOKEN,
  FOREIGN_TOKEN,
  OPENAI_KEY,
  OPENAI_TOKEN,
  SECRETS,
  startAgentSide,
} from './testing/agent-side-rig.ts';

let rig: AgentSideRig;

beforeAll(async () => {
  rig = await startAgentSide();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

describe('a request that passes', () => {
  test('carries the real key in the place of the token, and nothing else changes', async () => {
    const answer = await rig.post(
      '/openai/v1/chat/completions?x=1',
      {
        authorization: `bearer ${OPENAI_TOKEN}`,
        'content-type': 'application/json',
        'x-stainless-lang': 'js',
      },
      '{"model":"m"}',
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ ok: true });
    expect(answer.headers.get('x-seks-error')).toBeNull();
    const [seen] = rig.upstream.seen;
    expect(seen).toMatchObject({ method: 'POST', url: '/v1/chat/completions?x=1', body: '{"model":"m"}' });
    expect(seen?.headers).toMatchObject({
      host: `${rig.upstream.host}:${rig.upstream.port}`,
      authorization: `bearer ${OPENAI_KEY}`,
      'x-stainless-lang': 'js',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
    });
    expect(seen?.rawHeaders.join(' ')).not.toContain(OPENAI_TOKEN);
  });

  test.each([
    ['x-api-key', CLAUDE_TOKEN, CLAUDE_KEY],
    ['authorization', `Bearer ${CLAUDE_TOKEN}`, `Bearer ${CLAUDE_KEY}`],
  ])('keeps the token in %s, where the SDK put it', async (header, value, expected) => {
    expect((await rig.post('/anthropic/v1/messages', { [header]: value })).status).toBe(200);
    expect(rig.upstream.seen[0]?.headers[header]).toBe(expected);
    const others = ['x-api-key', 'authorization'].filter((name) => name !== header);
    for (const other of others) expect(rig.upstream.seen[0]?.headers).not.toHaveProperty(other);
  });

  test('is routed by its token alone when the SDK cannot carry a path prefix', async () => {
    expect((await rig.post('/v1/messages', { 'x-api-key': CLAUDE_TOKEN })).status).toBe(200);
    expect(rig.upstream.seen[0]).toMatchObject({ url: '/v1/messages', headers: { 'x-api-key': CLAUDE_KEY } });
  });

  test('S6: leaves no trace of where it came from', async () => {
    const answer = await rig.sidecar.raw(
      rig.bytes('GET /openai/v1/models HTTP/1.1', [
        AUTH,
        'Connection: close, X-Nominated',
        'X-Nominated: 1',
        'X-Forwarded-Host: evil.example',
        'Forwarded: host=evil.example',
        'X-Seks-Anything: 1',
        'TE: trailers',
        'Keep-Alive: timeout=5',
        'Accept-Encoding: gzip',
      ]),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    const names = Object.keys(rig.upstream.seen[0]?.headers ?? {});
    expect(names.sort()).toEqual(['accept-encoding', 'authorization', 'connection', 'host']);
    expect(rig.upstream.seen[0]?.headers.connection).toBe('keep-alive');
  });
});

describe('alarms', () => {
  test('S4: the token of another pod is counted and audited', async () => {
    const before = rig.sidecar.audit.length;
    await rig.post('/openai/v1/x', { authorization: `Bearer ${FOREIGN_TOKEN}` });
    const actions = rig.sidecar.audit.slice(before).map(({ action, code }) => [action, code]);
    expect(actions).toEqual([
      ['foreign_token', 'SEKS_TOKEN_FOREIGN'],
      ['request', 'SEKS_TOKEN_FOREIGN'],
    ]);
    expect(await rig.sidecar.metrics.registry.metrics()).toMatch(/seks_foreign_token_total\{.*\} [1-9]/);
  });
});

describe('S7: the state of the lease', () => {
  async function ask(): Promise<[number, string | null, string | null]> {
    const answer = await rig.post('/openai/v1/x', { authorization: `Bearer ${OPENAI_TOKEN}` });
    await answer.text();
    return [answer.status, answer.headers.get('x-seks-error'), answer.headers.get('retry-after')];
  }

  test('S12: a revoked binding is refused with its code, another one goes on', async () => {
    const state = rig.sidecar.holder.state;
    rig.sidecar.holder.revoke('b-claude', new SeksError('SEKS_BINDING_SUSPENDED'));
    expect(await ask()).toEqual([200, null, null]);
    const suspended = await rig.post('/anthropic/v1/x', { 'x-api-key': CLAUDE_TOKEN });
    expect([suspended.status, suspended.headers.get('x-seks-error')]).toEqual([
      403,
      'SEKS_BINDING_SUSPENDED',
    ]);
    expect(rig.upstream.seen).toHaveLength(1);
    // The old keys were erased with the revocation; nothing else here needs this binding.
    expect(rig.sidecar.holder.state).not.toBe(state);
  });

  test('a lease that has run out answers 503 and says when to try again', async () => {
    let nowMs = 0;
    const credentials = [{ provider: rig.upstream.provider('openai'), token: OPENAI_TOKEN, key: OPENAI_KEY }];
    const addresses = { [rig.upstream.host]: ['127.0.0.1'] };
    const expiring = await startSidecar({ credentials, addresses, nowMs: () => nowMs, expiresAtMs: 1000 });
    try {
      const request = () =>
        fetch(`${expiring.base}/openai/v1/x`, { headers: { authorization: `Bearer ${OPENAI_TOKEN}` } });
      nowMs = 999;
      expect((await request()).status).toBe(200);
      nowMs = 1000;
      const late = await request();
      expect([late.status, late.headers.get('x-seks-error')]).toEqual([503, 'SEKS_LEASE_EXPIRED']);
      expect(late.headers.get('retry-after')).not.toBeNull();
      expect(late.headers.get('x-should-retry')).toBeNull();
      expect(rig.upstream.seen).toHaveLength(1);
    } finally {
      await expiring.close();
    }
  });
});

describe('S9: what is written', () => {
  test('holds no key, token, body, query or path', async () => {
    await rig.post(
      '/openai/v1/files/CANARY-path?CANARY-query=1',
      { authorization: `Bearer ${OPENAI_TOKEN}`, 'x-canary': 'CANARY-header' },
      'CANARY-body',
    );
    await rig.post('/openai/v1/CANARY-path?key=CANARY-query', { authorization: `Bearer ${OPENAI_TOKEN}` });
    await rig.post('/openai/v1/x', { authorization: `Bearer ${FOREIGN_TOKEN}` });
    await rig.sidecar.raw(`GARBAGE CANARY-garbage\r\n\r\n`);
    const written = await rig.sidecar.written();
    expect(written).toContain('"route":"/v1/**"');
    for (const secret of SECRETS) expect(written).not.toContain(secret);
  });

  test('labels come from closed sets', async () => {
    const known = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PROPFIND', 'TRACE'];
    for (const method of known)
      await rig.sidecar.raw(rig.bytes(`${method} /openai/v1/x HTTP/1.1`, [AUTH, 'Connection: close']));
    await rig.sidecar.raw('GARBAGE CANARY-garbage\r\n\r\n');
    const methods = [...(await rig.sidecar.metrics.registry.metrics()).matchAll(/method="([^"]*)"/g)].map(
      ([, m]) => m,
    );
    expect(new Set(methods)).toEqual(new Set([...known, 'OTHER']));
  });
});
