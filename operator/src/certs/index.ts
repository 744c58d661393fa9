// The operator's own keys: CA and serving certificates for its TLS servers, and the key that seals injections.
export { createCertificateAuthority } from './authority.ts';
export type { AuthorityDeps, CertificateAuthority } from './authority.ts';
export { createInjectionSigner } from './injection-signer.ts';
export type { InjectionSignerDeps, ManagedInjectionSigner } from './injection-signer.ts';
export { keepServingCertificate } from './serving.ts';
export type { ServingDeps } from './serving.ts';
export type { CaStore, CertsLog, StoredData } from './store.ts';
export type { IssuedCertificate } from './x509.ts';
