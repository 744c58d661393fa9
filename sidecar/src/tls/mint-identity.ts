// Makes the pod's CA and the certificate below it (RFC 5280), both with keys on P-256.
import { createHash, KeyObject, webcrypto } from 'node:crypto';

import { Secret } from '@seks/crds';

import {
  bitString,
  type Der,
  integer,
  isTrue,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  taggedBytes,
  time,
  utf8String,
} from './der.ts';
import { OWN_ADDRESS, OWN_DNS_NAME, type TlsIdentity } from './tls-identity.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectIdentifier('2.5.4.3');
const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1');
const VERSION_3 = tagged(0, integer(Buffer.of(2)));
const HOUR_MS = 3_600_000;
/** clocks differ; and a pod lives long, while nothing in it renews certificates that its containers have read already */
const BACKDATE_MS = HOUR_MS;
const LIFETIME_MS = 3_653 * 24 * HOUR_MS;
const SERIAL_BYTES = 16;

/** bits of KeyUsage, RFC 5280 §4.2.1.3 */
const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;
const CRL_SIGN = 6;

/** tags of GeneralName, RFC 5280 §4.2.1.6 */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

export interface MintOptions {
  /** `ms` since 1970 */
  nowMs: number;
  randomBytes: (size: number) => Buffer;
}

/** a CA that can sign as long as this object lives: its key cannot be exported */
export interface SigningCa {
  certificatePem: string;
  name: Der;
  publicKey: PublicKey;
  signingKey: webcrypto.CryptoKey;
}

interface PublicKey {
  /** SubjectPublicKeyInfo */
  info: Der;
  id: Buffer;
}

/** a CA and a certificate for the sidecar's own names and the hosts; the CA's key is forgotten */
export async function mintIdentity(hosts: readonly string[], options: MintOptions): Promise<TlsIdentity> {
  const ca = await mintCa(hosts, options);
  const leaf = await signLeaf(ca, hosts, options);
  return { caPem: ca.certificatePem, ...leaf };
}

/** a CA that vouches for the hosts and the sidecar's own names, and for nothing else (RFC 5280 §4.2.1.10) */
export async function mintCa(hosts: readonly string[], options: MintOptions): Promise<SigningCa> {
  const keys = await generate(false);
  const publicKey = await publicKeyOf(keys.publicKey);
  // A name of its own for each, so that a bundle with several never makes a verifier try the wrong one.
  const name = commonName(`SEKS pod CA ${options.randomBytes(8).toString('hex')}`);
  const names = [...[OWN_DNS_NAME, ...hosts].map(dnsName), taggedBytes(IP_ADDRESS, addressBytes('/32'))];
  const certificatePem = await sign(keys.privateKey, options, {
    issuer: name,
    subject: name,
    publicKey,
    extensions: [
      critical('2.5.29.19', sequence(isTrue(), integer(Buffer.of(0)))),
      critical('2.5.29.15', namedBits(KEY_CERT_SIGN, CRL_SIGN)),
      extension('2.5.29.14', octetString(publicKey.id)),
      critical('2.5.29.30', sequence(tagged(0, ...names.map((base) => sequence(base))))),
    ],
  });
  return { certificatePem, name, publicKey, signingKey: keys.privateKey };
}

/** a certificate for the sidecar's own names and the hosts, with a key of its own */
export async function signLeaf(
  ca: SigningCa,
  hosts: readonly string[],
  options: MintOptions,
): Promise<Omit<TlsIdentity, 'caPem'>> {
  const keys = await generate(true);
  const publicKey = await publicKeyOf(keys.publicKey);
  const names = [taggedBytes(IP_ADDRESS, addressBytes()), ...[OWN_DNS_NAME, ...hosts].map(dnsName)];
  const leafPem = await sign(ca.signingKey, options, {
    issuer: ca.name,
    subject: commonName('SEKS sidecar'),
    publicKey,
    extensions: [
      critical('2.5.29.19', sequence()),
      critical('2.5.29.15', namedBits(DIGITAL_SIGNATURE)),
      extension('2.5.29.37', sequence(SERVER_AUTH)),
      extension('2.5.29.17', sequence(...names)),
      extension('2.5.29.14', octetString(publicKey.id)),
      extension('2.5.29.35', sequence(taggedBytes(0, ca.publicKey.id))),
    ],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
  return { leafPem, leafKey: new Secret('private-key', key) };
}

interface CertificateParts {
  issuer: Der;
  subject: Der;
  publicKey: PublicKey;
  extensions: readonly Der[];
}

/** RFC 5280 §4.1, as PEM */
async function sign(
  signingKey: webcrypto.CryptoKey,
  { nowMs, randomBytes }: MintOptions,
  { issuer, subject, publicKey, extensions }: CertificateParts,
): Promise<string> {
  const serial = randomBytes(SERIAL_BYTES);
  // RFC 5280 §4.1.2.2: a positive number, and always of the same length.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    VERSION_3,
    integer(serial),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(time(nowMs - BACKDATE_MS), time(nowMs + LIFETIME_MS)),
    subject,
    publicKey.info,
    tagged(3, sequence(...extensions)),
  );
  const signature = Buffer.from(await webcrypto.subtle.sign(SIGNING, signingKey, toBeSigned));
  // Web Crypto writes r and s side by side, certificates as two integers (RFC 3279 §2.2.3).
  const half = signature.length / 2;
  const pair = sequence(integer(signature.subarray(0, half)), integer(signature.subarray(half)));
  return toPem(sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(pair)));
}

function toPem(certificate: Der): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function commonName(text: string): Der {
  return sequence(setOf(sequence(COMMON_NAME, utf8String(text))));
}

function dnsName(name: string): Der {
  return taggedBytes(DNS_NAME, Buffer.from(name, 'latin1'));
}

/** @param mask in constraints the address is followed by its mask */
function addressBytes(mask?: '/32'): Buffer {
  return Buffer.from([
    ...OWN_ADDRESS.split('.').map(Number),
    ...(mask === undefined ? [] : [255, 255, 255, 255]),
  ]);
}

function extension(id: string, value: Der): Der {
  return sequence(objectIdentifier(id), octetString(value));
}

/** a verifier that does not know it must refuse the certificate */
function critical(id: string, value: Der): Der {
  return sequence(objectIdentifier(id), isTrue(), octetString(value));
}

async function publicKeyOf(key: webcrypto.CryptoKey): Promise<PublicKey> {
  const info = Buffer.from(await webcrypto.subtle.exportKey('spki', key));
  // RFC 5280 §4.2.1.2 leaves open how; this is of the whole structure, so that nobody has to take it apart.
  return { info, id: createHash('sha256').update(info).digest().subarray(0, 20) };
}

async function generate(extractable: boolean): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, extractable, ['sign', 'verify']);
}
