// The package's public face: what operator, sidecar and cli share.
export * from './catalogue.ts';
export * from './errors.ts';
export * from './fake-token.ts';
export type * from './generated/seks-binding.ts';
export type * from './generated/seks-provider.ts';
export * from './injection-config.ts';
export * from './lease-protocol.ts';
export * from './names.ts';
export * from './object-meta.ts';
export * from './provider.ts';
export * from './sealed/context.ts';
export * from './sealed/envelope.ts';
export { acceptedWrappings, checkContext, pickWrapping, readContext } from './sealed/header.ts';
export { MAX_ENVELOPE_BYTES, MAX_PLAINTEXT_BYTES, headerOf, parseEnvelope } from './sealed/parse.ts';
export type { Envelope } from './sealed/parse.ts';
export { openEnvelope, sealKey } from './sealed/seal.ts';
export * from './secret.ts';
