import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, jest, test } from '@jest/globals';

import { agentPod, created, injected, planRequest, NAMESPACE } from '../injection/fixtures.ts';
import { formatKeySet, parseKeySet, planInjection, verifyInjection } from '../injection/index.ts';
import { createInjectionSigner } from './injection-signer.ts';
import type { ManagedInjectionSigner } from './injection-signer.ts';
import { memoryStore } from './memory-store.ts';
import type { MemoryStore } from './memory-store.ts';

const silent = { info: () => undefined, error: () => undefined };

function signer(store: MemoryStore): ManagedInjectionSigner {
  return createInjectionSigner({ store, log: silent });
}

async function started(store = memoryStore()): Promise<ManagedInjectionSigner> {
  const one = signer(store);
  await one.refresh();
  return one;
}

/** a further key in the Secret, which does not sign yet; its id */
async function addKey(store: MemoryStore): Promise<string> {
  const other = memoryStore();
  const id = (await started(other)).keyId();
  Object.assign(store.data ?? {}, { [`${id}.pem`]: other.data?.[`${id}.pem`] });
  return id;
}

describe('injection signer', () => {
  test('two replicas that start at once share one key', async () => {
    const store = memoryStore();
    const replicas = [signer(store), signer(store)];
    await Promise.all(replicas.map((one) => one.refresh()));
    expect(store.writes).toBe(1);
    expect(replicas[0]?.keyId()).toBe(replicas[1]?.keyId());
  });

  test('a pod that one replica sealed is its own for the other, and verifies with the published keys', async () => {
    const store = memoryStore();
    const [one, two] = [await started(store), await started(store)];
    const { pod } = injected(planRequest({ signer: one, pod: agentPod() }));
    expect(planInjection(planRequest({ signer: two, pod })).kind).toBe('untouched');
    const keys = parseKeySet(formatKeySet(two.publicKeys()));
    expect(verifyInjection({ pod: created(pod), namespace: NAMESPACE, keys, apiAudiences: [] }).ok).toBe(
      true,
    );
  });

  test('S1: publishes no private key', async () => {
    const info = jest.fn();
    const store = memoryStore();
    const one = createInjectionSigner({ store, log: { info, error: info } });
    await one.refresh();
    expect(Object.keys(one.publicKeys()[0] ?? {}).sort()).toEqual(['crv', 'kid', 'kty', 'x']);
    const body = store.data?.[`${one.keyId()}.pem`]?.toString().split('\n')[1] ?? 'no key';
    expect(JSON.stringify([one.publicKeys(), info.mock.calls])).not.toContain(body);
  });

  test('key ids are RFC 7638 thumbprints', async () => {
    const one = await started();
    expect(one.keyId()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(one.publicKeys()[0]?.['kid']).toBe(one.keyId());
  });

  test('a rotation: a new key is published first, signs later, and old seals stay valid', async () => {
    const store = memoryStore();
    const one = await started(store);
    const changed = jest.fn();
    one.onChange(changed);
    const oldId = one.keyId();
    const { pod } = injected(planRequest({ signer: one }));
    const newId = await addKey(store);
    await one.refresh();
    expect(changed).toHaveBeenCalledTimes(1);
    expect(one.keyId()).toBe(oldId);
    expect(one.publicKeys()).toHaveLength(2);
    Object.assign(store.data ?? {}, { current: Buffer.from(`${newId}\n`) });
    await one.refresh();
    expect(changed).toHaveBeenCalledTimes(1);
    expect(one.keyId()).toBe(newId);
    const keys = one.publicKeys();
    expect(verifyInjection({ pod: created(pod), namespace: NAMESPACE, keys, apiAudiences: [] }).ok).toBe(
      true,
    );
    const next = injected(planRequest({ signer: one })).pod;
    expect(verifyInjection({ pod: created(next), namespace: NAMESPACE, keys, apiAudiences: [] }).ok).toBe(
      true,
    );
  });

  test('a listener that unsubscribed hears nothing', async () => {
    const store = memoryStore();
    const one = await started(store);
    const changed = jest.fn();
    one.onChange(changed)();
    await addKey(store);
    await one.refresh();
    expect(changed).not.toHaveBeenCalled();
  });

  test('S7: before the key was read it signs nothing', () => {
    const one = signer(memoryStore());
    expect(() => one.keyId()).toThrow(expect.objectContaining({ code: 'SEKS_INJECT_NOT_READY' }));
    expect(() => one.sign(Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'SEKS_INJECT_NOT_READY' }),
    );
    expect(() => one.publicKeys()).toThrow(expect.objectContaining({ code: 'SEKS_INJECT_NOT_READY' }));
  });

  const rsa = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
  test.each<[string, Record<string, Buffer>, string]>([
    ['nothing', {}, 'current names no key'],
    ['a name without key', { current: Buffer.from('k') }, 'current names no key'],
    ['no PEM', { current: Buffer.from('k'), 'k.pem': Buffer.from('canary') }, 'k.pem is not an Ed25519'],
    [
      'another kind of key',
      { current: Buffer.from('k'), 'k.pem': Buffer.from(rsa) },
      'k.pem is not an Ed25519',
    ],
  ])('S7: a Secret with %s is refused, not replaced', async (_, data, problem) => {
    const store = memoryStore();
    store.data = data;
    const reading = signer(store).refresh();
    await expect(reading).rejects.toMatchObject({ code: 'SEKS_CONFIG_INVALID' });
    await expect(reading).rejects.toThrow(problem);
    await expect(reading).rejects.not.toThrow('canary');
    expect(store.writes).toBe(0);
  });

  test('start follows the Secret until the signal aborts', async () => {
    const store = memoryStore();
    const stop = new AbortController();
    const one = createInjectionSigner({ store, log: silent, pollMs: 1 });
    await one.start(stop.signal);
    const changed = new Promise<void>((resolve) => {
      one.onChange(resolve);
    });
    await addKey(store);
    await changed;
    expect(one.publicKeys()).toHaveLength(2);
    stop.abort();
  });
});
