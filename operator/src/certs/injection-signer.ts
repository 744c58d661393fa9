// The Ed25519 keys that injection seals are signed with, in one Secret that all webhook replicas share. One key signs,
// all of them verify: so a new key can be published before it signs, and an old one kept while its pods live.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

import { SeksError } from '@seks/crds';

import type { InjectionSigner } from '../injection/index.ts';
import { formatKeySet } from '../injection/index.ts';
import { poll } from './poll.ts';
import { settle } from './store.ts';
import type { CaStore, CertsLog } from './store.ts';
import { pemOf } from './x509.ts';

const DEFAULT_POLL_MS = 60_000;
/** entry of the Secret with the id of the key that signs */
const CURRENT = 'current';
/** every other entry is `{key id}.pem` */
const KEY_SUFFIX = '.pem';

export interface InjectionSignerDeps {
  store: CaStore;
  log: CertsLog;
  /** how often the Secret is read again, in `ms` */
  pollMs?: number;
}

export interface ManagedInjectionSigner extends InjectionSigner {
  /** reads or creates the key, then follows the Secret until the signal aborts */
  start(signal: AbortSignal): Promise<void>;
  /** reads the Secret again; `start` calls it by itself */
  refresh(): Promise<void>;
  /** calls back after the set of public keys changed; the result unsubscribes */
  onChange(listener: () => void): () => void;
}

interface KeyRing {
  keyId: string;
  signingKey: KeyObject;
  publicKeys: readonly JsonWebKey[];
}

/** signer whose key is created by the first replica; before `start` has resolved it throws SEKS_INJECT_NOT_READY */
export function createInjectionSigner({ store, log, pollMs }: InjectionSignerDeps): ManagedInjectionSigner {
  const listeners = new Set<() => void>();
  let ring: KeyRing | undefined;
  let refreshing: Promise<void> | undefined;

  function known(): KeyRing {
    if (ring === undefined) throw new SeksError('SEKS_INJECT_NOT_READY', 'The signing key was not read yet.');
    return ring;
  }

  async function read(): Promise<void> {
    const data = await settle(store, (stored) =>
      Promise.resolve(stored === undefined ? encodeNewKey() : undefined),
    );
    const before = ring;
    ring = decodeKeyRing(data);
    if (before !== undefined && formatKeySet(before.publicKeys) === formatKeySet(ring.publicKeys)) return;
    log.info({ event: 'injection_keys_changed', keyId: ring.keyId }, 'injection keys changed');
    for (const listener of listeners) listener();
  }

  function refresh(): Promise<void> {
    refreshing ??= read().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  return {
    async start(signal) {
      await refresh();
      void poll({
        everyMs: pollMs ?? DEFAULT_POLL_MS,
        signal,
        run: refresh,
        onError: (err) => log.error({ event: 'injection_keys_failed', err }, 'injection keys not refreshed'),
      });
    },
    refresh,
    keyId: () => known().keyId,
    sign: (data) => sign(null, data, known().signingKey),
    publicKeys: () => known().publicKeys,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function encodeNewKey(): Record<string, Buffer> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { kid } = publicJwk(privateKey);
  return { [CURRENT]: Buffer.from(kid), [`${kid}${KEY_SUFFIX}`]: pemOf(privateKey) };
}

function decodeKeyRing(data: Record<string, Buffer>): KeyRing {
  const keys = Object.entries(data)
    .filter(([name]) => name.endsWith(KEY_SUFFIX))
    .map(([name, pem]) => readKey(name, pem))
    .sort((a, b) => (a.jwk.kid < b.jwk.kid ? -1 : 1));
  const current = data[CURRENT]?.toString('utf8').trim();
  const signing = keys.find(({ jwk }) => jwk.kid === current);
  if (signing === undefined) throw invalid(`${CURRENT} names no key of the Secret`);
  return { keyId: signing.jwk.kid, signingKey: signing.key, publicKeys: keys.map(({ jwk }) => jwk) };
}

function readKey(name: string, pem: Buffer): { key: KeyObject; jwk: PublicJwk } {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
    return { key, jwk: publicJwk(key) };
  } catch {
    // OpenSSL's message could quote key material: only the field is named.
    throw invalid(`${name} is not an Ed25519 private key`);
  }
}

type PublicJwk = { kty: string; crv: string; x: string; kid: string };

/** public half with its thumbprint (RFC 7638) as key id */
function publicJwk(privateKey: KeyObject): PublicJwk {
  const { crv = '', kty = '', x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  // RFC 7638 §3.2: exactly these members, in this order.
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
  return { kty, crv, x, kid };
}

function invalid(problem: string): SeksError {
  return new SeksError('SEKS_CONFIG_INVALID', `Injection key Secret: ${problem}.`);
}
