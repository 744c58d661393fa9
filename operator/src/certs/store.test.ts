import { describe, expect, test } from '@jest/globals';

import { memoryStore } from './memory-store.ts';
import { settle } from './store.ts';

const A = { value: Buffer.from('a') };
const B = { value: Buffer.from('b') };

describe('settle', () => {
  test('creates what is missing and returns what is stored', async () => {
    const store = memoryStore();
    const data = await settle(store, (stored) => Promise.resolve(stored === undefined ? A : undefined));
    expect(data).toEqual(A);
    expect(store.writes).toBe(1);
  });

  test('replaces until the step is content', async () => {
    const store = memoryStore();
    await store.create(A);
    const data = await settle(store, (stored) =>
      Promise.resolve(stored?.['value']?.toString() === 'a' ? B : undefined),
    );
    expect(data).toEqual(B);
  });

  test('reads again after a conflict and keeps what the winner wrote', async () => {
    const store = memoryStore();
    const raced = {
      ...store,
      create: async (data: Record<string, Buffer>) => {
        await store.create(B);
        await store.create(data);
      },
    };
    const data = await settle(raced, (stored) => Promise.resolve(stored === undefined ? A : undefined));
    expect(data).toEqual(B);
  });

  test('gives up when every write conflicts', async () => {
    const error = Object.assign(new Error('conflict'), { name: 'ConflictError' });
    const store = { ...memoryStore(), create: () => Promise.reject(error) };
    await expect(settle(store, () => Promise.resolve(A))).rejects.toBe(error);
  });

  test('passes on an error that is no conflict', async () => {
    const error = new Error('forbidden');
    const store = { ...memoryStore(), create: () => Promise.reject(error) };
    await expect(settle(store, () => Promise.resolve(A))).rejects.toBe(error);
  });
});
