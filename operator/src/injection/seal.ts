// The injection seal: a compact JWS (RFC 7515) with EdDSA (RFC 8037) whose payload is the injection's config.
// Node's own Ed25519 is used because it is synchronous: the webhook's handler must not wait for anything.
import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

import { injectionConfig } from '@seks/crds';
import type { InjectionConfig } from '@seks/crds';
import * as z from 'zod';

import { canonicalJson } from './canonical-json.ts';

/** media type of the seal; keeps a signature of the same key over something else from being taken for one */
const SEAL_TYPE = 'seks-injection';

/** who signs seals; the private key stays behind it */
export interface InjectionSigner {
  /** id of the key that signs now */
  keyId(): string;
  /** Ed25519 signature over `data`, 64 bytes */
  sign(data: Buffer): Buffer;
  /** every key that a valid seal may be signed with, each with its `kid` */
  publicKeys(): readonly JsonWebKey[];
}

/** outcome of reading a seal: the config, or one sentence about what is wrong with it */
export type SealReading = { ok: true; config: InjectionConfig } | { ok: false; problem: string };

const sealHeader = z.strictObject({
  alg: z.literal('EdDSA'),
  kid: z.string(),
  typ: z.literal(SEAL_TYPE),
});

/** signs the config; the result is the value of the annotation */
export function makeSeal(config: InjectionConfig, signer: InjectionSigner): string {
  const header = { alg: 'EdDSA', kid: signer.keyId(), typ: SEAL_TYPE };
  const signed = `${encode(canonicalJson(header))}.${encode(canonicalJson(config))}`;
  return `${signed}.${signer.sign(Buffer.from(signed)).toString('base64url')}`;
}

/** checks signature and shape of a seal; whose pod it is and how old is the caller's question */
export function readSeal(seal: string, keys: readonly JsonWebKey[]): SealReading {
  const [header, payload, signature, ...rest] = seal.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return { ok: false, problem: 'The seal is not a compact JWS.' };
  }
  const parsedHeader = sealHeader.safeParse(parseJson(header));
  if (!parsedHeader.success) return { ok: false, problem: 'The seal has an unexpected header.' };
  const key = publicKey(keys, parsedHeader.data.kid);
  if (key === undefined) return { ok: false, problem: 'The seal is signed with an unknown key.' };
  const signatureBytes = decode(signature);
  const signed = Buffer.from(`${header}.${payload}`);
  if (signatureBytes === undefined || !verify(null, signed, key, signatureBytes)) {
    return { ok: false, problem: 'The signature of the seal is wrong.' };
  }
  const config = injectionConfig.safeParse(parseJson(payload));
  if (!config.success) return { ok: false, problem: 'The seal was made by another version of SEKS.' };
  return { ok: true, config: config.data };
}

const keySet = z.object({
  keys: z
    .array(
      z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), kid: z.string() }),
    )
    .min(1),
});

/** JSON Web Key Set (RFC 7517) of public keys, for the trust ConfigMap */
export function formatKeySet(keys: readonly JsonWebKey[]): string {
  return `${canonicalJson({ keys: keys.map(({ kty, crv, x, kid }) => ({ kty, crv, x, kid })) })}\n`;
}

/** reads what {@link formatKeySet} wrote; throws if it holds no Ed25519 key */
export function parseKeySet(text: string): JsonWebKey[] {
  return keySet.parse(JSON.parse(text)).keys.map(({ kty, crv, x, kid }) => ({ kty, crv, x, kid }));
}

function publicKey(keys: readonly JsonWebKey[], kid: string): KeyObject | undefined {
  const jwk = keys.find((key) => key['kid'] === kid && key.kty === 'OKP' && key.crv === 'Ed25519');
  if (jwk?.x === undefined) return undefined;
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: jwk.x }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** strict base64url: one text for one value, so that a seal has no second spelling */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function parseJson(part: string): unknown {
  try {
    return JSON.parse(decode(part)?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
