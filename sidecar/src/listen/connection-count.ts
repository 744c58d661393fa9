// Counts connections of every kind together, and what waits on them, so that no mix of ports and protocols can use up the
// container's memory.
import type { Duplex } from 'node:stream';

/** the connections that are open, and the places that they take */
export interface ConnectionCount {
  /** takes a place until the connection closes, one more with each call; false if there are too many, then it must not be served */
  enter(connection: Duplex): boolean;
  /** gives one of its places back early */
  leave(connection: Duplex): void;
  /** resolves when no connection is open */
  empty(): Promise<void>;
  /** breaks all of them off */
  destroyAll(): void;
}

/** counts up to a limit */
export function createConnectionCount(limit: number): ConnectionCount {
  /** places by connection */
  const open = new Map<Duplex, number>();
  let taken = 0;
  const waiting: (() => void)[] = [];
  const change = (connection: Duplex, by: number): void => {
    taken += by;
    open.set(connection, (open.get(connection) ?? 0) + by);
  };
  return {
    enter(connection) {
      if (taken >= limit) return false;
      if (!open.has(connection)) {
        connection.once('close', () => {
          taken -= open.get(connection) ?? 0;
          open.delete(connection);
          if (open.size === 0) for (const resolve of waiting.splice(0)) resolve();
        });
      }
      change(connection, 1);
      return true;
    },
    leave(connection) {
      // After the close nothing is left to give back.
      if (open.has(connection)) change(connection, -1);
    },
    empty: () =>
      new Promise((resolve) => {
        if (open.size === 0) resolve();
        else waiting.push(resolve);
      }),
    destroyAll() {
      for (const connection of open.keys()) connection.destroy();
    },
  };
}
