// Providers by name, parsed once for each version of a SeksProvider instead of once for each question.
import { createHash } from 'node:crypto';

import { SeksError, resolveProvider } from '@seks/crds';
import type { Provider, SeksProvider } from '@seks/crds';

import type { Store } from './store.ts';

export interface ProviderCache {
  /** throws SeksError SEKS_PROVIDER_UNKNOWN or SEKS_PROVIDER_INVALID */
  get: (name: string) => Provider;
  /** changes whenever what {@link get} returns or throws changes */
  fingerprint: (name: string) => string;
}

type Entry = { fingerprint: string } & ({ provider: Provider } | { error: SeksError });

/** SeksProviders of the store before the built-in catalogue */
export function createProviderCache(store: Store<SeksProvider>): ProviderCache {
  const entries = new Map<string, Entry>();
  store.subscribe(({ name }) => void entries.delete(name));

  function entry(name: string): Entry {
    const known = entries.get(name);
    if (known !== undefined) return known;
    const made = make(name);
    // Unknown names come from bindings without limit; there is nothing to be saved for them anyway.
    if ('provider' in made) entries.set(name, made);
    return made;
  }

  function make(name: string): Entry {
    try {
      const provider = resolveProvider(name, (wanted) => store.get(undefined, wanted));
      const fingerprint = createHash('sha256').update(JSON.stringify(provider)).digest('base64url');
      return { provider, fingerprint };
    } catch (error) {
      if (!(error instanceof SeksError)) throw error;
      return { error, fingerprint: error.code };
    }
  }

  return {
    get(name) {
      const found = entry(name);
      if ('error' in found) throw found.error;
      return found.provider;
    },
    fingerprint: (name) => entry(name).fingerprint,
  };
}
