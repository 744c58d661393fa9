// Test help: waiting for a condition.

/** waits until it is true; throws with what `describe` says after `limitMs` */
export async function until(
  condition: () => boolean | Promise<boolean>,
  describe: () => string = () => '',
  limitMs = 5_000,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen in ${limitMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** waits until a count has begun to grow and stands still; resolves with what it stands at */
export async function standstill(count: () => number): Promise<number> {
  for (let before = 0; ;) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = count();
    if (now > 0 && now === before) return now;
    before = now;
  }
}
