// Writes sealed-v1.json, the test vectors of docs/sealed-format.md: `node crds/testdata/make-sealed-v1.ts`.
// A second implementation on purpose: it shares no code with crds/src/sealed and uses node:crypto alone, so a vector
// that both agree on shows the format and not a habit of one library.
import { createCipheriv, createHash, createPublicKey, hkdfSync, publicEncrypt, constants } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Json = Record<string, unknown>;

export interface Vector {
  name: string;
  /** the Secret value */
  envelope: string;
  /** where it was found, and what it is to be used with */
  found: { namespace: string; secret: string; key: string; provider: string };
  /** what the KMS returned, 32 bytes in hex */
  dataKey: string;
  /** text of the provider key, or the code of the refusal */
  plaintext?: string;
  error?: string;
}

/** one wrapping by the local KMS, for checking RSA-OAEP and the context digest */
export interface LocalVector {
  /** PKCS #8 PEM in this folder; published here, so never use it for anything else */
  privateKeyFile: string;
  kid: string;
  context: Json;
  canonicalContext: string;
  contextDigest: string;
  dataKey: string;
  edk: string;
}

export interface VectorFile {
  description: string;
  vectors: Vector[];
  local: LocalVector;
}

const KEY_FILE = 'sealed-v1-test-only.pem';
const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'openai' };
const strict = { scope: 'strict', ...found };
const plaintext = 'sk-test-0123456789abcdefghijklmnopqrstuvwxyz';
const dataKey = bytes('data key', 32);
const otherDataKey = bytes('other data key', 32);
const edk = { kms: 'local', kid: 'test-key-1', edk: b64(bytes('edk', 384)) };
const awsEdk = {
  kms: 'aws',
  kid: 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555',
  edk: b64(bytes('aws edk', 184)),
};

interface Recipe {
  ctx?: Json;
  plaintext?: string;
  dataKey?: Buffer;
  edks?: Json[];
  /** changes of the header before it is authenticated: what a careless or hostile sealer could write */
  header?: (header: Json) => Json;
}

/** every vector, always the same */
export function makeVectors(privateKeyPem: string): VectorFile {
  const good = seal({});
  const parts = JSON.parse(good) as Record<string, string> & { unprotected: Json };
  const edit = (change: Json): string => JSON.stringify({ ...parts, ...change });
  const protectedOf = (change: (header: Json) => Json): string =>
    b64(JSON.stringify(change(headerOf(parts))));
  const flip = (member: string): string => {
    const changed = Buffer.from(parts[member] ?? '', 'base64url');
    changed[0] = (changed[0] ?? 0) ^ 1;
    return edit({ [member]: b64(changed) });
  };
  const opens = (name: string, envelope: string, rest: Partial<Vector> = {}): Vector => ({
    name,
    envelope,
    found,
    dataKey: dataKey.toString('hex'),
    plaintext,
    ...rest,
  });
  const refuses = (error: string, name: string, envelope: string, rest: Partial<Vector> = {}): Vector => {
    return { name, envelope, found, dataKey: dataKey.toString('hex'), ...rest, error };
  };
  const namespaceScope = seal({ ctx: { scope: 'namespace', namespace: 'agents', provider: 'openai' } });
  const elsewhere = { ...found, secret: 'bob-keys', key: 'other' };
  const salt = b64(bytes('other salt', 32));
  const malformed = (name: string, envelope: string): Vector =>
    refuses('SEKS_SEAL_MALFORMED', name, envelope);
  const version = (name: string, envelope: string): Vector =>
    refuses('SEKS_SEAL_VERSION_UNKNOWN', name, envelope);

  const vectors = [
    opens('scope strict', good),
    opens('scope namespace', namespaceScope),
    opens('scope namespace, another Secret and key', namespaceScope, { found: elsewhere }),
    opens('two wrappings', seal({ edks: [awsEdk, edk] })),
    opens('re-wrapped: only edks differ', edit({ unprotected: { edks: [awsEdk] } })),
    opens('one byte', seal({ plaintext: 'k' }), { plaintext: 'k' }),
    opens('UTF-8', seal({ plaintext: 'schlüssel-鍵' }), { plaintext: 'schlüssel-鍵' }),
    opens('one line feed after the envelope', `${good}\n`),

    refuses('SEKS_SEAL_WRONG_NAMESPACE', 'found in another namespace', good, {
      found: { ...found, namespace: 'other' },
    }),
    refuses('SEKS_SEAL_WRONG_SECRET', 'found in another Secret', good, {
      found: { ...found, secret: 'bob-keys' },
    }),
    refuses('SEKS_SEAL_WRONG_KEY', 'found under another key', good, { found: { ...found, key: 'other' } }),
    refuses('SEKS_SEAL_WRONG_PROVIDER', 'used with another provider', good, {
      found: { ...found, provider: 'groq' },
    }),
    refuses('SEKS_SEAL_WRONG_NAMESPACE', 'scope namespace, another namespace', namespaceScope, {
      found: { ...found, namespace: 'other' },
    }),
    refuses('SEKS_SEAL_WRONG_PROVIDER', 'scope namespace, another provider', namespaceScope, {
      found: { ...found, provider: 'groq' },
    }),

    refuses('SEKS_SEAL_COMMITMENT_MISMATCH', 'edks exchanged: another data key comes back', good, {
      dataKey: otherDataKey.toString('hex'),
    }),
    refuses(
      'SEKS_SEAL_COMMITMENT_MISMATCH',
      'commitment of another data key',
      seal({
        header: (header) => ({
          ...header,
          com: b64(expand(otherDataKey, bytes('salt', 32), 'seks.v1 commit')),
        }),
      }),
    ),
    refuses(
      'SEKS_SEAL_COMMITMENT_MISMATCH',
      'salt exchanged',
      edit({
        protected: protectedOf((header) => ({ ...header, salt })),
      }),
    ),
    refuses(
      'SEKS_SEAL_CORRUPT',
      'context edited to where it was moved',
      edit({
        protected: protectedOf((header) => ({ ...header, ctx: { ...strict, namespace: 'other' } })),
      }),
      { found: { ...found, namespace: 'other' } },
    ),
    refuses(
      'SEKS_SEAL_CORRUPT',
      'scope widened',
      edit({
        protected: protectedOf((header) => ({
          ...header,
          ctx: { scope: 'namespace', namespace: 'agents', provider: 'openai' },
        })),
      }),
    ),
    refuses('SEKS_SEAL_CORRUPT', 'bit flipped in the ciphertext', flip('ciphertext')),
    refuses('SEKS_SEAL_CORRUPT', 'bit flipped in the tag', flip('tag')),
    refuses('SEKS_SEAL_CORRUPT', 'bit flipped in the initialisation vector', flip('iv')),

    version('type of a later version', seal({ header: (header) => ({ ...header, typ: 'seks.v2' }) })),
    version(
      'critical parameter of a later version',
      seal({
        header: (header) => ({ ...header, crit: ['salt', 'com', 'ctx', 'exp'], exp: 1 }),
      }),
    ),

    refuses('SEKS_SECRET_NOT_SEALED', 'a plain key', plaintext),
    refuses('SEKS_SECRET_NOT_SEALED', 'empty', ''),
    refuses('SEKS_SECRET_NOT_SEALED', 'JSON of something else', '{"type":"service_account"}'),
    malformed('cut in the middle', good.slice(0, good.length / 2)),
    malformed('two envelopes', good + good),
    malformed('white space between members', good.replace('","ciphertext"', '", "ciphertext"')),
    malformed('member twice', good.replace('"iv":', `"iv":"${parts['iv']}","iv":`)),
    malformed('unknown member', edit({ aad: 'AAAA' })),
    malformed('encrypted_key beside alg dir', edit({ encrypted_key: 'AAAA' })),
    malformed(
      'members in another order',
      JSON.stringify({ protected: parts['protected'], iv: parts['iv'], ...parts }),
    ),
    malformed('no wrapping', edit({ unprotected: { edks: [] } })),
    malformed(
      'five wrappings',
      edit({
        unprotected: { edks: [1, 2, 3, 4, 5].map((n) => ({ ...edk, kid: `test-key-${n}` })) },
      }),
    ),
    malformed(
      'key id with a control character',
      edit({ unprotected: { edks: [{ ...edk, kid: 'a\u001B[2J' }] } }),
    ),
    malformed('two wrappings by one KMS key', edit({ unprotected: { edks: [edk, edk] } })),
    malformed('parameter in the unprotected header', edit({ unprotected: { edks: [edk], enc: 'A128GCM' } })),
    malformed(
      'spare bits of base64url set',
      good.replace(/(..)"\}$/, (_, end: string) => `${withSpareBit(end)}"}`),
    ),
    malformed('another content encryption', seal({ header: (header) => ({ ...header, enc: 'A128GCM' }) })),
    malformed('compression', seal({ header: (header) => ({ ...header, zip: 'DEF' }) })),
    malformed(
      'critical parameters not named',
      seal({ header: (header) => ({ ...header, crit: ['salt', 'com'] }) }),
    ),
    malformed(
      'white space in the protected header',
      edit({
        protected: b64(JSON.stringify(headerOf(parts), undefined, 1)),
      }),
    ),
    malformed(
      'parameter twice in the protected header',
      edit({
        protected: b64(JSON.stringify(headerOf(parts)).replace('"ctx":', '"ctx":{},"ctx":')),
      }),
    ),
    malformed('scope strict without a key', seal({ ctx: { ...strict, key: undefined } })),
    malformed('scope namespace with a key', seal({ ctx: { ...strict, scope: 'namespace' } })),
    malformed('scope cluster', seal({ ctx: { scope: 'cluster', provider: 'openai' } })),
    malformed('namespace that is no name', seal({ ctx: { ...strict, namespace: 'a/b' } })),
  ];
  return {
    description:
      'Test vectors of the seks.v1 sealed format. Made by make-sealed-v1.ts; described in docs/sealed-format.md.',
    vectors,
    local: localVector(privateKeyPem),
  };
}

function seal(recipe: Recipe): string {
  const key = recipe.dataKey ?? dataKey;
  const salt = bytes('salt', 32);
  const iv = bytes('iv', 12);
  const header = {
    alg: 'dir',
    enc: 'A256GCM',
    typ: 'seks.v1',
    crit: ['salt', 'com', 'ctx'],
    salt: b64(salt),
    com: b64(expand(key, salt, 'seks.v1 commit')),
    ctx: recipe.ctx ?? strict,
  };
  const encoded = b64(JSON.stringify(recipe.header?.(header) ?? header));
  const cipher = createCipheriv('aes-256-gcm', expand(key, salt, 'seks.v1 enc'), iv);
  cipher.setAAD(Buffer.from(encoded, 'ascii'));
  const ciphertext = Buffer.concat([cipher.update(recipe.plaintext ?? plaintext, 'utf8'), cipher.final()]);
  return JSON.stringify({
    protected: encoded,
    unprotected: { edks: recipe.edks ?? [edk] },
    iv: b64(iv),
    ciphertext: b64(ciphertext),
    tag: b64(cipher.getAuthTag()),
  });
}

// RSA-OAEP with SHA-256, MGF1-SHA-256 and no label (RFC 8017 §7.1.1), written out because its seed must be fixed here.
function localVector(privateKeyPem: string): LocalVector {
  const publicKey = createPublicKey(privateKeyPem);
  const canonicalContext =
    '{"seks:key":"openai","seks:namespace":"agents","seks:provider":"openai","seks:scope":"strict","seks:secret":"alice-keys"}';
  const digest = sha256(canonicalContext);
  const seed = bytes('oaep seed', 32);
  const message = Buffer.concat([dataKey, digest]);
  const padding = Buffer.alloc(384 - message.length - 2 * 32 - 2);
  const block = Buffer.concat([sha256(''), padding, Buffer.from([1]), message]);
  const maskedBlock = xor(block, mgf1(seed, block.length));
  const maskedSeed = xor(seed, mgf1(maskedBlock, 32));
  const encoded = Buffer.concat([Buffer.from([0]), maskedSeed, maskedBlock]);
  return {
    privateKeyFile: KEY_FILE,
    kid: b64(sha256(publicKey.export({ type: 'spki', format: 'der' }))),
    context: strict,
    canonicalContext,
    contextDigest: digest.toString('hex'),
    dataKey: dataKey.toString('hex'),
    edk: b64(publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded)),
  };
}

function mgf1(seed: Buffer, length: number): Buffer {
  const blocks = [];
  for (let counter = 0; counter * 32 < length; counter += 1) {
    blocks.push(sha256(Buffer.concat([seed, Buffer.from([0, 0, 0, counter])])));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));
}

function withSpareBit(end: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return end.charAt(0) + alphabet.charAt(alphabet.indexOf(end.charAt(1)) + 1);
}

function headerOf(parts: Record<string, unknown>): Json {
  return JSON.parse(Buffer.from(String(parts['protected']), 'base64url').toString()) as Json;
}

function expand(key: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha512', key, salt, info, 32));
}

/** bytes that look random and are always the same */
function bytes(name: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', 'seks.v1 test vectors', '', name, length));
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

function b64(data: string | Buffer): string {
  return Buffer.from(data as Buffer).toString('base64url');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = (name: string): URL => new URL(name, import.meta.url);
  const made = makeVectors(readFileSync(file(KEY_FILE), 'utf8'));
  writeFileSync(file('sealed-v1.json'), `${JSON.stringify(made, undefined, 2)}\n`);
}
