// A timeout and a caller's signal as one signal. AbortSignal.any would do, but it keeps each call's signal reachable from
// a parent that lives as long as the process.

/**
 * runs `work` with a signal that aborts after `timeoutMs` or with `parent`
 *
 * `keep` lifts the timeout and leaves the parent's signal connected, for streams that outlive their opening.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal, keep: () => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onParent = (): void => controller.abort(parent?.reason);
  const timer = setTimeout(
    () => controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
    timeoutMs,
  );
  let kept = false;
  if (parent?.aborted === true) onParent();
  parent?.addEventListener('abort', onParent, { once: true });
  try {
    return await work(controller.signal, () => {
      kept = true;
      clearTimeout(timer);
    });
  } finally {
    clearTimeout(timer);
    if (!kept) parent?.removeEventListener('abort', onParent);
  }
}

/** waits, or returns early when the signal aborts; says which */
export async function sleep(durationMs: number, signal: AbortSignal): Promise<'slept' | 'aborted'> {
  if (signal.aborted) return 'aborted';
  return await new Promise((resolve) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      resolve('aborted');
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve('slept');
    }, durationMs);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
