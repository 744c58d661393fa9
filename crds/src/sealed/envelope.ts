// The `seks.v1` envelope as data: a flattened JWE JSON object (RFC 7516 §7.2.2) on one line.
// Its header part travels to the key service; the ciphertext part never leaves the sidecar.
import * as z from 'zod';

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/, 'must be base64url without padding');

/** what an envelope is bound to; recomputed by whoever opens it, never believed */
export const sealContext = z.strictObject({
  /** `strict` binds to one key of one Secret, `namespace` to any Secret of the namespace */
  scope: z.enum(['strict', 'namespace']),
  namespace: z.string().min(1).max(63),
  /** Secret name and key; absent in scope `namespace` */
  secret: z.string().min(1).max(253).optional(),
  key: z.string().min(1).max(253).optional(),
  provider: z.string().min(1).max(63),
});

/** the same data key, wrapped by one KMS key */
export const wrappedDataKey = z.strictObject({
  kms: z.enum(['aws', 'local']),
  /** key id: an ARN for `aws`, a thumbprint for `local` */
  kid: z
    .string()
    .max(2048)
    // Ids end up on terminals and in logs: no control characters, nothing that JSON escapes.
    .regex(/^[A-Za-z0-9:/_.,@+=-]+$/),
  /** encrypted data key */
  edk: base64url.min(1).max(8192),
});

/** the part of an envelope that the key service gets: no ciphertext */
export const envelopeHeader = z.strictObject({
  /** JWE protected header, base64url of JSON, exactly as it stands in the envelope */
  protected: base64url.min(1).max(8192),
  /** wrappings of the data key, 1 to 4 */
  edks: z.array(wrappedDataKey).min(1).max(4),
});

export type SealContext = z.infer<typeof sealContext>;
export type WrappedDataKey = z.infer<typeof wrappedDataKey>;
export type EnvelopeHeader = z.infer<typeof envelopeHeader>;
