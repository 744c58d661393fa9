import { describe, expect, test } from '@jest/globals';
import { Secret, SeksError } from '@seks/crds';
import type { ErrorCode, SealContext, WrappedDataKey } from '@seks/crds';

import type { Kms } from '../kms/index.ts';
import { createDataKeys } from './data-keys.ts';
import type { DataKeysDeps } from './data-keys.ts';
import { contextOf } from './testing/fixture.ts';

const CTX = contextOf();

function wrapping(edk: string, kid = 'key-1'): WrappedDataKey {
  return { kms: 'local', kid, edk };
}

/** a stand-in for a KMS whose answers the test decides */
function fakeKms(
  answer: (wrapped: WrappedDataKey, ctx: SealContext, signal: AbortSignal) => Promise<string>,
) {
  const calls: string[] = [];
  const kms: Kms = {
    kms: 'local',
    keyIds: () => ['key-1', 'key-2'],
    check: async () => undefined,
    wrap: async () => await Promise.reject(new Error('not used')),
    wrapExisting: async () => await Promise.reject(new Error('not used')),
    async unwrap(wrapped, ctx, signal) {
      calls.push(wrapped.edk);
      return new Secret('data-key', await answer(wrapped, ctx, signal));
    },
  };
  return { kms, calls };
}

function setUp(
  answer: Parameters<typeof fakeKms>[0] = async ({ edk }) => `data key of ${edk}`,
  deps: Partial<DataKeysDeps> = {},
) {
  const { kms, calls } = fakeKms(answer);
  const results: string[] = [];
  const time = { nowMs: 0 };
  const dataKeys = createDataKeys({
    kms: () => [kms],
    clock: () => time.nowMs,
    observe: (result) => results.push(result),
    observeKms: () => undefined,
    ...deps,
  });
  const unwrap = async (edk: string, binding = 'b1', ctx = CTX): Promise<string> =>
    (await dataKeys.unwrap(binding, [wrapping(edk)], ctx)).reveal((bytes) => bytes.toString());
  return { dataKeys, unwrap, calls, results, time };
}

function refuse(code: ErrorCode): never {
  throw new SeksError(code);
}

describe('cache', () => {
  test('asks the KMS once for the same wrapping and context', async () => {
    const { unwrap, calls, results } = setUp();
    expect(await unwrap('a')).toBe('data key of a');
    expect(await unwrap('a', 'b2')).toBe('data key of a');
    expect(calls).toEqual(['a']);
    expect(results).toEqual(['ok', 'cached']);
  });

  test('S16: another context or wrapping is another entry', async () => {
    const { unwrap, calls } = setUp();
    await unwrap('a');
    await unwrap('a', 'b1', { ...CTX, provider: 'groq' });
    await unwrap('a', 'b1', { ...CTX, namespace: 'other' });
    await unwrap('b');
    expect(calls).toEqual(['a', 'a', 'a', 'b']);
  });

  test('joins calls that come at the same time', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { unwrap, calls, results } = setUp(async () => await promise);
    const answers = Promise.all([unwrap('a'), unwrap('a', 'b2'), unwrap('a', 'b3')]);
    resolve('key');
    expect(await answers).toEqual(['key', 'key', 'key']);
    expect(calls).toEqual(['a']);
    expect(results.toSorted((a, b) => a.localeCompare(b))).toEqual(['cached', 'cached', 'ok']);
  });

  test('forgets after five minutes, even if told to keep longer', async () => {
    const { unwrap, calls, time } = setUp(undefined, { cacheTtlMs: 3_600_000 });
    await unwrap('a');
    time.nowMs = 299_999;
    await unwrap('a');
    time.nowMs = 300_000;
    await unwrap('a');
    expect(calls).toEqual(['a', 'a']);
  });

  test('is bounded, and drops the oldest', async () => {
    const { unwrap, calls } = setUp(undefined, { maxCached: 2 });
    for (const edk of ['a', 'b', 'c', 'b', 'c', 'a']) await unwrap(edk);
    expect(calls).toEqual(['a', 'b', 'c', 'a']);
  });

  test('a copy that is erased leaves the cached key alone', async () => {
    const { dataKeys, unwrap } = setUp();
    (await dataKeys.unwrap('b1', [wrapping('a')], CTX)).erase();
    expect(await unwrap('a')).toBe('data key of a');
  });
});

describe('S12: forgetting a binding', () => {
  test('drops what it used, for every binding that shares it, and nothing else', async () => {
    const { dataKeys, unwrap, calls } = setUp();
    await unwrap('a', 'b1');
    await unwrap('a', 'b2');
    await unwrap('c', 'b3');
    dataKeys.forget('b2');
    await unwrap('a', 'b1');
    await unwrap('c', 'b3');
    expect(calls).toEqual(['a', 'c', 'a']);
  });

  test('keeps nothing that was under way', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { dataKeys, unwrap, calls } = setUp(async () => await promise);
    const first = unwrap('a');
    dataKeys.forget('b1');
    resolve('key');
    await first;
    await unwrap('a');
    expect(calls).toEqual(['a', 'a']);
  });
});

describe('failures', () => {
  test('are not kept', async () => {
    let isBroken = true;
    const { unwrap } = setUp(async () => (isBroken ? refuse('SEKS_KMS_UNAVAILABLE') : 'key'));
    await expect(unwrap('a')).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
    isBroken = false;
    expect(await unwrap('a')).toBe('key');
  });

  test('the next wrapping of the same data key is tried; if none works, the first error counts', async () => {
    const { dataKeys, calls, results } = setUp(async ({ edk }) => {
      if (edk === 'good') return 'key';
      return refuse(edk === 'down' ? 'SEKS_KMS_UNAVAILABLE' : 'SEKS_SEAL_UNWRAP_REFUSED');
    });
    const opened = await dataKeys.unwrap('b1', [wrapping('down'), wrapping('good', 'key-2')], CTX);
    expect(opened.reveal((bytes) => bytes.toString())).toBe('key');
    const none = dataKeys.unwrap('b1', [wrapping('down'), wrapping('bad', 'key-2')], CTX);
    await expect(none).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
    expect(calls).toEqual(['down', 'good', 'down', 'bad']);
    expect(results).toEqual(['unavailable', 'ok', 'unavailable', 'refused']);
  });

  test('S7: without a wrapping, or with a key that no KMS has, it refuses', async () => {
    const { dataKeys } = setUp();
    const unknown = { code: 'SEKS_SEAL_KMS_KEY_UNKNOWN' };
    await expect(dataKeys.unwrap('b1', [], CTX)).rejects.toMatchObject(unknown);
    await expect(dataKeys.unwrap('b1', [wrapping('a', 'key-9')], CTX)).rejects.toMatchObject(unknown);
    await expect(dataKeys.unwrap('b1', [{ ...wrapping('a'), kms: 'aws' }], CTX)).rejects.toMatchObject(
      unknown,
    );
  });

  test('S7: a KMS that never answers is unavailable, and is told to stop', async () => {
    let told: AbortSignal | undefined;
    const { unwrap } = setUp(
      async (_wrapped, _ctx, signal) => {
        told = signal;
        return await new Promise<never>(() => undefined);
      },
      { timeoutMs: 5 },
    );
    await expect(unwrap('a')).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
    expect(told?.aborted).toBe(true);
  });

  test('an error that is not ours becomes unavailable, with its cause', async () => {
    const { unwrap } = setUp(async () => await Promise.reject(new TypeError('boom')));
    const error = await unwrap('a').catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE', cause: expect.any(TypeError) as unknown });
  });
});
