// The package's public face for `@seks/operator/kms`.
export { createAwsKms } from './aws.ts';
export type { AwsKmsOptions } from './aws.ts';
export type { Kms } from './kms.ts';
export { createLocalKms, generateLocalKeyPair, localKeyId, publicKeyPemOf } from './local.ts';
export type { LocalKmsOptions } from './local.ts';
