// Finds the key in a stream of chunks and writes it over (S10), at the cost of no delay: only bytes that may be the
// beginning of a match are held back, so an SSE event, which ends with a line break, always leaves at once.
import { type Needles, overwrite } from './needles.ts';

const NOTHING = Buffer.alloc(0);

/** scrubs one stream; not to be shared */
export class StreamScrubber {
  readonly #needles: Needles;
  #held: Buffer = NOTHING;
  /** how often the key was found so far */
  hits = 0;

  constructor(needles: Needles) {
    this.#needles = needles;
  }

  /** the scrubbed bytes that can be sent now; may be empty */
  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const clean = this.#clean(bytes);
    const cut = clean.length - longestOpenSuffix(clean, this.#needles);
    if (cut === clean.length) {
      this.#held = NOTHING;
      return clean;
    }
    // A copy, so that a few bytes do not keep a whole network buffer alive.
    this.#held = Buffer.from(clean.subarray(cut));
    return clean.subarray(0, cut);
  }

  /** what was held back, when the stream has ended */
  end(): Buffer {
    const rest = this.#held;
    this.#held = NOTHING;
    return rest;
  }

  #clean(bytes: Buffer): Buffer {
    const { clean, hits } = scrubBytes(bytes, this.#needles);
    this.hits += hits;
    return clean;
  }
}

/** the bytes with every match written over, leftmost first; the same buffer if there is none */
export function scrubBytes(bytes: Buffer, { forms }: Needles): { clean: Buffer; hits: number } {
  let clean = bytes;
  let hits = 0;
  let match = leftmost(clean, forms, 0);
  while (match !== undefined) {
    // The parser owns the chunk.
    if (clean === bytes) clean = Buffer.from(bytes);
    overwrite(clean, match.start, match.end);
    hits += 1;
    match = leftmost(clean, forms, match.end);
  }
  return { clean, hits };
}

function leftmost(
  bytes: Buffer,
  needles: readonly Buffer[],
  from: number,
): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined;
  for (const needle of needles) {
    const start = bytes.indexOf(needle, from);
    // At the same place the first, which is the longest, wins.
    if (start !== -1 && (best === undefined || start < best.start))
      best = { start, end: start + needle.length };
  }
  return best;
}

/** length of the longest suffix that a needle begins with */
function longestOpenSuffix(bytes: Buffer, { forms, alphabet }: Needles): number {
  if (alphabet[bytes[bytes.length - 1] ?? 0] === 0) return 0;
  let longest = 0;
  for (const needle of forms) {
    const first = needle[0] ?? 0;
    let start = bytes.indexOf(first, Math.max(0, bytes.length - needle.length + 1));
    while (start !== -1 && bytes.length - start > longest) {
      const length = bytes.length - start;
      if (needle.compare(bytes, start, bytes.length, 0, length) === 0) longest = length;
      start = bytes.indexOf(first, start + 1);
    }
  }
  return longest;
}
