// The key service's own keys, shared by its replicas through Secrets: whoever is first makes them, the others read them.
import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  KMS_LOCAL_SECRET,
  LEASE_SIGNER_SECRET,
  SEALING_CONFIG_MAP,
  SEALING_PUBLIC_KEY,
  Secret,
  SeksError,
} from '@seks/crds';
import type { Logger } from 'pino';

import type { KmsEntry } from '../config.ts';
import { createAwsKms, createLocalKms, generateLocalKeyPair, publicKeyPemOf } from '../kms/index.ts';
import type { Kms } from '../kms/index.ts';
import { ConflictError } from '../kube/conflict.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import type { NamedSecret } from '../kube/named-secret.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import type { Store } from '../kube/store.ts';
import { KEYSERVICE_FIELD_MANAGER } from './sealed-conditions.ts';

const LEASE_KEY = 'hs256.key';
const LEASE_KEY_BYTES = 32;
/** entry of the local KMS's Secret that names the key to seal with; the others are one key each */
const CURRENT_KEY_ID = 'current';
const SEALING_KEY_ID = 'kid';

/** reads the Secret, or makes it; the loser of a race reads the winner's */
async function readOrCreate(
  secret: NamedSecret,
  make: () => Promise<Record<string, Buffer>>,
  signal: AbortSignal,
): Promise<Record<string, Buffer>> {
  const found = await secret.read(signal);
  if (found !== undefined) return found.data;
  const made = await make();
  try {
    await secret.create(made, signal);
    return made;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return (await secret.read(signal))?.data ?? {};
  }
}

/** the key that lease ids are signed with */
export async function loadLeaseKey(
  secret: NamedSecret,
  randomBytes: (size: number) => Buffer,
  signal: AbortSignal,
): Promise<KeyObject> {
  const data = await readOrCreate(
    secret,
    async () => ({ [LEASE_KEY]: randomBytes(LEASE_KEY_BYTES) }),
    signal,
  );
  const bytes = data[LEASE_KEY];
  if (bytes === undefined || bytes.length < LEASE_KEY_BYTES) {
    throw new SeksError(
      'SEKS_CONFIG_INVALID',
      `Secret ${LEASE_SIGNER_SECRET} has no usable ${LEASE_KEY}; delete it.`,
    );
  }
  return createSecretKey(bytes);
}

/** the embedded KMS and its public key for sealing */
export interface LocalKmsKeys {
  kms: Kms;
  sealing: { pem: string; kid: string };
}

/** all private keys of the local KMS, the current one first */
export async function loadLocalKms(
  secret: NamedSecret,
  log: Logger,
  signal: AbortSignal,
): Promise<LocalKmsKeys> {
  const make = async (): Promise<Record<string, Buffer>> => {
    const { kid, privateKeyPem } = await generateLocalKeyPair();
    log.info({ event: 'sealing_key_made', kid }, 'made the first key of the local KMS');
    return { [kid]: privateKeyPem.reveal((pem) => Buffer.from(pem)), [CURRENT_KEY_ID]: Buffer.from(kid) };
  };
  const data = await readOrCreate(secret, make, signal);
  const current = data[CURRENT_KEY_ID]?.toString('utf8').trim() ?? '';
  const currentPem = data[current];
  if (currentPem === undefined || current === CURRENT_KEY_ID) {
    // Never make a new key here: everything that was sealed with the old one would be lost silently.
    throw new SeksError(
      'SEKS_CONFIG_INVALID',
      `Secret ${KMS_LOCAL_SECRET} names no current key; restore it.`,
    );
  }
  const others = Object.entries(data).filter(([kid]) => kid !== current && kid !== CURRENT_KEY_ID);
  const privateKeysPem = [currentPem, ...others.map(([, pem]) => pem)].map(
    (pem) => new Secret('private-key', pem),
  );
  const kms = createLocalKms({ privateKeysPem });
  if (kms.keyIds()[0] !== current) {
    throw new SeksError(
      'SEKS_CONFIG_INVALID',
      `In Secret ${KMS_LOCAL_SECRET} a key stands under another key id.`,
    );
  }
  return { kms, sealing: { pem: publicKeyPemOf(new Secret('private-key', currentPem)), kid: current } };
}

/** every KMS of the configuration, in its order */
export async function loadKms(
  entries: readonly KmsEntry[],
  localSecret: NamedSecret,
  log: Logger,
  signal: AbortSignal,
): Promise<{ kms: Kms[]; sealing: LocalKmsKeys['sealing'] | undefined }> {
  const kms: Kms[] = [];
  let sealing: LocalKmsKeys['sealing'] | undefined;
  for (const entry of entries) {
    if (entry.kms === 'aws') {
      const { keyIds, region, endpoint } = entry;
      kms.push(
        createAwsKms({
          keyIds,
          ...(region === undefined ? {} : { region }),
          ...(endpoint === undefined ? {} : { endpoint }),
        }),
      );
    } else {
      const local = await loadLocalKms(localSecret, log, signal);
      kms.push(local.kms);
      sealing = local.sealing;
    }
  }
  return { kms, sealing };
}

/** publishes the sealing key if the ConfigMap does not have it; with no local KMS there is none */
export async function publishSealingKey(
  deps: { api: Pick<KubeApi, 'apply'>; namespace: string; configMaps: Store<ConfigMap>; log: Logger },
  sealing: LocalKmsKeys['sealing'],
  signal: AbortSignal,
): Promise<void> {
  const { api, namespace, configMaps, log } = deps;
  const data = { [SEALING_PUBLIC_KEY]: sealing.pem, [SEALING_KEY_ID]: sealing.kid };
  const found = configMaps.get(namespace, SEALING_CONFIG_MAP)?.data;
  if (Object.entries(data).every(([key, value]) => found?.[key] === value)) return;
  const labels = {
    'app.kubernetes.io/name': 'seks',
    'app.kubernetes.io/component': 'keyservice',
    'app.kubernetes.io/managed-by': 'seks-operator',
  };
  const name = { namespace, name: SEALING_CONFIG_MAP };
  await api.apply(
    CONFIG_MAPS,
    name,
    { metadata: { labels }, data },
    { fieldManager: KEYSERVICE_FIELD_MANAGER },
    signal,
  );
  log.info({ event: 'sealing_key_published', kid: sealing.kid }, 'published the sealing key');
}
