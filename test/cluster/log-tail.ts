import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The last lines of a log, or a remark in brackets where there is none to read. */
export function tailOfFile(path: string, lines = 15, maxBytes = 16_384): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return '(no log)';
  }
  try {
    const size = fstatSync(fd).size;
    const buffer = Buffer.alloc(Math.min(size, maxBytes));
    readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return tailOfText(buffer.toString('utf8'), lines);
  } finally {
    closeSync(fd);
  }
}

export function tailOfText(text: string, lines = 15): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n') || '(empty)';
}
