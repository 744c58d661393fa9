// A byte stream as lines. A watch sends one JSON object a line, in chunks that end anywhere.

/** the stream held a line longer than we are willing to keep */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

/** the stream ended inside a line */
export class TruncatedLineError extends Error {
  override readonly name = 'TruncatedLineError';
}

const NEWLINE = 0x0a;

/** complete lines, without their line feed; blank lines are left out */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<string, void, undefined> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      const part = chunk.subarray(start, end === -1 ? undefined : end);
      pendingBytes += part.length;
      if (pendingBytes > maxLineBytes)
        throw new LineTooLongError(`a line is longer than ${maxLineBytes} bytes`);
      if (part.length > 0) pending.push(part);
      if (end === -1) break;
      // Decoded as a whole: a multi-byte character may lie across two chunks.
      if (pendingBytes > 0) yield Buffer.concat(pending).toString('utf8');
      pending = [];
      pendingBytes = 0;
      start = end + 1;
    }
  }
  if (pendingBytes > 0) throw new TruncatedLineError('the stream ended inside a line');
}
