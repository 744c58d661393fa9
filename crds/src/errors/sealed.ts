// Errors of the sealed Secret.
import { errorsOf } from './error-spec.ts';

export const SEALED_ERRORS = errorsOf('sealed', {
  SEKS_SECRET_MISSING: {
    status: 503,
    retry: true,
    summary: 'No source of the credential has a Secret with the named key.',
    hint: 'Create the sealed Secret in the namespace of the pod; running pods pick it up.',
  },
  SEKS_SECRET_NOT_SEALED: {
    status: 503,
    retry: true,
    summary: 'The Secret value is not a seks.v1 envelope.',
    hint: 'Seal the key with kubectl seks seal and rotate the plain one: it has been readable.',
  },
  SEKS_SEAL_MALFORMED: {
    status: 503,
    retry: true,
    summary: 'The envelope is truncated or its header is not what seks.v1 says.',
    hint: 'Seal the key again; check that the Secret was not edited or cut.',
  },
  SEKS_SEAL_VERSION_UNKNOWN: {
    status: 503,
    retry: true,
    summary: 'The envelope has a type or critical parameter that this version does not know.',
    hint: 'Update SEKS, or seal the key again with the version that runs in the cluster.',
  },
  SEKS_SEAL_WRONG_NAMESPACE: {
    status: 503,
    retry: true,
    summary: 'The envelope was sealed for another namespace.',
    hint: 'Seal the key again with the namespace of this Secret.',
  },
  SEKS_SEAL_WRONG_SECRET: {
    status: 503,
    retry: true,
    summary: 'The envelope was sealed for a Secret of another name.',
    hint: 'Seal the key again with this Secret name, or use scope namespace.',
  },
  SEKS_SEAL_WRONG_KEY: {
    status: 503,
    retry: true,
    summary: 'The envelope was sealed for another key of the Secret.',
    hint: 'Seal the key again with this key name, or use scope namespace.',
  },
  SEKS_SEAL_WRONG_PROVIDER: {
    status: 503,
    retry: true,
    summary: 'The envelope was sealed for another provider.',
    hint: 'Point the credential at the right Secret; a key is sealed for one provider only.',
  },
  SEKS_SEAL_KMS_KEY_UNKNOWN: {
    status: 503,
    retry: true,
    summary: 'No KMS key that wrapped this envelope is configured in the key service.',
    hint: 'Seal with a KMS key of this cluster, or add the key id to the chart value kms.',
  },
  SEKS_SEAL_UNWRAP_REFUSED: {
    status: 503,
    retry: true,
    summary: 'The KMS refused to unwrap the data key in this context.',
    hint: 'Seal the key again; if that fails, check the KMS key policy.',
  },
  SEKS_SEAL_COMMITMENT_MISMATCH: {
    status: 503,
    retry: true,
    summary: 'The data key is not the one that the envelope commits to.',
    hint: 'Seal the key again; the wrapped data keys of this envelope were exchanged.',
  },
  SEKS_SEAL_CORRUPT: {
    status: 503,
    retry: true,
    summary: 'The ciphertext does not match its authentication tag.',
    hint: 'Seal the key again; the envelope was changed after sealing.',
  },
  SEKS_SEAL_WRAP_REFUSED: {
    status: 403,
    retry: false,
    summary: 'The KMS refused to make or wrap a data key in this context.',
    hint: 'Check that the key exists, is enabled and that you may call kms:GenerateDataKey and kms:Encrypt.',
  },
});
