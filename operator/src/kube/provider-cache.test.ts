import { expect, test } from '@jest/globals';
import type { SeksProvider } from '@seks/crds';

import { createProviderCache } from './provider-cache.ts';
import { createStore } from './store.ts';

function provider(
  name: string,
  version: string,
  fakeToken = 'x-{token}',
  host = 'llm.example.com',
): SeksProvider {
  return {
    apiVersion: 'seks.ai/v1alpha1',
    kind: 'SeksProvider',
    metadata: { name, uid: name, resourceVersion: version },
    spec: { upstreams: [{ host }], auth: [{ header: { name: 'x-key' } }], env: { key: ['KEY'] }, fakeToken },
  };
}

test('a SeksProvider replaces the built-in one while it exists; the fingerprint follows', () => {
  const store = createStore<SeksProvider>();
  const cache = createProviderCache(store);
  const builtIn = cache.fingerprint('openai');
  expect(cache.get('openai').spec.upstreams[0]?.host).toBe('api.openai.com');
  expect(cache.get('openai')).toBe(cache.get('openai'));
  store.upsert(provider('openai', '1'));
  expect(cache.get('openai').spec.upstreams[0]?.host).toBe('llm.example.com');
  const custom = cache.fingerprint('openai');
  expect(custom).not.toBe(builtIn);
  store.upsert(provider('openai', '2'));
  expect(cache.fingerprint('openai')).toBe(custom);
  store.upsert(provider('openai', '3', undefined, 'eu.example.com'));
  expect(cache.fingerprint('openai')).not.toBe(custom);
  store.remove(provider('openai', '4'));
  expect(cache.fingerprint('openai')).toBe(builtIn);
});

test('S7: an invalid SeksProvider is an error, not the built-in one', () => {
  const store = createStore<SeksProvider>();
  const cache = createProviderCache(store);
  const builtIn = cache.fingerprint('openai');
  store.upsert(provider('openai', '1', 'no placeholder'));
  const invalid = expect.objectContaining({ code: 'SEKS_PROVIDER_INVALID' }) as unknown as Error;
  expect(() => cache.get('openai')).toThrow(invalid);
  expect(cache.fingerprint('openai')).not.toBe(builtIn);
});

test('an unknown provider may become known', () => {
  const store = createStore<SeksProvider>();
  const cache = createProviderCache(store);
  const unknown = expect.objectContaining({ code: 'SEKS_PROVIDER_UNKNOWN' }) as unknown as Error;
  expect(() => cache.get('llm')).toThrow(unknown);
  const before = cache.fingerprint('llm');
  store.upsert(provider('llm', '1'));
  expect(cache.get('llm').name).toBe('llm');
  expect(cache.fingerprint('llm')).not.toBe(before);
});
