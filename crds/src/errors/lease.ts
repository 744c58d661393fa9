// Errors between sidecar and key service.
import { errorsOf } from './error-spec.ts';

export const LEASE_ERRORS = errorsOf('lease', {
  SEKS_LEASE_TOKEN_INVALID: {
    status: 401,
    retry: true,
    summary: 'The key service does not accept the pod token.',
    hint: 'Check that the pod still exists and that the token has the audience seks-keyservice.',
  },
  SEKS_LEASE_POD_UNKNOWN: {
    status: 403,
    retry: true,
    summary: 'The key service does not know the pod.',
    hint: 'Check that the pod is alive, has the label seks.ai/injected and that its namespace is opted in.',
  },
  SEKS_LEASE_POD_TERMINATING: {
    status: 403,
    retry: false,
    summary: 'The pod is being deleted.',
    hint: 'Nothing to do; the pod that replaces it gets its own lease.',
  },
  SEKS_LEASE_POD_NOT_SEALED: {
    status: 403,
    retry: false,
    summary: 'The pod is not as the webhook injected it.',
    hint: 'Delete the pod and let the webhook inject it; read the message for the field that differs.',
  },
  SEKS_LEASE_REQUEST_INVALID: {
    status: 400,
    retry: false,
    summary: 'The lease request does not follow the protocol.',
    hint: 'Use the sidecar image of the same release as the key service.',
  },
  SEKS_LEASE_ID_INVALID: {
    status: 403,
    retry: true,
    summary: 'The lease id is forged, expired or of another pod.',
    hint: 'Ask for a new lease.',
  },
  SEKS_LEASE_RATE_LIMITED: {
    status: 429,
    retry: true,
    summary: 'The pod asks for leases too often.',
    hint: 'Wait; a pod that restarts in a loop runs into this.',
  },
  SEKS_LEASE_FEATURE_MISSING: {
    status: 503,
    retry: false,
    summary: 'The policy needs a feature that this sidecar does not have.',
    hint: 'Restart the pod so that it gets the current sidecar image.',
  },
  SEKS_LEASE_EXPIRED: {
    status: 503,
    retry: true,
    summary: 'The lease ran out and the key service could not be reached for a new one.',
    hint: 'Check the seks-keyservice pods and the network between them and this pod.',
  },
  SEKS_KEYSERVICE_UNREACHABLE: {
    status: 503,
    retry: true,
    summary: 'The key service cannot be reached.',
    hint: 'Check the seks-keyservice pods, its Service, DNS and network policies.',
  },
  SEKS_KEYSERVICE_NOT_READY: {
    status: 503,
    retry: true,
    summary: 'The key service has not read the cluster state yet.',
    hint: 'Wait for seks-keyservice to become ready; read its log if it does not.',
  },
  SEKS_KMS_UNAVAILABLE: {
    status: 503,
    retry: true,
    summary: 'The KMS cannot be reached or throttles.',
    hint: 'Check the KMS endpoint, its credentials and its quota.',
  },
});
