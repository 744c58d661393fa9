// Errors of what the SeksBinding says.
import { errorsOf } from './error-spec.ts';

export const BINDING_ERRORS = errorsOf('binding', {
  SEKS_BINDING_SUSPENDED: {
    status: 403,
    retry: false,
    summary: 'The SeksBinding is suspended.',
    hint: 'Set spec.suspend to false when the agent may work again.',
  },
  SEKS_BINDING_EXPIRED: {
    status: 403,
    retry: false,
    summary: 'The SeksBinding has expired.',
    hint: 'Set spec.expiresAt to a later time.',
  },
  SEKS_BINDING_DELETED: {
    status: 403,
    retry: false,
    summary: 'The SeksBinding no longer exists.',
    hint: 'Create the SeksBinding again and restart the pod.',
  },
  SEKS_BINDING_NOT_SELECTING: {
    status: 403,
    retry: false,
    summary: 'The SeksBinding no longer selects this pod.',
    hint: 'Compare spec.podSelector and spec.serviceAccountName with the pod.',
  },
  SEKS_CREDENTIAL_REMOVED: {
    status: 403,
    retry: false,
    summary: 'The SeksBinding no longer has this credential for this container, provider or source.',
    hint: 'Restart the pod so that it is injected with the current binding.',
  },
  SEKS_PROVIDER_UNKNOWN: {
    status: 403,
    retry: false,
    summary: 'The provider is neither built in nor a SeksProvider.',
    hint: 'Correct spec.credentials[].provider, or apply a SeksProvider of that name.',
  },
  SEKS_LIMIT_UNENFORCEABLE: {
    status: 409,
    retry: false,
    summary: 'The provider gives no means to keep a limit of the binding.',
    hint: 'Remove the limit, or add usage, prices or modelFrom to the SeksProvider.',
  },
  SEKS_PARAMETER_INVALID: {
    status: 409,
    retry: false,
    summary: "The binding does not give the provider's parameters as they are needed.",
    hint: 'Correct parameters of the credential in the SeksBinding.',
  },
  SEKS_PROVIDER_INVALID: {
    status: 403,
    retry: false,
    summary: 'The SeksProvider has a field that this version cannot use.',
    hint: 'Read the message for the field and correct the SeksProvider.',
  },
});
