// A secret to look for, described without the secret: the searcher must not hold what it claims is nowhere.
import { createHash } from 'node:crypto';

/** what the searcher gets of a needle */
export interface Fingerprint {
  readonly name: string;
  /** length of the whole needle in `bytes` */
  readonly length: number;
  /** rolling hash of its first {@link WINDOW_BYTES} bytes */
  readonly window: number;
  /** SHA-256 of the whole needle in hex */
  readonly sha256: string;
}

export const WINDOW_BYTES = 16;
const BASE = 0x01000193;
/** bound once: the loop below runs for each byte of a container */
const { imul } = Math;
/** BASE to the power of WINDOW_BYTES: what the byte that leaves the window has been multiplied by */
const LEAVING = Array.from({ length: WINDOW_BYTES }).reduce<number>((power) => imul(power, BASE), 1);

export function fingerprint(name: string, needle: Uint8Array): Fingerprint {
  if (needle.length < WINDOW_BYTES) throw new RangeError(`${name} is shorter than ${WINDOW_BYTES} bytes`);
  return { name, length: needle.length, window: windowHash(needle), sha256: sha256(needle) };
}

/** the forms in which a secret is usually found: as it is, in base64 at each offset, in hex, percent-encoded, as UTF-16 */
export function fingerprintForms(name: string, secret: Uint8Array): Fingerprint[] {
  const bytes = Buffer.from(secret);
  const forms = new Map<string, Buffer>([
    ['plain', bytes],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['upper-case hex', Buffer.from(bytes.toString('hex').toUpperCase())],
    ['UTF-16', Buffer.from(bytes.toString('latin1'), 'utf16le')],
    [
      'percent-encoded',
      Buffer.from([...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')),
    ],
  ]);
  for (const [variant, encoding] of [
    ['base64', 'base64'],
    ['base64url', 'base64url'],
  ] as const) {
    for (const offset of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(offset), bytes])
        .toString(encoding)
        .replaceAll('=', '');
      // The first and last characters also depend on what stands before and behind the secret.
      const from = offset === 0 ? 0 : offset + 1;
      const to = (offset + bytes.length) % 3 === 0 ? text.length : text.length - 1;
      forms.set(`${variant} at offset ${offset}`, Buffer.from(text.slice(from, to)));
    }
  }
  const seen = new Set<string>();
  return [...forms]
    .map(([form, needle]) => fingerprint(`${name}, ${form}`, needle))
    .filter(({ sha256 }) => !seen.has(sha256) && seen.add(sha256));
}

export type WindowScan = (
  bytes: Uint8Array,
  end: number,
  found: (offset: number, window: number) => void,
) => void;

/** makes a function that calls `found` with each offset in `bytes[0, end)` where one of the windows begins */
export function createWindowScan(windows: ReadonlySet<number>): WindowScan {
  // Most positions are dismissed by one look into this table.
  const table = new Uint8Array(65_536);
  for (const window of windows) table[fold(window)] = 1;
  return (bytes, end, found) => {
    let hash = 0;
    for (let i = 0; i < end; i++) {
      hash = (imul(hash, BASE) + (bytes[i] as number)) | 0;
      if (i >= WINDOW_BYTES) hash = (hash - imul(bytes[i - WINDOW_BYTES] as number, LEAVING)) | 0;
      if (table[fold(hash)] === 1 && i >= WINDOW_BYTES - 1 && windows.has(hash))
        found(i - WINDOW_BYTES + 1, hash);
    }
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function windowHash(bytes: Uint8Array): number {
  let hash = 0;
  for (let i = 0; i < WINDOW_BYTES; i++) hash = (imul(hash, BASE) + (bytes[i] as number)) | 0;
  return hash;
}

function fold(hash: number): number {
  return (hash ^ (hash >>> 16)) & 0xffff;
}
