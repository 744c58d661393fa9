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

/** waits until a number has begun to grow and has then stopped to */
export async function untilStill(read: () => number): Promise<void> {
  for (let before = -1, now = 0; now === 0 || before !== now;) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
    now = read();
  }
}
