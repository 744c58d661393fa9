import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { tailOfFile, tailOfText } from './log-tail.ts';

const file = join(mkdtempSync(join(tmpdir(), 'tail-')), 'x.log');

test('the last lines, however long the file', () => {
  writeFileSync(file, Array.from({ length: 50_000 }, (_, index) => `line ${index}`).join('\n'));
  expect(tailOfFile(file, 2)).toBe('line 49998\nline 49999');
});

test('a log that is absent or empty says so', () => {
  expect(tailOfFile('/nonexistent/x.log')).toBe('(no log)');
  expect(tailOfText('\n')).toBe('(empty)');
});
