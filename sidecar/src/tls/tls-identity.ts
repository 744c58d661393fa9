// The sidecar's certificate with the pod's CA that signed it, as one PEM text, and what makes such a text usable again.
import { createPrivateKey, X509Certificate } from 'node:crypto';

import { Secret } from '@seks/crds';

/** names under which the sidecar is reached in any pod */
export const OWN_DNS_NAME = 'localhost';
export const OWN_ADDRESS = '127.0.0.1';

/** the sidecar's certificate, PEM */
export interface TlsIdentity {
  /** certificate of the pod's CA */
  caPem: string;
  leafPem: string;
  /** PKCS #8 in PEM */
  leafKey: Secret<'private-key'>;
}

const PEM_BLOCK = /-----BEGIN (CERTIFICATE|PRIVATE KEY)-----[A-Za-z0-9+/=\s]+-----END \1-----\n?/g;

/** the identity as one file: CA, certificate, key */
export function encodeIdentity({ caPem, leafPem, leafKey }: TlsIdentity): Secret<'private-key'> {
  return leafKey.reveal(
    (key) => new Secret('private-key', Buffer.concat([Buffer.from(caPem + leafPem), key])),
  );
}

/** reads such a file; undefined unless it has exactly its three parts */
export function decodeIdentity(file: Secret<'private-key'>): TlsIdentity | undefined {
  const blocks = file.reveal((bytes) => [...bytes.toString('latin1').matchAll(PEM_BLOCK)]);
  const [ca, leaf, key] = blocks;
  if (blocks.length !== 3 || ca?.[1] !== 'CERTIFICATE' || leaf?.[1] !== 'CERTIFICATE') return undefined;
  if (key?.[1] !== 'PRIVATE KEY') return undefined;
  return { caPem: ca[0], leafPem: leaf[0], leafKey: new Secret('private-key', key[0]) };
}

/** whether clients that trust the CA will accept the sidecar under exactly these hosts and its own names, now */
export function isUsable(identity: TlsIdentity, hosts: readonly string[], nowMs: number): boolean {
  try {
    const ca = new X509Certificate(identity.caPem);
    const leaf = new X509Certificate(identity.leafPem);
    const key = identity.leafKey.reveal((pem) => createPrivateKey(pem));
    return (
      ca.ca &&
      !leaf.ca &&
      ca.verify(ca.publicKey) &&
      leaf.checkIssued(ca) &&
      leaf.verify(ca.publicKey) &&
      leaf.checkPrivateKey(key) &&
      [ca, leaf].every(
        (cert) => cert.validFromDate.getTime() <= nowMs && nowMs < cert.validToDate.getTime(),
      ) &&
      leaf.subjectAltName === subjectAltName(hosts)
    );
  } catch {
    // Damaged: made anew.
    return false;
  }
}

/** as Node prints it: the order is that of the certificate */
function subjectAltName(hosts: readonly string[]): string {
  return [`IP Address:${OWN_ADDRESS}`, ...[OWN_DNS_NAME, ...hosts].map((host) => `DNS:${host}`)].join(', ');
}
