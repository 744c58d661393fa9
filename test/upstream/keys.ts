// The keys that the imitated providers accept. A provider without one accepts nothing.
import { createHash, timingSafeEqual } from 'node:crypto';
import { PROVIDERS, type ProviderName } from './provider-stub.ts';

export interface ProviderKeys {
  accepts(provider: ProviderName, credential: string): boolean;
  /** replaces a provider's key, as its console would; the old one is refused from then on */
  replace(provider: ProviderName, key: string): void;
}

/** reads `UPSTREAM_KEY_OPENAI` and its like */
export function keysFromEnvironment(env: Readonly<Record<string, string | undefined>>): ProviderKeys {
  const digests = new Map<ProviderName, Buffer>();
  for (const provider of PROVIDERS) {
    const key = env[`UPSTREAM_KEY_${provider.toUpperCase()}`];
    if (key !== undefined && key !== '') digests.set(provider, digest(key));
  }
  return {
    accepts(provider, credential) {
      const expected = digests.get(provider);
      return expected !== undefined && timingSafeEqual(expected, digest(credential));
    },
    replace: (provider, key) => void digests.set(provider, digest(key)),
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
