// A value that must never be printed. The class keeps it out of logs, JSON, errors and string building by accident;
// it is no protection against someone who reads the process's memory.
import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/** what a secret is, for its redacted form */
export type SecretKind = 'provider-key' | 'data-key' | 'fake-token' | 'pod-token' | 'private-key';

/** a secret byte string; `reveal` is the only way out, so every use can be found with grep */
export class Secret<K extends SecretKind = SecretKind> {
  readonly kind: K;
  readonly #bytes: Buffer;

  /** takes a copy of `value`; a string is stored as UTF-8 */
  constructor(kind: K, value: string | Uint8Array) {
    this.kind = kind;
    this.#bytes = Buffer.from(value as Uint8Array);
  }

  /** length in `bytes` */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /** hands the plain bytes to `use`; the bytes belong to the secret and must not be kept */
  reveal<T>(use: (plaintext: Buffer) => T): T {
    return use(this.#bytes);
  }

  /** SHA-256 digest in base64url, for comparing and for storing without the value */
  sha256(): string {
    return createHash('sha256').update(this.#bytes).digest('base64url');
  }

  /** overwrites the bytes; copies that V8 or a header writer made are out of reach */
  erase(): void {
    this.#bytes.fill(0);
  }

  describe(): string {
    return `<redacted:${this.kind}>`;
  }

  toJSON(): string {
    return this.describe();
  }

  toString(): string {
    return this.describe();
  }

  [inspect.custom](): string {
    return this.describe();
  }
}

/** compares in constant time, whatever the lengths: both sides are hashed first */
export function secretEquals(a: Secret, b: Secret): boolean {
  return timingSafeEqual(Buffer.from(a.sha256()), Buffer.from(b.sha256()));
}
