// Error answers quote keys in ways that no search for the whole key finds: `sk-proj-****MxYA` in OpenAI's, a key of somebody
// else's in others. So in errors everything that looks like a key of the provider is written over, too.
import type { Secret } from '@seks/crds';

/** writes over what an error body shows of keys; the same buffer if that is nothing */
export type ErrorMask = (body: Buffer) => { clean: Buffer; hits: number };

/** runs that begin like a key and are shorter are words */
const MIN_RUN = 16;
/** an ellipsis in UTF-8, in UTF-8 that somebody took for ISO 8859-1 and put into UTF-8 again, or escaped by JSON */
const ELLIPSES = ['\u2026', '\u00e2\u0080\u00a6', String.raw`\u2026`].map((text) => Buffer.from(text));
/** how providers leave out the middle of a key */
const OMISSIONS = ['***', '...', 'xxxx', 'XXXX', ...ELLIPSES.map((bytes) => bytes.toString('latin1'))];
/** how much of a key's end is shown at most where the rest is left out */
const TAIL = 4;
const ASTERISK = 0x2a;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/**
 * a mask for one provider and key
 *
 * @param prefixes how keys of the provider begin
 */
export function createErrorMask(prefixes: readonly string[], key: Secret<'provider-key'>): ErrorMask {
  // Four characters of the key in a long-lived string: as many as the provider itself shows.
  const tail = key.reveal((plain) => plain.subarray(-TAIL).toString('latin1'));
  return (body) => {
    let clean = body;
    let hits = 0;
    for (const { start, end } of runs(body)) {
      const run = body.toString('latin1', start, end);
      const from = beginOfKey(run, prefixes, tail);
      if (from === undefined) continue;
      if (clean === body) clean = Buffer.from(body);
      clean.fill(ASTERISK, start + from, end);
      hits += 1;
    }
    return { clean, hits };
  };
}

/** offset in a run from which it is to be written over */
function beginOfKey(run: string, prefixes: readonly string[], tail: string): number | undefined {
  const starts = prefixes.map((prefix) => findAtWordStart(run, prefix)).filter((at) => at !== -1);
  const first = starts.length === 0 ? undefined : Math.min(...starts);
  if (first !== undefined && run.length - first >= MIN_RUN) return first;
  if (!OMISSIONS.some((omission) => run.includes(omission))) return undefined;
  return first ?? (endsWithTail(run, tail) ? 0 : undefined);
}

/** `sk-` begins a key, but not in `task-management` */
function findAtWordStart(run: string, prefix: string): number {
  let at = run.indexOf(prefix);
  while (at > 0 && /[A-Za-z0-9]/.test(run.charAt(at - 1))) at = run.indexOf(prefix, at + 1);
  return at;
}

/** the end of a sentence may follow */
function endsWithTail(run: string, tail: string): boolean {
  let end = run.length;
  while (end > 0 && (run[end - 1] === '.' || run[end - 1] === ':')) end -= 1;
  return run.endsWith(tail, end);
}

/** stretches of bytes that can stand in a key, or in place of a part of it; one pass, whatever the body holds */
function* runs(body: Buffer): Generator<{ start: number; end: number }> {
  let start = -1;
  let at = 0;
  while (at <= body.length) {
    const { inside, length } = symbolAt(body, at);
    if (inside && start === -1) start = at;
    if (!inside && start !== -1) {
      yield { start, end: at };
      start = -1;
    }
    at += length;
  }
}

/** a byte, an ellipsis, or an escape of JSON: in `\nsk-…` the letter before the key is none, and must stay with its backslash */
function symbolAt(body: Buffer, at: number): { inside: boolean; length: number } {
  const byte = body[at] ?? 0;
  if (IN_RUN[byte] === 1) return INSIDE;
  // Only as a whole: other characters, such as closing quotes and dashes, begin with the same bytes.
  for (const ellipsis of ELLIPSES) {
    if (byte === ellipsis[0] && ellipsis.equals(body.subarray(at, at + ellipsis.length)))
      return { inside: true, length: ellipsis.length };
  }
  if (byte !== BACKSLASH) return OUTSIDE;
  const next = body[at + 1] ?? 0;
  if (next === LETTER_U) return UNICODE_ESCAPE;
  return SHORT_ESCAPES.includes(next) ? SHORT_ESCAPE : OUTSIDE;
}

const INSIDE = { inside: true, length: 1 };
const OUTSIDE = { inside: false, length: 1 };
const SHORT_ESCAPE = { inside: false, length: 2 };
const UNICODE_ESCAPE = { inside: false, length: 6 };
const SHORT_ESCAPES = Buffer.from(String.raw`"\/bfnrt`);
const IN_RUN = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:*'))
  IN_RUN[byte] = 1;
