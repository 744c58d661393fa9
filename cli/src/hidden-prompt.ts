// Asking for a key on the terminal, with the echo off.
import type { ReadStream } from 'node:tty';

import { CliError } from './cli-error.ts';

const ENTER = new Set([0x0a, 0x0d]);
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_U = 0x15;
const BACKSPACE = new Set([0x08, 0x7f]);
/** exit code of a program that was interrupted: 128 + SIGINT */
const EXIT_INTERRUPTED = 130;

/** the part of a terminal that the prompt needs */
export type Terminal = Pick<ReadStream, 'setRawMode' | 'resume' | 'pause' | 'on' | 'off'>;

/** reads one line in raw mode, so that nothing echoes it; the terminal is put back whatever happens */
export async function askHidden(
  terminal: Terminal,
  show: (text: string) => void,
  question: string,
): Promise<Buffer> {
  show(question);
  terminal.setRawMode(true);
  terminal.resume();
  try {
    return await readLine(terminal);
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
    show('\n');
  }
}

async function readLine(terminal: Terminal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let line: number[] = [];
    const finish = (settle: () => void): void => {
      terminal.off('data', onData);
      terminal.off('end', onEnd);
      settle();
    };
    const interrupted = (): void => {
      finish(() => reject(new CliError('interrupted; nothing was sealed', { exitCode: EXIT_INTERRUPTED })));
    };
    const onEnd = interrupted;
    const onData = (chunk: Buffer): void => {
      for (const byte of chunk) {
        if (byte === CTRL_C) return interrupted();
        // What follows the end of the line is not part of the key; a paste of two lines ends at the first.
        if (ENTER.has(byte) || byte === CTRL_D) return finish(() => resolve(Buffer.from(line)));
        if (byte === CTRL_U) line = [];
        else if (BACKSPACE.has(byte)) line.pop();
        else line.push(byte);
      }
    };
    terminal.on('data', onData);
    terminal.on('end', onEnd);
  });
}
