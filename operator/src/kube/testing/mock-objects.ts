// What the mock of the API server keeps: collections of objects by the path of their URL, one version for all of them, and the
// history from which watches are served.

/** an object of whatever kind, as the mock keeps it */
export interface MockObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    labels?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface HistoryEntry {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: MockObject;
  previous: MockObject | undefined;
}

export type Watcher = (entry: HistoryEntry) => void;

export interface MockObjects {
  /** version of the latest change, in whatever collection */
  version(): number;
  list(path: string): MockObject[];
  get(path: string, name: string, namespace?: string): MockObject | undefined;
  /** adds or replaces; with the content that is there already nothing changes */
  put(path: string, object: MockObject): MockObject;
  remove(path: string, object: MockObject): MockObject;
  /** tells what has happened to a collection and what will; returns how to stop that */
  follow(path: string, watcher: Watcher): () => void;
  /** how many follow a collection */
  watchers(path: string): number;
  /** forgets the history */
  compact(): void;
  /** what happened before this version is forgotten */
  compactedAt(): number;
}

interface Collection {
  objects: Map<string, MockObject>;
  history: HistoryEntry[];
  watchers: Set<Watcher>;
}

export function createMockObjects(): MockObjects {
  const collections = new Map<string, Collection>();
  let version = 100;
  let compactedAt = 0;
  let uids = 0;

  function collectionAt(path: string): Collection {
    const known = collections.get(path);
    if (known !== undefined) return known;
    const made: Collection = { objects: new Map(), history: [], watchers: new Set() };
    collections.set(path, made);
    return made;
  }

  function get(path: string, name: string, namespace?: string): MockObject | undefined {
    return collectionAt(path).objects.get(keyOf(name, namespace));
  }

  function record(path: string, type: HistoryEntry['type'], object: MockObject): MockObject {
    const collection = collectionAt(path);
    version += 1;
    const stored: MockObject = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    };
    const key = keyOf(stored.metadata.name, stored.metadata.namespace);
    const previous = collection.objects.get(key);
    if (type === 'DELETED') collection.objects.delete(key);
    else collection.objects.set(key, stored);
    const entry = { version, type, object: stored, previous };
    collection.history.push(entry);
    for (const watcher of collection.watchers) watcher(entry);
    return stored;
  }

  return {
    version: () => version,
    list: (path) => [...collectionAt(path).objects.values()],
    get,
    put(path, object) {
      const known = get(path, object.metadata.name, object.metadata.namespace);
      uids += 1;
      const uid = object.metadata.uid ?? known?.metadata.uid ?? `uid-${uids}`;
      const specChanged =
        known === undefined || JSON.stringify(known['spec']) !== JSON.stringify(object['spec']);
      const generation = (known?.metadata.generation ?? 0) + (specChanged ? 1 : 0);
      const next = { ...object, metadata: { ...object.metadata, uid, generation } };
      if (known !== undefined && sameContent(known, next)) return known;
      return record(path, known === undefined ? 'ADDED' : 'MODIFIED', next);
    },
    remove: (path, object) => record(path, 'DELETED', object),
    follow(path, watcher) {
      const { history, watchers } = collectionAt(path);
      for (const entry of history) watcher(entry);
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    watchers: (path) => collectionAt(path).watchers.size,
    compact() {
      version += 1;
      compactedAt = version;
      for (const collection of collections.values()) collection.history = [];
    },
    compactedAt: () => compactedAt,
  };
}

function keyOf(name: string, namespace = ''): string {
  return `${namespace}/${name}`;
}

function sameContent(a: MockObject, b: MockObject): boolean {
  const plain = (object: MockObject): string =>
    JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: '', generation: 0 } });
  return plain(a) === plain(b);
}
