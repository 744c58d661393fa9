import { expect, test } from '@jest/globals';
import { pino } from 'pino';

import { formatKeySet } from '../injection/index.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { createStore } from '../kube/store.ts';
import { createInjectionKeys } from './injection-keys.ts';
import { signer } from './testing/fixture.ts';

function trust(text: string, resourceVersion: string): ConfigMap {
  return {
    metadata: { name: 'seks-trust', namespace: 'seks', resourceVersion },
    data: { 'injection-keys.json': text },
  };
}

test('follows the trust ConfigMap', () => {
  const store = createStore<ConfigMap>();
  const keys = createInjectionKeys(store, 'seks', pino({ level: 'silent' }));
  expect(keys()).toEqual([]);
  store.upsert(trust(formatKeySet(signer.publicKeys()), '1'));
  expect(keys()).toEqual(signer.publicKeys());
  expect(keys()).toBe(keys());
  store.remove(trust('', '1'));
  expect(keys()).toEqual([]);
});

test.each(['{', '{"keys":[]}', '{"keys":[{"kty":"RSA"}]}'])(
  'S7: trusts nothing when it cannot read it: %s',
  (text) => {
    const store = createStore<ConfigMap>();
    const keys = createInjectionKeys(store, 'seks', pino({ level: 'silent' }));
    store.upsert(trust(formatKeySet(signer.publicKeys()), '1'));
    expect(keys()).toHaveLength(1);
    store.upsert(trust(text, '2'));
    expect(keys()).toEqual([]);
  },
);
