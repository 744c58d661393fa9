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
  // Almost always nothing is found; this loop is what every answer pays for.
  for (const form of forms) {
    if (bytes.indexOf(form, 0) === -1) continue;
    // The parser owns the chunk.
    const clean = Buffer.from(bytes);
    return { clean, hits: overwriteMatches(clean, forms) };
  }
  return { clean: bytes, hits: 0 };
}

/** writes over every match; how many there were */
function overwriteMatches(bytes: Buffer, forms: readonly Buffer[]): number {
  const find = (form: Buffer, from: number): number => {
    const start = bytes.indexOf(form, from);
    return start === -1 ? Infinity : start;
  };
  // Where each form comes next. Searching the rest for all of them after each match would, in an answer full of keys, take
  // time in proportion to the square of its length.
  const next = forms.map((form) => ({ form, start: find(form, 0) }));
  let hits = 0;
  for (;;) {
    // At the same place the first, which is the longest, wins.
    const { form, start } = next.reduce((best, other) => (other.start < best.start ? other : best));
    if (start === Infinity) return hits;
    const end = start + form.length;
    overwrite(bytes, start, end);
    hits += 1;
    for (const other of next) if (other.start < end) other.start = find(other.form, end);
  }
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
