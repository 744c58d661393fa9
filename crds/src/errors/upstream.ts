// Errors on the provider's side.
import { errorsOf } from './error-spec.ts';

export const UPSTREAM_ERRORS = errorsOf('upstream', {
  SEKS_UPSTREAM_UNREACHABLE: {
    status: 502,
    retry: true,
    summary: 'The provider cannot be reached.',
    hint: 'Check DNS and egress from the pod to the provider.',
  },
  SEKS_UPSTREAM_TLS: {
    status: 502,
    retry: false,
    summary: 'The provider presents a certificate that is not trusted for its name.',
    hint: 'Check for a proxy in between; set caBundle in the SeksProvider for a private CA.',
  },
  SEKS_UPSTREAM_ADDRESS_REFUSED: {
    status: 502,
    retry: false,
    summary: 'The provider name resolves to an address that may not be called.',
    hint: 'Check DNS; for a private provider set network: Private in the SeksProvider.',
  },
  SEKS_UPSTREAM_TIMEOUT: {
    status: 504,
    retry: true,
    summary: 'The provider was silent for too long.',
    hint: 'Try again, or use streaming for long answers.',
  },
  SEKS_UPSTREAM_ENCODING: {
    status: 502,
    retry: false,
    summary:
      'The provider answered in a compressed form although none was asked for, so it could not be scrubbed.',
    hint: 'Report the provider and path; identity encoding is required.',
  },
  SEKS_UPSTREAM_BREAKER_OPEN: {
    status: 503,
    retry: true,
    summary: 'The provider has refused the key several times, so requests are held back for a while.',
    hint: 'Check whether the key was revoked at the provider, and seal a new one.',
  },
  SEKS_UPSTREAM_KEY_REFUSED: {
    status: 401,
    retry: false,
    summary: 'The provider refused the key.',
    hint: 'Check whether the key was revoked at the provider, and seal a new one.',
  },
  SEKS_UPSTREAM_ANSWER_TOO_LARGE: {
    status: 502,
    retry: false,
    summary: 'The answer is too large to be read whole, as errors and URLs to rewrite need it.',
    hint: 'Ask for less at once, e.g. a smaller page.',
  },
  SEKS_UPSTREAM_ANSWER_POOL_FULL: {
    status: 502,
    // The provider has carried the request out.
    retry: false,
    summary:
      'Too many answers that have to be read whole, as errors and URLs to rewrite need it, are held at the same time.',
    hint: 'Read answers as they come, and ask for fewer at once.',
  },
});
