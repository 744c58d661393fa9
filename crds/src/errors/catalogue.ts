// The error catalogue: one list drives HTTP answers, metric labels, condition reasons, events and docs/errors.md.
import { BINDING_ERRORS } from './binding.ts';
import { INJECTION_ERRORS } from './injection.ts';
import { INTERNAL_ERRORS } from './internal.ts';
import { LEASE_ERRORS } from './lease.ts';
import { REQUEST_ERRORS } from './request.ts';
import { SEALED_ERRORS } from './sealed.ts';
import { UPSTREAM_ERRORS } from './upstream.ts';

export const ERRORS = {
  ...REQUEST_ERRORS,
  ...BINDING_ERRORS,
  ...SEALED_ERRORS,
  ...LEASE_ERRORS,
  ...INJECTION_ERRORS,
  ...UPSTREAM_ERRORS,
  ...INTERNAL_ERRORS,
};

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** condition and event reason of a code: `SEKS_BINDING_SUSPENDED` is `BindingSuspended` */
export function reasonOf(code: ErrorCode): string {
  return code
    .slice('SEKS_'.length)
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
}
