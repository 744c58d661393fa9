// An Io in memory: tests set what it holds and read what a command did to it.
import { randomBytes } from 'node:crypto';

import { CliError } from '../cli-error.ts';
import type { Io } from '../io.ts';

export interface FakeIo extends Io {
  stdout: string;
  stderr: string;
  files: Map<string, string | Buffer>;
  kubectlCalls: string[][];
}

export interface FakeInput {
  stdin?: string | Buffer;
  /** what a person types; makes stdin a terminal */
  typed?: string;
  files?: Record<string, string | Buffer>;
  kubectl?: (args: readonly string[]) => string;
}

export function fakeIo({ stdin = '', typed, files = {}, kubectl }: FakeInput = {}): FakeIo {
  const io: FakeIo = {
    stdout: '',
    stderr: '',
    files: new Map(Object.entries(files)),
    kubectlCalls: [],
    stdin: {
      isTty: typed !== undefined,
      readAll: async (maxBytes) => {
        if (typed !== undefined) throw new Error('a terminal must be asked, not read');
        if (Buffer.byteLength(stdin) > maxBytes) throw new CliError('the input is too long');
        return Buffer.from(stdin as string);
      },
      askHidden: async () => Buffer.from(typed ?? ''),
    },
    out: (text) => {
      io.stdout += text;
    },
    err: (text) => {
      io.stderr += text;
    },
    colour: false,
    readFile: async (path) => {
      const file = io.files.get(path);
      if (file === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
      return Buffer.from(file as string);
    },
    replaceFile: async (path, text) => {
      io.files.set(path, text);
    },
    kubectl: async (args) => {
      io.kubectlCalls.push([...args]);
      if (kubectl === undefined) throw new CliError('kubectl was not found', { hint: 'install it' });
      return kubectl(args);
    },
    randomBytes,
    signal: new AbortController().signal,
  };
  return io;
}
