// Waiting for a condition in tests: looks again on every turn of the event loop's timers, fails loudly in the end.

/** resolves with the first value that is neither undefined nor false */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 4_000,
): Promise<Exclude<T, undefined | false>> {
  const startedAtMs = performance.now();
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() - startedAtMs > timeoutMs) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
