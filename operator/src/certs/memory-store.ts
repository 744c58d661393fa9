// For tests: a Secret in memory that behaves like the API server's, conflicts included.
import type { CaStore } from './store.ts';

export interface MemoryStore extends CaStore {
  /** what is stored, to look at or to change behind the back of its readers */
  data: Record<string, Buffer> | undefined;
  writes: number;
}

/** an empty Secret; every call takes effect after a turn of the event loop, so that callers interleave */
export function memoryStore(): MemoryStore {
  const store: MemoryStore = {
    data: undefined,
    writes: 0,
    async read() {
      await turn();
      if (store.data === undefined) return undefined;
      return { data: { ...store.data }, resourceVersion: String(store.writes) };
    },
    async create(data) {
      await turn();
      if (store.data !== undefined) throw conflict();
      write(data);
    },
    async replace(data, resourceVersion) {
      await turn();
      if (store.data === undefined || resourceVersion !== String(store.writes)) throw conflict();
      write(data);
    },
  };

  function write(data: Record<string, Buffer>): void {
    store.data = { ...data };
    store.writes += 1;
  }

  return store;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function conflict(): Error {
  return Object.assign(new Error('the object has been modified'), { name: 'ConflictError' });
}
