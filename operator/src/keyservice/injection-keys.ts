// The public keys of injection seals, as the controller publishes them in the trust ConfigMap.
import type { JsonWebKey } from 'node:crypto';

import { TRUST_CONFIG_MAP, TRUST_INJECTION_KEYS_KEY } from '@seks/crds';
import type { Logger } from 'pino';

import { parseKeySet } from '../injection/index.ts';
import type { ConfigMap } from '../kube/objects.ts';
import type { Store } from '../kube/store.ts';

/** reads the keys from the store, parsed once for each text; none while there is no usable ConfigMap */
export function createInjectionKeys(
  configMaps: Store<ConfigMap>,
  namespace: string,
  log: Logger,
): () => readonly JsonWebKey[] {
  let parsed: { text: string; keys: readonly JsonWebKey[] } = { text: '', keys: [] };
  return () => {
    const text = configMaps.get(namespace, TRUST_CONFIG_MAP)?.data?.[TRUST_INJECTION_KEYS_KEY] ?? '';
    if (text !== parsed.text) {
      try {
        parsed = { text, keys: text === '' ? [] : parseKeySet(text) };
      } catch (error) {
        // Without keys every lease is refused; the keys of before would be trusted beyond their time.
        parsed = { text, keys: [] };
        log.error(
          { event: 'injection_keys_invalid', configMap: TRUST_CONFIG_MAP, err: error },
          'injection keys invalid',
        );
      }
    }
    return parsed.keys;
  };
}
