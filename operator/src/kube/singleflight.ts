// The same work asked for twice at the same time is done once.

/** runs `work` unless the same key is under way, and then waits for that one */
export type Singleflight<T> = (key: string, work: () => Promise<T>) => Promise<T>;

/** joins calls with the same key; keeps nothing once they are over */
export function createSingleflight<T>(): Singleflight<T> {
  const flights = new Map<string, Promise<T>>();
  return async (key, work) => {
    const known = flights.get(key);
    if (known !== undefined) return await known;
    const flight = work().finally(() => flights.delete(key));
    flights.set(key, flight);
    return await flight;
  };
}
