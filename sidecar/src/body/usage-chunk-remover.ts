// Takes out of a chat-completions stream what is there only because we asked for usage: the extra chunk without choices, and
// the `"usage":null` of all others. The client gets the bytes that it would have got without our asking.

/** a stream of events, without the usage that the client did not ask for */
export interface UsageChunkRemover {
  /** the bytes that can be passed on now; may be empty */
  push(chunk: Buffer): Buffer;
  /** what was held back, when the stream has ended */
  end(): Buffer;
}

const NOTHING = Buffer.alloc(0);
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CLOSE_BRACE = 0x7d;
const QUOTE = 0x22;
const DATA = Buffer.from('data:');
const USAGE = Buffer.from('"usage"');
const NULL_USAGE = Buffer.from(',"usage":null');
const OBFUSCATION = Buffer.from(',"obfuscation":"');
/** a longer line is passed on as it is */
const MAX_HELD_BYTES = 65_536;

/** a remover for one answer; it holds back one line that has not ended, and never an event that has */
export function createUsageChunkRemover(): UsageChunkRemover {
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** the line is too long to be held: what follows of it passes */
  let passes = false;
  /** bytes of this event were passed on */
  let isEventOpen = false;
  /** the chunk was taken out, and the blank line that ends its event is to follow */
  let dropsBlank = false;

  /** what is left of one whole line */
  const filter = (line: Buffer): Buffer => {
    const isBlank = line[0] === LINE_FEED || (line[0] === CARRIAGE_RETURN && line[1] === LINE_FEED);
    if (isBlank) {
      const drops = dropsBlank && !isEventOpen;
      dropsBlank = false;
      isEventOpen = false;
      return drops ? NOTHING : line;
    }
    if (isUsageChunk(line)) {
      dropsBlank = true;
      return NOTHING;
    }
    isEventOpen = true;
    return withoutNullUsage(line);
  };

  const takeHeld = (): Buffer => {
    const bytes = held.length === 1 ? (held[0] ?? NOTHING) : Buffer.concat(held);
    held = [];
    heldBytes = 0;
    return bytes;
  };

  return {
    push(chunk) {
      const out: Buffer[] = [];
      let at = 0;
      while (at < chunk.length) {
        const feed = chunk.indexOf(LINE_FEED, at);
        const piece = chunk.subarray(at, feed === -1 ? chunk.length : feed + 1);
        at += piece.length;
        if (passes) {
          out.push(piece);
          passes = feed === -1;
        } else if (feed !== -1) {
          if (heldBytes > 0) held.push(piece);
          const kept = filter(heldBytes > 0 ? takeHeld() : piece);
          if (kept.length > 0) out.push(kept);
        } else {
          // A copy: the parser owns the chunk, and a few bytes must not keep a whole network buffer alive.
          held.push(Buffer.from(piece));
          heldBytes += piece.length;
          if (heldBytes <= MAX_HELD_BYTES) break;
          isEventOpen = true;
          passes = true;
          out.push(takeHeld());
        }
      }
      return out.length === 1 ? (out[0] ?? NOTHING) : Buffer.concat(out);
    },
    end: takeHeld,
  };
}

/** `data:` with a JSON object whose `choices` are none and whose `usage` is an object */
function isUsageChunk(line: Buffer): boolean {
  if (!startsWith(line, DATA)) return false;
  if (!holdsUsageObject(line)) return false;
  try {
    const chunk = JSON.parse(line.toString('utf8', DATA.length)) as {
      choices?: unknown;
      usage?: unknown;
    } | null;
    const choices = chunk?.choices;
    return (
      Array.isArray(choices) &&
      choices.length === 0 &&
      typeof chunk?.usage === 'object' &&
      chunk.usage !== null
    );
  } catch {
    return false;
  }
}

/** a cheap look before the line is parsed: with usage asked for, each line has `"usage":null` */
function holdsUsageObject(line: Buffer): boolean {
  let found = line.indexOf(USAGE);
  while (found !== -1) {
    let at = found + USAGE.length;
    while (isSpaceOrColon(line[at])) at += 1;
    if (line[at] === 0x7b) return true;
    found = line.indexOf(USAGE, at);
  }
  return false;
}

function isSpaceOrColon(byte: number | undefined): boolean {
  return byte === 0x3a || byte === 0x20 || byte === 0x09;
}

/**
 * The line without `,"usage":null` where that is certainly a member of the outermost object: right before its closing brace, or
 * with only OpenAI's `obfuscation` between, a string of letters and digits. Anywhere else it stays: clients ignore it.
 */
function withoutNullUsage(line: Buffer): Buffer {
  let end = line.length - 1;
  if (line[end - 1] === CARRIAGE_RETURN) end -= 1;
  if (line[end - 1] !== CLOSE_BRACE || !startsWith(line, DATA)) return line;
  end -= 1;
  const usageEnd = line[end - 1] === QUOTE ? startOfObfuscation(line, end) : end;
  const start = usageEnd - NULL_USAGE.length;
  if (start < DATA.length || NULL_USAGE.compare(line, start, usageEnd) !== 0) return line;
  return Buffer.concat([line.subarray(0, start), line.subarray(usageEnd)]);
}

/** where `,"obfuscation":"…"` starts that ends at `end`; 0 if there is none */
function startOfObfuscation(line: Buffer, end: number): number {
  let at = end - 1;
  while (isLetterOrDigit(line[at - 1])) at -= 1;
  const start = at - OBFUSCATION.length;
  return start >= 0 && OBFUSCATION.compare(line, start, at) === 0 ? start : 0;
}

function isLetterOrDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
}

function startsWith(line: Buffer, text: Buffer): boolean {
  return line.length >= text.length && text.compare(line, 0, text.length) === 0;
}
