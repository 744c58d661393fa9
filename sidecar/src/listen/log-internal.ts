// Errors that are nobody's answer but ours go to the log, where the operator finds them by the request's id.
import type { SeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { describeError } from '../safe-error.ts';

/** logs an internal error of one request; others are for metrics and audit */
export function logInternal(log: Logger, requestId: string, error: SeksError): void {
  if (error.code !== 'SEKS_INTERNAL') return;
  log.error(
    { event: 'request_failed', requestId, error: describeError(error.cause ?? error) },
    'request failed',
  );
}
