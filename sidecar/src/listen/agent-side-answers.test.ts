// What comes back through the sidecar: the key is in none of it.
import { gzipSync } from 'node:zlib';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { ask, type WholeAnswer } from '../testing/agent-request.ts';
import { type SidecarRig, startSidecarRig } from '../testing/sidecar-rig.ts';
import { fakeToken } from '../testing/test-sidecar.ts';

const KEY = 'sk-proj-CANARY0123456789abcdef-mask-MxYA';
const token = fakeToken('sk-proj-{token}');
let rig: SidecarRig;

beforeAll(async () => {
  rig = await startSidecarRig((upstream) => [
    { provider: upstream.provider('mask', { keyPrefixes: ['sk-'] }), token, key: KEY },
  ]);
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

async function call(): Promise<WholeAnswer> {
  return ask(rig.sidecar.port, { path: '/mask/v1/x', headers: { authorization: `Bearer ${token}` } });
}

describe('what comes back', () => {
  test('S10: an error answer shows neither the key nor a part of it', async () => {
    const body = (shown: string[]): string => JSON.stringify({ error: { message: shown.join(' and ') } });
    const shown = [KEY, 'sk-proj-****MxYA', 'sk-\u2026MxYA', 'sk-somebody-elses-0123456789'];
    rig.upstream.answer((_, response) => response.writeHead(403, { 'x-echo': KEY }).end(body(shown)));
    const { status, headers, body: text } = await call();
    expect(status).toBe(403);
    expect(text).toBe(body(shown.map((part) => '*'.repeat(Buffer.byteLength(part)))));
    expect(headers['x-echo']).toBe('*'.repeat(KEY.length));
  });

  test('S10: an answer that comes compressed all the same is decoded and scrubbed', async () => {
    const whole = gzipSync(`{"reflected":"${KEY}"}`);
    rig.upstream.answer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' });
      response.write(whole.subarray(0, 25));
      response.end(whole.subarray(25));
    });
    const { headers, body } = await call();
    expect(body).toBe(`{"reflected":"${'*'.repeat(KEY.length)}"}`);
    expect(headers).not.toHaveProperty('content-encoding');
  });

  test.each(['compress', 'gzip, aes128gcm'])(
    'S7: a body that is coded as %s is not passed on',
    async (coding) => {
      rig.upstream.answer((_, response) => response.writeHead(200, { 'content-encoding': coding }).end('x'));
      expect((await call()).code).toBe('SEKS_UPSTREAM_ENCODING');
    },
  );

  test('S10: two headers name two codings, and both are taken off', async () => {
    const twice = gzipSync(gzipSync(`{"reflected":"${KEY}"}`));
    rig.upstream.answer((_, response) => {
      response.setHeader('content-encoding', ['gzip', 'gzip']);
      response.end(twice);
    });
    expect((await call()).body).toBe(`{"reflected":"${'*'.repeat(KEY.length)}"}`);
  });
});
