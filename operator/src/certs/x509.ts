// Certificates of the operator: a CA, and serving certificates below it. ECDSA P-256 throughout.
// reflect-metadata must be there before @peculiar/x509, whose dependency injection calls it while loading.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import { KeyObject, X509Certificate, createPrivateKey } from 'node:crypto';

import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  NameConstraints,
  id_ce_nameConstraints,
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
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** clocks of nodes differ; a certificate that is valid only from now on would be refused by a slow one */
export const BACKDATE_MS = 5 * 60_000;

/** a CA certificate */
export interface CaCertificate {
  certPem: string;
  /** when it was made, in `ms`: five minutes after its notBefore */
  createdMs: number;
  notAfterMs: number;
}

/** a CA certificate with its private key */
export interface SigningCa extends CaCertificate {
  key: KeyObject;
}

/** a serving certificate with its private key */
export interface IssuedCertificate {
  certPem: string;
  /** PKCS #8 private key in PEM; never log it */
  keyPem: Buffer;
  notBeforeMs: number;
  notAfterMs: number;
}

/** new self-signed CA; with suffixes it can vouch for names below them only (RFC 5280 §4.2.1.10) */
export async function createCa(options: {
  nowMs: number;
  lifetimeMs: number;
  permittedDnsSuffixes: readonly string[];
}): Promise<SigningCa> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // A name of its own for each CA, so that a verifier with old and new in its bundle need not try both.
    name: `CN=seks-ca-${crypto.randomUUID()}`,
    keys,
    signingAlgorithm: SIGNING,
    notBefore: new Date(options.nowMs - BACKDATE_MS),
    notAfter: new Date(options.nowMs + options.lifetimeMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...nameConstraints(options.permittedDnsSuffixes),
    ],
  });
  return { ...readCaCertificate(certificate.toString('pem')), key: KeyObject.from(keys.privateKey) };
}

/** serving certificate for the names, signed by the CA, with a key of its own */
export async function issueLeaf(options: {
  ca: SigningCa;
  dnsNames: readonly string[];
  nowMs: number;
  lifetimeMs: number;
}): Promise<IssuedCertificate> {
  const { ca, nowMs } = options;
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const signingKey = ca.key.toCryptoKey(ALGORITHM, false, ['sign']);
  const issuer = new X509Certificate(ca.certPem);
  const notAfterMs = Math.min(nowMs + options.lifetimeMs, ca.notAfterMs);
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=seks',
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNING,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(notAfterMs),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(options.dnsNames.map((value) => ({ type: 'dns' as const, value }))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey.toCryptoKey(ALGORITHM, true, ['verify'])),
    ],
  });
  return {
    certPem: `${certificate.toString('pem')}\n`,
    keyPem: pemOf(KeyObject.from(keys.privateKey)),
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
  };
}

/** reads a CA certificate; throws if the text is none */
export function readCaCertificate(certPem: string): CaCertificate {
  const certificate = new X509Certificate(certPem);
  if (!certificate.ca) throw new TypeError('not a CA certificate');
  return {
    certPem: certificate.toString(),
    createdMs: certificate.validFromDate.getTime() + BACKDATE_MS,
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/** reads a CA certificate with its key; throws if they do not belong together */
export function readSigningCa(certPem: string, keyPem: Buffer): SigningCa {
  const key = createPrivateKey(keyPem);
  if (!new X509Certificate(certPem).checkPrivateKey(key)) {
    throw new TypeError('the private key is not that of the certificate');
  }
  return { ...readCaCertificate(certPem), key };
}

/** PKCS #8 private key in PEM */
export function pemOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }));
}

function nameConstraints(suffixes: readonly string[]): Extension[] {
  if (suffixes.length === 0) return [];
  const permittedSubtrees = new GeneralSubtrees(
    suffixes.map((dNSName) => new GeneralSubtree({ base: new GeneralName({ dNSName }) })),
  );
  const value = AsnConvert.serialize(new NameConstraints({ permittedSubtrees }));
  return [new Extension(id_ce_nameConstraints, true, value)];
}
