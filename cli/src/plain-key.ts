// Reading the provider key. This is the one place at which the tool sees it in plain text.
import { MAX_PLAINTEXT_BYTES, Secret, looksLikeFakeToken } from '@seks/crds';

import { CliError } from './cli-error.ts';
import { isMissing, say } from './io.ts';
import type { Io } from './io.ts';

export interface KeySource {
  fromFile?: string;
  literal?: string;
}

/** room to tell a file that is too long from one that holds a key and a line feed */
const MAX_INPUT_BYTES = MAX_PLAINTEXT_BYTES + 1024;
const PASTE_HINT = 'paste the key alone, as the provider shows it: one line, no quotes, no name in front';

/** reads the key from the file, the argument, a pipe or the terminal, and refuses what no provider issues */
export async function readPlainKey(source: KeySource, io: Io): Promise<Secret<'provider-key'>> {
  const bytes = await readBytes(source, io);
  const end = trimmedLength(bytes);
  if (end < bytes.length) say(io, 'note', 'one line feed at the end of the key was left out');
  try {
    const problem = problemWith(bytes.subarray(0, end));
    if (problem !== undefined) throw new CliError(problem.message, { hint: problem.hint });
    return new Secret('provider-key', bytes.subarray(0, end));
  } finally {
    bytes.fill(0);
  }
}

async function readBytes({ fromFile, literal }: KeySource, io: Io): Promise<Buffer> {
  if (literal !== undefined) {
    say(io, 'warning', '--literal shows the key in the process list and leaves it in the shell history');
    say(io, 'hint', 'use --from-file, a pipe or the prompt, and rotate a key that was typed like this');
    return Buffer.from(literal);
  }
  if (fromFile !== undefined && fromFile !== '-') {
    return io.readFile(fromFile).catch((cause: unknown) => {
      const why = isMissing(cause) ? 'does not exist' : 'cannot be read';
      throw new CliError(`the key file ${fromFile} ${why}`, { cause });
    });
  }
  if (io.stdin.isTty) return io.stdin.askHidden('key (not shown): ');
  return io.stdin.readAll(MAX_INPUT_BYTES);
}

function trimmedLength(bytes: Buffer): number {
  if (bytes.at(-1) !== 0x0a) return bytes.length;
  return bytes.at(-2) === 0x0d ? bytes.length - 2 : bytes.length - 1;
}

function problemWith(key: Buffer): { message: string; hint: string } | undefined {
  if (key.length === 0) return { message: 'the key is empty', hint: 'pipe it in, or use --from-file' };
  if (key.length > MAX_PLAINTEXT_BYTES) {
    return { message: `the key is longer than ${MAX_PLAINTEXT_BYTES} bytes`, hint: PASTE_HINT };
  }
  if (key.includes(0x0a) || key.includes(0x0d))
    return { message: 'the key has more than one line', hint: PASTE_HINT };
  if (key.some((byte) => byte === 0x20 || byte === 0x09))
    return { message: 'the key holds white space', hint: PASTE_HINT };
  // A header value could carry little else; a byte order mark or UTF-16 comes from an editor.
  if (key.some((byte) => byte < 0x21 || byte > 0x7e)) {
    return {
      message: 'the key holds characters other than printable ASCII',
      hint: 'save the file as plain ASCII or UTF-8 without a byte order mark',
    };
  }
  if (looksLikeFakeToken(key.toString('latin1'))) {
    return {
      message: 'this is a fake token of a pod, not a key',
      hint: 'seal the key that the provider issued',
    };
  }
  return undefined;
}
