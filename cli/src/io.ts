// What a command may touch. Commands get this as an argument; main.ts alone makes one from the real process.

export interface Io {
  stdin: {
    isTty: boolean;
    /** reads to the end; refuses more than `maxBytes` */
    readAll(maxBytes: number): Promise<Buffer>;
    /** asks on the terminal without showing what is typed */
    askHidden(question: string): Promise<Buffer>;
  };
  /** data for the next program */
  out(text: string): void;
  /** words for people */
  err(text: string): void;
  /** whether {@link err} may use colours */
  colour: boolean;
  readFile(path: string): Promise<Buffer>;
  /** replaces or creates a file so that a reader sees the old or the new text, never a part */
  replaceFile(path: string, text: string): Promise<void>;
  /** runs kubectl and returns what it printed */
  kubectl(args: readonly string[]): Promise<string>;
  randomBytes(size: number): Uint8Array;
  signal: AbortSignal;
}

const RED = '\u001B[31m';
const YELLOW = '\u001B[33m';
const CYAN = '\u001B[36m';
const RESET = '\u001B[0m';

/** one line for people: `seks: <kind>: <text>` */
export function say(io: Io, kind: 'error' | 'hint' | 'warning' | 'note', text: string): void {
  const colour = { error: RED, hint: CYAN, warning: YELLOW, note: '' }[kind];
  const mark = io.colour && colour !== '' ? `${colour}${kind}${RESET}` : kind;
  io.err(`seks: ${mark}: ${text}\n`);
}

/** whether an error of the file system says that there is no such file */
export function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
