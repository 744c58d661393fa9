// Test help: waiting for a condition.

/** waits until the expectation holds */
export async function eventually(expectation: () => void | Promise<void>, limitMs = 2_000): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    try {
      await expectation();
      return;
    } catch (cause) {
      if (performance.now() > deadlineMs) throw cause;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
