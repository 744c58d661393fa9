// Start-up steps that need the API server or the KMS: tried until they work, because a restart would not work better.
import { SeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { createBackoff } from './backoff.ts';
import { sleep } from './deadline.ts';

/**
 * repeats `work` until it resolves; resolves to undefined if the signal aborts first
 *
 * @throws SeksError SEKS_CONFIG_INVALID at once: waiting does not mend a configuration
 */
export async function untilItWorks<T>(
  what: string,
  work: () => Promise<T>,
  deps: { random: () => number; log: Logger; signal: AbortSignal },
): Promise<T | undefined> {
  const backoff = createBackoff({ minMs: 500, maxMs: 15_000 }, deps.random);
  while (!deps.signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SeksError && error.code === 'SEKS_CONFIG_INVALID') throw error;
      if (deps.signal.aborted) break;
      deps.log.warn(
        { event: 'start_step_failed', step: what, err: error },
        'a start step failed, trying again',
      );
    }
    await sleep(backoff.next(), deps.signal);
  }
  return undefined;
}
