// Counts connections of every kind together, so that no mix of ports and protocols can use up the container's memory.
import type { Duplex } from 'node:stream';

/** the connections that are open */
export interface ConnectionCount {
  /** counts a connection until it closes; false if there are too many, then it must not be served */
  enter(connection: Duplex): boolean;
  readonly open: number;
  /** resolves when no connection is open */
  empty(): Promise<void>;
  /** breaks all of them off */
  destroyAll(): void;
}

/** counts up to a limit */
export function createConnectionCount(limit: number): ConnectionCount {
  const open = new Set<Duplex>();
  const waiting: (() => void)[] = [];
  return {
    enter(connection) {
      if (open.size >= limit) return false;
      open.add(connection);
      connection.once('close', () => {
        open.delete(connection);
        if (open.size === 0) for (const resolve of waiting.splice(0)) resolve();
      });
      return true;
    },
    get open() {
      return open.size;
    },
    empty: () =>
      new Promise((resolve) => {
        if (open.size === 0) resolve();
        else waiting.push(resolve);
      }),
    destroyAll() {
      for (const connection of open) connection.destroy();
    },
  };
}
