// What the limits of a credential mean on the way through the sidecar: which request is refused, and when one passes again.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { ask, type WholeAnswer } from '../testing/agent-request.ts';
import { createNamedCredentials } from '../testing/named-credentials.ts';
import { type SidecarRig, startSidecarRig } from '../testing/sidecar-rig.ts';
import { answerOk } from '../testing/tls-upstream.ts';

const credentials = createNamedCredentials();
const clock = { nowMs: 1_000_000, wallMs: Date.UTC(2026, 0, 1, 12) };
let rig: SidecarRig;

beforeAll(async () => {
  rig = await startSidecarRig(
    (upstream) => [
      credentials.make(upstream, 'breaker'),
      credentials.make(upstream, 'rate', {}, { limits: { requestsPerMinute: 1 } }),
      credentials.make(upstream, 'places', {}, { limits: { concurrentRequests: 1 } }),
      credentials.make(
        upstream,
        'budget',
        { usage: { format: 'OpenAI' } },
        { limits: { tokensPerDay: 100 } },
      ),
    ],
    { nowMs: () => clock.nowMs, wallClock: () => clock.wallMs },
  );
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

async function call(name: string, path: string, body?: string): Promise<WholeAnswer> {
  return ask(rig.sidecar.port, { path: `/${name}${path}`, headers: credentials.bearer(name), body });
}

describe('limits', () => {
  test('a key that is refused five times is not sent again for half a minute', async () => {
    rig.upstream.answer((_, response) => response.writeHead(401).end('{}'));
    for (let i = 0; i < 5; i += 1) {
      expect((await call('breaker', '/v1/x')).code).toBe('SEKS_UPSTREAM_KEY_REFUSED');
    }
    rig.upstream.answer(answerOk);
    const { status, code, headers } = await call('breaker', '/v1/x');
    expect([status, code, headers['retry-after']]).toEqual([503, 'SEKS_UPSTREAM_BREAKER_OPEN', '30']);
    expect(rig.upstream.seen).toHaveLength(5);
    clock.nowMs += 30_000;
    expect((await call('breaker', '/v1/x')).status).toBe(200);
    expect((await call('breaker', '/v1/x')).status).toBe(200);
  });

  test('requests per minute', async () => {
    expect((await call('rate', '/v1/x')).status).toBe(200);
    const { status, code, headers } = await call('rate', '/v1/x');
    expect([status, code]).toEqual([429, 'SEKS_LIMIT_REQUESTS']);
    const seconds = Number(headers['retry-after']);
    expect(rig.upstream.seen).toHaveLength(1);
    clock.nowMs += (seconds - 1) * 1_000;
    expect((await call('rate', '/v1/x')).status).toBe(429);
    clock.nowMs += 1_000;
    expect((await call('rate', '/v1/x')).status).toBe(200);
  });

  test('a place becomes free when the answer has ended', async () => {
    const waiting: (() => void)[] = [];
    const arrived = new Promise<void>((resolve) => {
      rig.upstream.answer((_, response) => {
        waiting.push(() => response.end('{}'));
        resolve();
      });
    });
    const first = call('places', '/v1/x');
    await arrived;
    expect((await call('places', '/v1/x')).code).toBe('SEKS_LIMIT_CONCURRENCY');
    expect(rig.upstream.seen).toHaveLength(1);
    waiting[0]?.();
    expect((await first).status).toBe(200);
    rig.upstream.answer(answerOk);
    expect((await call('places', '/v1/x')).status).toBe(200);
  });

  test('tokens of the day: what was used counts, and midnight brings them back', async () => {
    rig.upstream.answer((incoming, response) => {
      response.setHeader('content-type', 'application/json');
      const answer = '{"model":"m","usage":{"prompt_tokens":60,"completion_tokens":50,"total_tokens":110}}';
      incoming.resume().on('end', () => response.end(answer));
    });
    expect((await call('budget', '/v1/chat/completions', '{}')).status).toBe(200);
    const { code, headers } = await call('budget', '/v1/chat/completions', '{}');
    expect([code, headers['retry-after'], headers['x-should-retry']]).toEqual([
      'SEKS_LIMIT_TOKENS',
      '43200',
      'false',
    ]);
    clock.wallMs += 43_200_000;
    expect((await call('budget', '/v1/chat/completions', '{}')).status).toBe(200);
  });
});
