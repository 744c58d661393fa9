// Unwrapping of data keys: once for all sidecars that ask for the same one, and kept for a few minutes at most.
import { createHash } from 'node:crypto';

import { Secret, SeksError } from '@seks/crds';
import type { SealContext, WrappedDataKey } from '@seks/crds';

import type { Kms } from '../kms/index.ts';
import { withDeadline } from '../kube/deadline.ts';
import { createSingleflight } from '../kube/singleflight.ts';

export type UnwrapResult = 'ok' | 'cached' | 'refused' | 'unavailable';

export interface DataKeys {
  /** ids of the keys of all KMS, in order of preference */
  keyIds(): readonly string[];
  /**
   * the data key, as a copy that the caller may erase
   *
   * Tries the wrappings in order and rejects with the first one's error if none can be unwrapped.
   */
  unwrap(
    bindingUid: string,
    wrappings: readonly WrappedDataKey[],
    ctx: SealContext,
  ): Promise<Secret<'data-key'>>;
  /** forgets every key that the binding used; what is under way for it is not kept either */
  forget(bindingUid: string): void;
}

export interface DataKeysDeps {
  /** every configured KMS, in order of preference; empty until they are loaded */
  kms: () => readonly Kms[];
  clock: () => number;
  observe: (result: UnwrapResult) => void;
  observeKms: (kms: string, seconds: number) => void;
  cacheTtlMs?: number;
  maxCached?: number;
  timeoutMs?: number;
}

const CACHE_TTL_MS = 5 * 60_000;
const MAX_CACHED = 10_000;
const KMS_TIMEOUT_MS = 5_000;

interface Entry {
  dataKey: Secret<'data-key'>;
  untilMs: number;
  bindings: Set<string>;
}

/** a cache in front of the KMS; the key of an entry is a hash of wrapping and context, never of the data key */
export function createDataKeys(deps: DataKeysDeps): DataKeys {
  const { kms, clock, observe } = deps;
  const cacheTtlMs = Math.min(deps.cacheTtlMs ?? CACHE_TTL_MS, CACHE_TTL_MS);
  const maxCached = deps.maxCached ?? MAX_CACHED;
  const timeoutMs = deps.timeoutMs ?? KMS_TIMEOUT_MS;
  const cache = new Map<string, Entry>();
  const once = createSingleflight<Secret<'data-key'>>();
  /** grows with each binding that is forgotten, so that what was under way then is not kept */
  let forgotten = 0;

  function drop(key: string): void {
    cache.get(key)?.dataKey.erase();
    cache.delete(key);
  }

  async function callKms(wrapped: WrappedDataKey, ctx: SealContext): Promise<Secret<'data-key'>> {
    const owner = kms().find(
      (candidate) => candidate.kms === wrapped.kms && candidate.keyIds().includes(wrapped.kid),
    );
    if (owner === undefined) throw new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
    const startedAtMs = clock();
    try {
      return await withDeadline(timeoutMs, undefined, async (signal) => {
        // A KMS client that does not listen to its signal must not hold the lease up.
        const aborted = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
        return await Promise.race([owner.unwrap(wrapped, ctx, signal), aborted]);
      });
    } catch (cause) {
      if (cause instanceof SeksError) throw cause;
      throw new SeksError('SEKS_KMS_UNAVAILABLE', undefined, { cause });
    } finally {
      deps.observeKms(wrapped.kms, (clock() - startedAtMs) / 1000);
    }
  }

  async function unwrapOne(
    bindingUid: string,
    wrapped: WrappedDataKey,
    ctx: SealContext,
  ): Promise<Secret<'data-key'>> {
    const key = cacheKey(wrapped, ctx);
    const known = cache.get(key);
    if (known !== undefined && known.untilMs > clock()) {
      known.bindings.add(bindingUid);
      observe('cached');
      return copyOf(known.dataKey);
    }
    drop(key);
    const forgottenBefore = forgotten;
    let wasFirst = false;
    const dataKey = await once(key, async () => {
      wasFirst = true;
      return await callKms(wrapped, ctx);
    });
    observe(wasFirst ? 'ok' : 'cached');
    if (forgotten === forgottenBefore && !cache.has(key)) {
      for (const oldest of cache.keys()) {
        if (cache.size < maxCached) break;
        drop(oldest);
      }
      cache.set(key, { dataKey: copyOf(dataKey), untilMs: clock() + cacheTtlMs, bindings: new Set() });
    }
    cache.get(key)?.bindings.add(bindingUid);
    return copyOf(dataKey);
  }

  return {
    keyIds: () => kms().flatMap((one) => one.keyIds()),
    async unwrap(bindingUid, wrappings, ctx) {
      let first: unknown = new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
      for (const [index, wrapped] of wrappings.entries()) {
        try {
          return await unwrapOne(bindingUid, wrapped, ctx);
        } catch (error) {
          const isUnavailable = error instanceof SeksError && error.code === 'SEKS_KMS_UNAVAILABLE';
          observe(isUnavailable ? 'unavailable' : 'refused');
          if (index === 0) first = error;
        }
      }
      throw first;
    },
    forget(bindingUid) {
      forgotten += 1;
      for (const [key, { bindings }] of cache) if (bindings.has(bindingUid)) drop(key);
    },
  };
}

function cacheKey(wrapped: WrappedDataKey, ctx: SealContext): string {
  const { scope, namespace, secret, key, provider } = ctx;
  const parts = [
    wrapped.kms,
    wrapped.kid,
    wrapped.edk,
    scope,
    namespace,
    secret ?? null,
    key ?? null,
    provider,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function copyOf(secret: Secret<'data-key'>): Secret<'data-key'> {
  return secret.reveal((bytes) => new Secret('data-key', bytes));
}
