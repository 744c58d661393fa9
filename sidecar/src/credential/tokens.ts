// The pod's own fake tokens, known only by their SHA-256.
import { hash, timingSafeEqual } from 'node:crypto';

import { type InjectedSource, type InjectionConfig, MIN_TOKEN_LENGTH } from '@seks/crds';

/** 128 characters of a template, and 128 random ones; so what an agent makes up costs no more, however long it is */
const MAX_TOKEN_LENGTH = 256;

/** one fake token of this pod: which container got it, and for which credential */
export interface TokenEntry {
  container: string;
  bindingUid: string;
  binding: string;
  agent: string;
  credential: string;
  provider: string;
  sources: readonly InjectedSource[];
}

/** the pod's tokens */
export interface TokenTable {
  /** the entry whose token this is; compares with all of them, in constant time */
  find(token: string): TokenEntry | undefined;
  readonly entries: readonly TokenEntry[];
  /** names of the providers that this pod has credentials for */
  readonly providers: ReadonlySet<string>;
}

/** key under which a lease keeps the state of a credential */
export function credentialKey(of: { bindingUid: string; credential: string }): string {
  return `${of.bindingUid}/${of.credential}`;
}

/** the token table that the webhook wrote into the injection config */
export function createTokenTable(config: Pick<InjectionConfig, 'bindings'>): TokenTable {
  const rows: { digest: Buffer; entry: TokenEntry }[] = [];
  for (const binding of config.bindings) {
    for (const credential of binding.credentials) {
      for (const { container, sha256 } of credential.tokens) {
        const digest = Buffer.from(sha256, 'base64url');
        if (digest.length !== 32) throw new RangeError('a token hash is not a SHA-256');
        rows.push({
          digest,
          entry: {
            container,
            bindingUid: binding.uid,
            binding: binding.name,
            agent: binding.agent,
            credential: credential.name,
            provider: credential.provider,
            sources: credential.sources,
          },
        });
      }
    }
  }
  return {
    entries: rows.map(({ entry }) => entry),
    providers: new Set(rows.map(({ entry }) => entry.provider)),
    find(token) {
      if (token.length < MIN_TOKEN_LENGTH || token.length > MAX_TOKEN_LENGTH) return undefined;
      const digest = hash('sha256', token, 'buffer');
      let found: TokenEntry | undefined;
      for (const row of rows) if (timingSafeEqual(row.digest, digest)) found = row.entry;
      return found;
    },
  };
}
