// The package's public face: what operator, sidecar and cli share.
export * from './errors.ts';
export * from './fake-token.ts';
export * from './injection-config.ts';
export * from './lease-protocol.ts';
export * from './names.ts';
export * from './provider.ts';
export * from './sealed/envelope.ts';
export * from './secret.ts';
