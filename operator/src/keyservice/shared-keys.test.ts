import { createPublicKey, randomBytes } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Secret } from '@seks/crds';
import { pino } from 'pino';

import { generateLocalKeyPair, localKeyId } from '../kms/index.ts';
import { ConflictError } from '../kube/conflict.ts';
import { namedSecret } from '../kube/named-secret.ts';
import type { NamedSecret } from '../kube/named-secret.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { CONFIG_MAPS, SECRETS } from '../kube/resources.ts';
import { createStore } from '../kube/store.ts';
import { startMockApiServer } from '../kube/testing/mock-api-server.ts';
import type { MockApiServer } from '../kube/testing/mock-api-server.ts';
import { loadKms, loadLeaseKey, loadLocalKms, publishSealingKey } from './shared-keys.ts';
import { memorySecret } from './testing/fixture.ts';

const { signal } = new AbortController();
const log = pino({ level: 'silent' });
const invalid = { code: 'SEKS_CONFIG_INVALID' };

/** a Secret that another replica makes at the very moment at which we would */
function lostRace(winner: Record<string, Buffer>): NamedSecret {
  let isMade = false;
  return {
    read: async () => (isMade ? { data: winner, resourceVersion: '1' } : undefined),
    async create() {
      isMade = true;
      throw new ConflictError('exists');
    },
    replace: async () => undefined,
  };
}

describe('lease key', () => {
  test('is made once and then read', async () => {
    const secret = memorySecret();
    const made = await loadLeaseKey(secret, randomBytes, signal);
    const read = await loadLeaseKey(secret, randomBytes, signal);
    expect(made.equals(read)).toBe(true);
    expect(made.symmetricKeySize).toBe(32);
  });

  test('is the one of the replica that was faster', async () => {
    const winner = randomBytes(32);
    const key = await loadLeaseKey(lostRace({ 'hs256.key': winner }), randomBytes, signal);
    expect(key.export()).toEqual(winner);
  });

  test('S7: a Secret without a usable key is an error, never a weak key', async () => {
    for (const data of [{}, { 'hs256.key': Buffer.alloc(8) }]) {
      await expect(loadLeaseKey(memorySecret(data), randomBytes, signal)).rejects.toMatchObject(invalid);
    }
  });
});

describe('local KMS', () => {
  test('is made once and then read, with the public key that belongs to it', async () => {
    const secret = memorySecret();
    const made = await loadLocalKms(secret, log, signal);
    const read = await loadLocalKms(secret, log, signal);
    expect(read.sealing).toEqual(made.sealing);
    expect(read.kms.keyIds()).toEqual([made.sealing.kid]);
    expect(localKeyId(createPublicKey(made.sealing.pem))).toBe(made.sealing.kid);
    expect(made.sealing.pem).toContain('BEGIN PUBLIC KEY');
  });

  test('keeps older keys for unwrapping, and seals with the current one', async () => {
    const [old, current] = [await generateLocalKeyPair(), await generateLocalKeyPair()];
    const pem = ({ privateKeyPem }: { privateKeyPem: Secret }): Buffer =>
      privateKeyPem.reveal((bytes) => Buffer.from(bytes));
    const data = { [old.kid]: pem(old), [current.kid]: pem(current), current: Buffer.from(current.kid) };
    const { kms, sealing } = await loadLocalKms(memorySecret(data), log, signal);
    expect(kms.keyIds()).toEqual([current.kid, old.kid]);
    expect(sealing.kid).toBe(current.kid);
    const misnamed = memorySecret({ wrong: pem(current), current: Buffer.from('wrong') });
    await expect(loadLocalKms(misnamed, log, signal)).rejects.toMatchObject(invalid);
  });

  test.each([
    ['an empty Secret', {}],
    ['a current key that is not there', { current: Buffer.from('gone') }],
    ['a current key that names itself', { current: Buffer.from('current') }],
  ])('never makes a new key over %s: all that was sealed would be lost', async (_, data) => {
    const secret = memorySecret(data);
    await expect(loadLocalKms(secret, log, signal)).rejects.toMatchObject(invalid);
    expect(secret.data()).toBe(data);
  });

  test('stands in the configured order', async () => {
    const aws = { kms: 'aws' as const, keyIds: ['arn:aws:kms:eu-west-1:1:key/a'], region: 'eu-west-1' };
    const { kms, sealing } = await loadKms([aws, { kms: 'local' }], memorySecret(), log, signal);
    expect(kms.map((one) => one.kms)).toEqual(['aws', 'local']);
    expect(kms[0]?.keyIds()).toEqual(aws.keyIds);
    expect(sealing?.kid).toBe(kms[1]?.keyIds()[0]);
    expect((await loadKms([aws], memorySecret(), log, signal)).sealing).toBeUndefined();
  });
});

describe('in the cluster', () => {
  let server: MockApiServer;
  beforeEach(async () => {
    server = await startMockApiServer();
  });
  afterEach(async () => await server.close());

  test('S1: the private key goes into the Secret, and only the public one into the ConfigMap', async () => {
    const secret = namedSecret(server.api, {
      namespace: 'seks',
      name: 'seks-kms-local',
      component: 'keyservice',
    });
    const { sealing } = await loadLocalKms(secret, log, signal);
    const configMaps = createStore<ConfigMap>();
    const deps = { api: server.api, namespace: 'seks', configMaps, log };
    await publishSealingKey(deps, sealing, signal);
    expect(server.get(SECRETS, 'seks-kms-local', 'seks')).toMatchObject({ type: 'Opaque' });
    const published = server.get(CONFIG_MAPS, 'seks-sealing-key', 'seks');
    expect(published).toMatchObject({ data: { 'sealing.pem': sealing.pem, kid: sealing.kid } });
    expect(JSON.stringify(published)).not.toContain('PRIVATE');

    const writes = server.requests.length;
    configMaps.upsert(published as unknown as ConfigMap);
    await publishSealingKey(deps, sealing, signal);
    expect(server.requests).toHaveLength(writes);
  });

  test('two replicas that start together agree', async () => {
    const secret = () =>
      namedSecret(server.api, { namespace: 'seks', name: 'seks-kms-local', component: 'keyservice' });
    const both = await Promise.all([
      loadLocalKms(secret(), log, signal),
      loadLocalKms(secret(), log, signal),
    ]);
    expect(both[0].sealing.kid).toBe(both[1].sealing.kid);
  });
});
