// Makes the pod's CA and the certificate below it. Loaded only when there is none yet: the libraries cost megabytes.
// reflect-metadata must be there before @peculiar/x509, whose dependency injection calls it while loading.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';

import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

import { Secret } from '@seks/crds';

import { OWN_ADDRESS, OWN_DNS_NAME, type TlsIdentity } from './tls-identity.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;
/** clocks differ; and a pod lives long, while nothing in it renews certificates that its containers have read already */
const BACKDATE_MS = HOUR_MS;
const LIFETIME_MS = 3_653 * 24 * HOUR_MS;
const SERIAL_BYTES = 16;

export interface MintOptions {
  /** `ms` since 1970 */
  nowMs: number;
  randomBytes: (size: number) => Buffer;
}

/** a CA that can sign as long as this object lives: its key cannot be exported */
export interface PodCa {
  certificate: X509Certificate;
  signingKey: webcrypto.CryptoKey;
}

/** a CA and a certificate for the sidecar's own names and the hosts; the CA's key is forgotten */
export async function mintIdentity(hosts: readonly string[], options: MintOptions): Promise<TlsIdentity> {
  const ca = await mintCa(hosts, options);
  const leaf = await signLeaf(ca, hosts, options);
  return { caPem: pem(ca.certificate), ...leaf };
}

/** a CA that vouches for the hosts and the sidecar's own names, and for nothing else (RFC 5280 §4.2.1.10) */
export async function mintCa(hosts: readonly string[], options: MintOptions): Promise<PodCa> {
  const keys = await generate(false);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...common(options),
    // A name of its own for each, so that a bundle with several never makes a verifier try the wrong one.
    name: `CN=SEKS pod CA ${options.randomBytes(8).toString('hex')}`,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      nameConstraints(hosts),
    ],
  });
  return { certificate, signingKey: keys.privateKey };
}

/** a certificate for the sidecar's own names and the hosts, with a key of its own */
export async function signLeaf(
  { certificate: ca, signingKey }: PodCa,
  hosts: readonly string[],
  options: MintOptions,
): Promise<Omit<TlsIdentity, 'caPem'>> {
  const keys = await generate(true);
  const certificate = await X509CertificateGenerator.create({
    ...common(options),
    subject: 'CN=SEKS sidecar',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: 'ip', value: OWN_ADDRESS },
        ...[OWN_DNS_NAME, ...hosts].map((value) => ({ type: 'dns' as const, value })),
      ]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(await ca.publicKey.export()),
    ],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
  return { leafPem: pem(certificate), leafKey: new Secret('private-key', key) };
}

function common({ nowMs, randomBytes }: MintOptions) {
  const serial = randomBytes(SERIAL_BYTES);
  // RFC 5280 §4.1.2.2: a positive number, in the shortest form.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return {
    serialNumber: serial.toString('hex'),
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + LIFETIME_MS),
    signingAlgorithm: SIGNING,
  };
}

function nameConstraints(hosts: readonly string[]): Extension {
  const names = [
    ...[OWN_DNS_NAME, ...hosts].map((dNSName) => new GeneralName({ dNSName })),
    new GeneralName({ iPAddress: `${OWN_ADDRESS}/32` }),
  ];
  const permittedSubtrees = new GeneralSubtrees(names.map((base) => new GeneralSubtree({ base })));
  return new Extension(
    id_ce_nameConstraints,
    true,
    AsnConvert.serialize(new NameConstraints({ permittedSubtrees })),
  );
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function generate(extractable: boolean): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, extractable, ['sign', 'verify']);
}
