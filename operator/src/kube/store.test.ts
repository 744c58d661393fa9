import { describe, expect, test } from '@jest/globals';

import type { ConfigMap } from './objects.ts';
import { createStore, storeKey } from './store.ts';
import type { StoreChange } from './store.ts';

function object(name: string, version: string, uid = `uid-of-${name}`, namespace?: string): ConfigMap {
  const place = namespace === undefined ? {} : { namespace };
  return { metadata: { name, uid, resourceVersion: version, ...place }, data: { version } };
}

function setUp() {
  const errors: unknown[] = [];
  const store = createStore<ConfigMap>((error) => errors.push(error));
  const changes: string[] = [];
  const describeOne = ({ name, previous, current }: StoreChange<ConfigMap>): string =>
    `${name}: ${previous?.data?.['version'] ?? '-'} -> ${current?.data?.['version'] ?? '-'}`;
  const stop = store.subscribe((change) => changes.push(describeOne(change)));
  return { store, changes, errors, stop };
}

describe('changes', () => {
  test('tell the object before and after', () => {
    const { store, changes } = setUp();
    store.upsert(object('a', '1'));
    store.upsert(object('a', '2'));
    store.remove(object('a', '3'));
    expect(changes).toEqual(['a: - -> 1', 'a: 1 -> 2', 'a: 2 -> -']);
  });

  test('are none for the same version, or for removing what is not there', () => {
    const { store, changes } = setUp();
    store.upsert(object('a', '1'));
    store.upsert(object('a', '1'));
    store.remove(object('b', '1'));
    expect(changes).toEqual(['a: - -> 1']);
  });

  test('show an object that was replaced by a namesake as two objects', () => {
    const { store, changes } = setUp();
    store.upsert(object('a', '1', 'first'));
    store.upsert(object('a', '2', 'second'));
    expect(changes).toEqual(['a: - -> 1', 'a: 1 -> -', 'a: - -> 2']);
    expect(store.getByUid('first')).toBeUndefined();
    expect(store.getByUid('second')?.data).toEqual({ version: '2' });
    expect(store.size()).toBe(1);
  });

  test('reach everybody, also when one subscriber throws, and nobody who left', () => {
    const { store, changes, errors, stop } = setUp();
    store.subscribe(() => {
      throw new Error('broken');
    });
    const late: string[] = [];
    store.subscribe(({ name }) => late.push(name));
    store.upsert(object('a', '1'));
    stop();
    store.upsert(object('b', '1'));
    expect(changes).toEqual(['a: - -> 1']);
    expect(late).toEqual(['a', 'b']);
    expect(errors).toHaveLength(2);
  });
});

describe('reading', () => {
  test('by name, uid and namespace', () => {
    const { store } = setUp();
    store.upsert(object('a', '1', 'u1', 'one'));
    store.upsert(object('a', '2', 'u2', 'two'));
    store.upsert(object('b', '3', 'u3', 'two'));
    store.upsert(object('a', '4', 'u4'));
    expect(store.get('two', 'a')?.metadata.uid).toBe('u2');
    expect(store.get(undefined, 'a')?.metadata.uid).toBe('u4');
    expect(store.get('three', 'a')).toBeUndefined();
    expect(store.getByUid('u3')?.metadata.name).toBe('b');
    expect(store.list('two').map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(store.list()).toHaveLength(4);
    expect(store.list('three')).toEqual([]);
  });

  test('keeps only what is present, and says how many were not', () => {
    const { store, changes } = setUp();
    for (const name of ['a', 'b', 'c']) store.upsert(object(name, '1', name, 'ns'));
    changes.length = 0;
    expect(store.retainOnly(new Set([storeKey('ns', 'b')]))).toBe(2);
    expect(changes).toEqual(['a: 1 -> -', 'c: 1 -> -']);
    expect(store.size()).toBe(1);
  });

  test('is not synced until told so', () => {
    const { store } = setUp();
    expect(store.synced()).toBe(false);
    store.markSynced();
    expect(store.synced()).toBe(true);
  });
});
