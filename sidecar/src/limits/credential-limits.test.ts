import { describe, expect, test } from '@jest/globals';
import { type Limits, SeksError } from '@seks/crds';
import fc from 'fast-check';

import { CredentialLimits, createLimitKeeper, type Permit } from './credential-limits.ts';

const DAY_MS = 86_400_000;
const USD = 1_000_000_000_000n;

function start(limits: Limits | undefined) {
  const clock = { nowMs: 0, wallMs: DAY_MS / 2 };
  const credential = new CredentialLimits({ nowMs: () => clock.nowMs, wallClock: () => clock.wallMs });
  credential.change(limits);
  return { clock, credential };
}

function refusal(run: () => unknown): { code: string; retryAfterMs: number | undefined } | undefined {
  try {
    run();
  } catch (cause) {
    if (!(cause instanceof SeksError)) throw cause;
    return { code: cause.code, retryAfterMs: cause.retryAfterMs };
  }
  return undefined;
}

describe('CredentialLimits', () => {
  test('without limits everything may begin', () => {
    const { credential } = start(undefined);
    for (let i = 0; i < 1000; i += 1) credential.enter();
    credential.spend(1e12, 1_000_000n * USD);
    expect(refusal(() => credential.enter())).toBeUndefined();
  });

  test('requests per minute: the wait is true to the millisecond, and a refused request does not count', () => {
    const { clock, credential } = start({ requestsPerMinute: 2 });
    credential.enter();
    clock.nowMs = 1_500;
    credential.enter();
    for (let i = 0; i < 10; i += 1) {
      expect(refusal(() => credential.enter())).toEqual({
        code: 'SEKS_LIMIT_REQUESTS',
        retryAfterMs: 59_500,
      });
    }
    clock.nowMs = 60_999;
    expect(refusal(() => credential.enter())?.retryAfterMs).toBe(1);
    clock.nowMs = 61_000;
    expect(refusal(() => credential.enter())).toBeUndefined();
  });

  test('concurrency: each place is given back once, however often it is released', () => {
    const { credential } = start({ concurrentRequests: 2 });
    const [first] = [credential.enter(), credential.enter()];
    const full = { code: 'SEKS_LIMIT_CONCURRENCY', retryAfterMs: 1_000 };
    expect(refusal(() => credential.enter())).toEqual(full);
    first.release();
    first.release();
    first.release();
    expect(refusal(() => credential.enter())).toBeUndefined();
    expect(refusal(() => credential.enter())).toEqual(full);
  });

  test('concurrency: never more than the limit, whatever the order', () => {
    const step = fc.oneof(
      fc.constant('enter'),
      fc.nat(10),
      fc.record({ limit: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { credential } = start({ concurrentRequests: 3 });
        let limit = 3;
        const permits: Permit[] = [];
        const held = new Set<Permit>();
        for (const taken of steps) {
          if (typeof taken === 'number') {
            const permit = permits[taken];
            permit?.release();
            if (permit !== undefined) held.delete(permit);
          } else if (taken === 'enter') {
            const before = held.size;
            const refused = refusal(() => {
              const permit = credential.enter();
              permits.push(permit);
              held.add(permit);
            });
            expect(refused?.code).toBe(before >= limit ? 'SEKS_LIMIT_CONCURRENCY' : undefined);
          } else if (typeof taken === 'object') {
            ({ limit } = taken);
            credential.change({ concurrentRequests: limit });
          }
        }
      }),
    );
  });

  test('a request that is refused for its rate takes no place', () => {
    const { clock, credential } = start({ concurrentRequests: 2, requestsPerMinute: 1 });
    credential.enter();
    expect(refusal(() => credential.enter())?.code).toBe('SEKS_LIMIT_REQUESTS');
    clock.nowMs = 61_000;
    expect(refusal(() => credential.enter())).toBeUndefined();
  });

  test.each<[Limits, number, bigint, string]>([
    [{ tokensPerDay: 10 }, 10, 0n, 'SEKS_LIMIT_TOKENS'],
    [{ usdPerDay: '0.5' }, 0, USD / 2n, 'SEKS_LIMIT_COST'],
  ])('%j: what is used up comes back at midnight', (limits, tokens, picodollars, code) => {
    const { clock, credential } = start(limits);
    credential.spend(tokens - (tokens > 0 ? 1 : 0), picodollars - (picodollars > 0n ? 1_000n : 0n));
    expect(refusal(() => credential.enter())).toBeUndefined();
    credential.spend(tokens, picodollars);
    expect(refusal(() => credential.enter())).toEqual({ code, retryAfterMs: DAY_MS / 2 });
    expect(refusal(() => credential.checkBudgets())).toEqual({ code, retryAfterMs: DAY_MS / 2 });
    clock.wallMs = DAY_MS - 1;
    expect(refusal(() => credential.enter())?.retryAfterMs).toBe(1);
    clock.wallMs = DAY_MS;
    expect(refusal(() => credential.enter())).toBeUndefined();
  });

  test.each(['', 'x', '-1', '1e9', '0', '0.0000000001'])(
    'S7: of an amount of "%s" nothing may be spent',
    (usdPerDay) => {
      const { credential } = start({ usdPerDay });
      expect(refusal(() => credential.enter())?.code).toBe('SEKS_LIMIT_COST');
    },
  );

  test('a new lease changes the limits, and forgets nothing', () => {
    const { credential } = start({ tokensPerDay: 10, concurrentRequests: 1, requestsPerMinute: 5 });
    const permit = credential.enter();
    credential.spend(8, 0n);
    credential.change({ tokensPerDay: 8 });
    expect(refusal(() => credential.enter())?.code).toBe('SEKS_LIMIT_TOKENS');
    credential.change({ tokensPerDay: 9, concurrentRequests: 1 });
    expect(refusal(() => credential.enter())?.code).toBe('SEKS_LIMIT_CONCURRENCY');
    credential.change({ tokensPerDay: 9, requestsPerMinute: 1 });
    expect(refusal(() => credential.enter())?.code).toBe('SEKS_LIMIT_REQUESTS');
    credential.change(undefined);
    permit.release();
    expect(refusal(() => credential.enter())).toBeUndefined();
  });

  test('S16: the keeper keeps one for each credential', () => {
    const { limitsFor } = createLimitKeeper({ nowMs: () => 0, wallClock: () => 0 });
    expect(limitsFor('a')).toBe(limitsFor('a'));
    expect(limitsFor('a')).not.toBe(limitsFor('b'));
  });

  test('S7: a new process of the same pod goes on counting', () => {
    const limits = { tokensPerDay: 100, usdPerDay: '1.00' };
    const clock = { wallMs: DAY_MS / 2 };
    const clocks = { nowMs: () => 0, wallClock: () => clock.wallMs };
    let changes = 0;
    const before = createLimitKeeper(clocks, { earlier: () => undefined, changed: () => (changes += 1) });
    before.limitsFor('tokens').spend(100, 0n);
    before.limitsFor('usd').spend(0, USD);
    before.limitsFor('fresh').change(limits);
    expect(changes).toBe(2);
    const spendings = new Map(before.spendings());
    expect([...spendings.keys()]).toEqual(['tokens', 'usd', 'fresh']);
    const after = createLimitKeeper(clocks, {
      earlier: (key) => spendings.get(key),
      changed: () => undefined,
    });
    const refusals = ['tokens', 'usd', 'fresh', 'unknown'].map((key) => {
      const credential = after.limitsFor(key);
      credential.change(limits);
      return refusal(() => credential.enter())?.code;
    });
    expect(refusals).toEqual(['SEKS_LIMIT_TOKENS', 'SEKS_LIMIT_COST', undefined, undefined]);
    clock.wallMs += DAY_MS;
    expect(refusal(() => after.limitsFor('tokens').enter())).toBeUndefined();
  });
});
