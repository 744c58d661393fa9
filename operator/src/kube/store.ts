// The in-memory copy of one collection, kept current by a reflector. Readers never do I/O.
import type { KubeObject } from './objects.ts';

/** one change of a store; `previous` and `current` are both there for an update */
export interface StoreChange<T> {
  namespace: string | undefined;
  name: string;
  /** undefined: the object is new */
  previous: T | undefined;
  /** undefined: the object was deleted */
  current: T | undefined;
}

/** what readers see of a collection */
export interface Store<T> {
  /** `namespace` is undefined for cluster-scoped objects */
  get(namespace: string | undefined, name: string): T | undefined;
  getByUid(uid: string): T | undefined;
  /** all objects, or those of one namespace */
  list(namespace?: string): readonly T[];
  /** whether the first list is complete; reading before that would mistake unknown for absent */
  synced(): boolean;
  /** calls back on each change, in order, at once; returns the unsubscribe function */
  subscribe(callback: (change: StoreChange<T>) => void): () => void;
}

/** the writer's side of a store: the reflector's */
export interface WritableStore<T> extends Store<T> {
  upsert(object: T): void;
  remove(object: T): void;
  /** deletes whatever is not in `present`; returns how many that were */
  retainOnly(present: ReadonlySet<string>): number;
  markSynced(): void;
  size(): number;
}

/** key of an object within its collection */
export function storeKey(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** store key of an object as it stands */
export function keyOf(object: KubeObject): string {
  return storeKey(object.metadata?.namespace, object.metadata?.name ?? '');
}

/**
 * an empty store
 *
 * @param onCallbackError told when a subscriber throws; the others and the store itself carry on
 */
export function createStore<T extends KubeObject>(
  onCallbackError?: (error: unknown) => void,
): WritableStore<T> {
  const namespaces = new Map<string | undefined, Map<string, T>>();
  const byUid = new Map<string, T>();
  const subscribers = new Set<(change: StoreChange<T>) => void>();
  let isSynced = false;
  let count = 0;

  function notify(change: StoreChange<T>): void {
    for (const subscriber of subscribers) {
      try {
        subscriber(change);
      } catch (error) {
        onCallbackError?.(error);
      }
    }
  }

  function drop(namespace: string | undefined, name: string): void {
    const objects = namespaces.get(namespace);
    const previous = objects?.get(name);
    if (objects === undefined || previous === undefined) return;
    objects.delete(name);
    if (objects.size === 0) namespaces.delete(namespace);
    const uid = previous.metadata?.uid;
    if (uid !== undefined && byUid.get(uid) === previous) byUid.delete(uid);
    count -= 1;
    notify({ namespace, name, previous, current: undefined });
  }

  return {
    get: (namespace, name) => namespaces.get(namespace)?.get(name),
    getByUid: (uid) => byUid.get(uid),
    list: (namespace) =>
      namespace === undefined
        ? [...namespaces.values()].flatMap((objects) => [...objects.values()])
        : [...(namespaces.get(namespace)?.values() ?? [])],
    synced: () => isSynced,
    subscribe(callback) {
      subscribers.add(callback);
      return () => void subscribers.delete(callback);
    },
    upsert(object) {
      const namespace = object.metadata?.namespace;
      const name = object.metadata?.name ?? '';
      const uid = object.metadata?.uid;
      const known = namespaces.get(namespace)?.get(name);
      // Deleted and made again while nobody watched: two objects, so readers must see the end of the first.
      if (known !== undefined && known.metadata?.uid !== uid) drop(namespace, name);
      const objects = namespaces.get(namespace) ?? new Map<string, T>();
      namespaces.set(namespace, objects);
      const previous = objects.get(name);
      objects.set(name, object);
      if (uid !== undefined) byUid.set(uid, object);
      if (previous === undefined) count += 1;
      const sameVersion = previous?.metadata?.resourceVersion === object.metadata?.resourceVersion;
      if (previous !== undefined && sameVersion) return;
      notify({ namespace, name, previous, current: object });
    },
    remove: (object) => drop(object.metadata?.namespace, object.metadata?.name ?? ''),
    retainOnly(present) {
      const gone: [string | undefined, string][] = [];
      for (const [namespace, objects] of namespaces) {
        for (const name of objects.keys()) {
          if (!present.has(storeKey(namespace, name))) gone.push([namespace, name]);
        }
      }
      for (const [namespace, name] of gone) drop(namespace, name);
      return gone.length;
    },
    markSynced: () => void (isSynced = true),
    size: () => count,
  };
}
