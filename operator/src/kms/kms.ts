// What the key service and the sealer need from a key management system.
import type { SealContext, Secret, WrappedDataKey } from '@seks/crds';

/** one KMS with the keys of it that are trusted; a key that is not listed is never used */
export interface Kms {
  readonly kms: WrappedDataKey['kms'];
  /** ids of the keys that {@link unwrap} accepts, the one that {@link wrap} uses first */
  keyIds(): readonly string[];
  /** makes a new data key for a context; throws SEKS_SEAL_WRAP_REFUSED or SEKS_KMS_UNAVAILABLE */
  wrap(
    ctx: SealContext,
    signal: AbortSignal,
  ): Promise<{ dataKey: Secret<'data-key'>; wrapped: WrappedDataKey }>;
  /** wraps a data key that another KMS made, so that either can unwrap the envelope */
  wrapExisting(dataKey: Secret<'data-key'>, ctx: SealContext, signal: AbortSignal): Promise<WrappedDataKey>;
  /** unwraps in the verified context; throws SEKS_SEAL_KMS_KEY_UNKNOWN, _UNWRAP_REFUSED or SEKS_KMS_UNAVAILABLE */
  unwrap(wrapped: WrappedDataKey, ctx: SealContext, signal: AbortSignal): Promise<Secret<'data-key'>>;
  /** resolves if every key can be used now; throws SEKS_CONFIG_INVALID or SEKS_KMS_UNAVAILABLE */
  check(signal: AbortSignal): Promise<void>;
}

export const DATA_KEY_BYTES = 32;
