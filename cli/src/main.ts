// The process: real terminal, files and kubectl. Everything else is given them.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isatty } from 'node:tty';

import manifest from '../package.json' with { type: 'json' };
import { CliError } from './cli-error.ts';
import { askHidden } from './hidden-prompt.ts';
import type { Io } from './io.ts';
import { runKubectl } from './kubectl.ts';
import { run } from './program.ts';
import { replaceFile } from './replace-file.ts';

async function readStdin(maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new CliError('the input is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const { signal } = new AbortController();
const io: Io = {
  stdin: {
    isTty: isatty(0),
    readAll: readStdin,
    askHidden: async (question) => askHidden(process.stdin, (text) => process.stderr.write(text), question),
  },
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  // https://no-color.org: any value but an empty one means no
  colour: isatty(2) && !process.env['NO_COLOR'],
  readFile: async (path) => readFile(path),
  replaceFile: async (path, text) => replaceFile(path, text, randomBytes(6).toString('hex')),
  kubectl: async (args) => runKubectl('kubectl', args, signal),
  randomBytes,
  signal,
};

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === 'EPIPE' ? 0 : 1;
});

process.exitCode = await run(process.argv.slice(2), manifest.version, io);
