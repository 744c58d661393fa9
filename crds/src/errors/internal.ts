// Errors of our own processes.
import { errorsOf } from './error-spec.ts';

export const INTERNAL_ERRORS = errorsOf('internal', {
  SEKS_SHUTTING_DOWN: {
    status: 503,
    retry: true,
    summary: 'The sidecar is shutting down.',
    hint: 'Nothing to do; the pod is ending.',
  },
  SEKS_CONFIG_INVALID: {
    status: 500,
    retry: false,
    summary: 'The configuration of the process is not valid.',
    hint: 'Read the message for the setting and correct it.',
  },
  SEKS_INTERNAL: {
    status: 500,
    retry: false,
    summary: 'An unexpected error happened; nothing was forwarded.',
    hint: 'Look for the request id in the log of the component and report it.',
  },
});
