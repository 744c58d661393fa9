import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import type { InjectionConfig } from '@seks/crds';

import { SETTINGS, testSigner } from './fixtures.ts';
import { formatKeySet, makeSeal, parseKeySet, readSeal } from './seal.ts';
import type { SealReading } from './seal.ts';

const CONFIG: InjectionConfig = {
  version: 1,
  namespace: 'agents',
  serviceAccountName: 'research',
  issuedAtSeconds: 1_772_366_400,
  sidecar: SETTINGS.sidecar,
  keyService: SETTINGS.keyService,
  interception: { aliases: [], proxied: [] },
  bindings: [],
};

const signer = testSigner();
const keys = signer.publicKeys();
const SEAL = makeSeal(CONFIG, signer);

function problem(reading: SealReading): string {
  return reading.ok ? 'none' : reading.problem;
}

/** a seal with other parts, signed properly by `by` */
function resealed(header: object, payload: unknown, by = signer): string {
  const signed = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${by.sign(Buffer.from(signed)).toString('base64url')}`;
}

describe('readSeal', () => {
  test('returns the config that was sealed', () => {
    expect(readSeal(SEAL, keys)).toEqual({ ok: true, config: CONFIG });
  });

  test('finds the key among several by its id', () => {
    expect(readSeal(SEAL, [...testSigner().publicKeys(), ...keys]).ok).toBe(true);
  });

  test.each([0, 1, 2])('refuses a change in part %i', (part) => {
    const parts = SEAL.split('.');
    const text = parts[part] ?? '';
    for (const at of [0, Math.floor(text.length / 2)]) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      expect(readSeal(parts.with(part, changed).join('.'), keys).ok).toBe(false);
    }
  });

  test('refuses a second spelling of the same signature', () => {
    // 64 bytes leave four unused bits in the last character.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(SEAL.at(-1) ?? '');
    const other = SEAL.slice(0, -1) + alphabet.charAt(last + 1);
    const signature = (seal: string) => Buffer.from(seal.split('.')[2] ?? '', 'base64url');
    expect(signature(other).equals(signature(SEAL))).toBe(true);
    expect(problem(readSeal(other, keys))).toMatch('signature');
  });

  test('refuses the key of somebody else under our key id', () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const forger = { ...signer, sign: (data: Buffer) => sign(null, data, stranger) };
    expect(problem(readSeal(makeSeal(CONFIG, forger), keys))).toMatch('signature');
  });

  test('refuses an unknown key', () => {
    expect(problem(readSeal(SEAL, testSigner().publicKeys()))).toMatch('unknown key');
    expect(problem(readSeal(SEAL, []))).toMatch('unknown key');
  });

  test('refuses a key that is not Ed25519 or cannot be read', () => {
    const kid = signer.keyId();
    expect(readSeal(SEAL, [{ kty: 'OKP', crv: 'X25519', x: keys[0]?.x ?? '', kid }]).ok).toBe(false);
    expect(readSeal(SEAL, [{ kty: 'OKP', crv: 'Ed25519', kid }]).ok).toBe(false);
    expect(readSeal(SEAL, [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid }]).ok).toBe(false);
  });

  test.each([
    ['another type', { alg: 'EdDSA', kid: signer.keyId(), typ: 'JWT' }],
    ['no algorithm', { alg: 'none', kid: signer.keyId(), typ: 'seks-injection' }],
    ['a key of its own', { alg: 'EdDSA', kid: signer.keyId(), typ: 'seks-injection', jwk: keys[0] }],
  ])('refuses a header with %s', (_, header) => {
    expect(problem(readSeal(resealed(header, CONFIG), keys))).toMatch('header');
  });

  test('refuses a config of another version', () => {
    const header = { alg: 'EdDSA', kid: signer.keyId(), typ: 'seks-injection' };
    expect(problem(readSeal(resealed(header, { ...CONFIG, version: 2 }), keys))).toMatch('another version');
    expect(problem(readSeal(resealed(header, { ...CONFIG, more: 1 }), keys))).toMatch('another version');
  });

  test.each(['', 'a', 'a.b', 'a.b.c.d', '..', 'é.é.é'])('refuses %j', (text) => {
    expect(readSeal(text, keys).ok).toBe(false);
  });
});

describe('key set', () => {
  test('keeps public members only', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const text = formatKeySet([{ ...privateKey.export({ format: 'jwk' }), kid: 'k1' }]);
    expect(text).not.toContain('"d"');
    const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
    expect(parseKeySet(text)).toEqual([{ kty: 'OKP', crv: 'Ed25519', x, kid: 'k1' }]);
  });

  test.each(['', '{}', '{"keys":[]}', '{"keys":[{"kty":"RSA"}]}'])('refuses %j', (text) => {
    expect(() => parseKeySet(text)).toThrow();
  });
});
