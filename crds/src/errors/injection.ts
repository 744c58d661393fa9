// Errors of the admission of pods.
import { errorsOf } from './error-spec.ts';

export const INJECTION_ERRORS = errorsOf('injection', {
  SEKS_INJECT_NO_BINDING: {
    status: 403,
    retry: true,
    summary: 'The pod asks for injection but no SeksBinding selects it.',
    hint: 'Apply a SeksBinding that selects the pod; its controller will try again by itself.',
  },
  SEKS_INJECT_SIDECAR_EXISTS: {
    status: 403,
    retry: false,
    summary: 'The pod already has a container named seks-proxy that this webhook did not make.',
    hint: 'Remove or rename that container.',
  },
  SEKS_INJECT_RESERVED_NAME: {
    status: 403,
    retry: false,
    summary: 'The pod uses a name that is reserved for the sidecar.',
    hint: 'Rename the volume, label or annotation that the message names.',
  },
  SEKS_INJECT_SEAL_STALE: {
    status: 403,
    retry: false,
    summary: 'The pod carries an injection seal that is too old, altered or of another pod.',
    hint: 'Remove the seks-proxy container, its volumes and the annotation seks.ai/injection-seal.',
  },
  SEKS_INJECT_ENV_CONFLICT: {
    status: 403,
    retry: false,
    summary: 'Two credentials claim the same environment variable in one container.',
    hint: 'Give one of them other names in spec.credentials[].env, or limit it with containers.',
  },
  SEKS_INJECT_ENV_VALUE_FROM: {
    status: 403,
    retry: false,
    summary: 'The container takes a variable that a binding sets from somewhere else.',
    hint: 'Remove the valueFrom entry that the message names; the binding sets the variable.',
  },
  SEKS_INJECT_SECRET_EXPOSED: {
    status: 403,
    retry: false,
    summary: 'A container other than the sidecar mounts or references a Secret of the binding.',
    hint: 'Remove the volume, env or envFrom reference that the message names.',
  },
  SEKS_INJECT_TOKEN_EXPOSED: {
    status: 403,
    retry: false,
    summary: 'A container other than the sidecar mounts a token with an audience of SEKS.',
    hint: 'Remove the projected token volume that the message names.',
  },
  SEKS_INJECT_ISOLATION: {
    status: 403,
    retry: false,
    summary: 'The pod shares a namespace, a user id or the host in a way that would expose the sidecar.',
    hint: 'Remove the field that the message names.',
  },
  SEKS_INJECT_INTERCEPT_CONFLICT: {
    status: 403,
    retry: false,
    summary: 'The pod has settings of its own where hosts are to be pointed to the sidecar.',
    hint: 'Remove the host alias or sysctl, or choose another intercept mode in the SeksBinding.',
  },
  SEKS_INJECT_NOT_READY: {
    status: 503,
    retry: true,
    summary: 'The webhook has not read the cluster state yet.',
    hint: 'Wait for seks-operator to become ready; the pod is tried again by its controller.',
  },
});
