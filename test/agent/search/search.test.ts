import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { searchFiles } from './files.ts';
import { fingerprint, fingerprintForms } from './fingerprint.ts';
import { emptyProcessCoverage, readableRegions, searchProcess } from './processes.ts';
import { createScanner, type Scanner } from './scanner.ts';
import { TOKEN_NAME } from './service-account-token.ts';

/** feeds the bytes in pieces of the given sizes, then what is left */
function scanPieces(scanner: Scanner, bytes: Buffer, sizes: readonly number[]): void {
  let position = 0;
  const queue = [...sizes];
  scanner.scan('bytes', (buffer) => {
    const size = Math.min(queue.shift() ?? bytes.length, buffer.length, bytes.length - position);
    bytes.copy(buffer, 0, position, position + size);
    position += size;
    return size;
  });
}

describe('scanner', () => {
  test('finds a needle wherever it stands and however the bytes come in pieces', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 80 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }),
        (needle, before, behind, sizes) => {
          const scanner = createScanner([fingerprint('needle', needle)]);
          scanPieces(scanner, Buffer.concat([before, needle, behind]), sizes);
          expect(scanner.hits().map((hit) => hit.needle)).toContain('needle');
        },
      ),
    );
  });

  test('finds one across the border of two large pieces', () => {
    const needle = randomBytes(40);
    const size = 4 * 1024 * 1024;
    const bytes = Buffer.alloc(3 * size);
    needle.copy(bytes, size - 20);
    needle.copy(bytes, 2 * size - 1);
    const scanner = createScanner([fingerprint('needle', needle)]);
    scanPieces(scanner, bytes, []);
    expect(scanner.hits()).toEqual([{ needle: 'needle', place: 'bytes', count: 2 }]);
  });

  test('does not take the same beginning for the whole', () => {
    const needle = randomBytes(40);
    const other = Buffer.concat([needle.subarray(0, 39), Buffer.from([needle[39]! ^ 1])]);
    const scanner = createScanner([fingerprint('needle', needle)]);
    scanPieces(scanner, Buffer.concat([other, needle.subarray(0, 39)]), []);
    expect(scanner.hits()).toEqual([]);
  });

  test.each([
    ['plain', (key: Buffer) => key],
    ['hex', (key: Buffer) => Buffer.from(key.toString('hex'))],
    ['base64 of the key', (key: Buffer) => Buffer.from(key.toString('base64'))],
    [
      'basic authentication',
      (key: Buffer) => Buffer.from(Buffer.from(`user:${key.toString()}`).toString('base64')),
    ],
    [
      'JSON in base64url',
      (key: Buffer) => Buffer.from(Buffer.from(`{"k":"${key.toString()}"}`).toString('base64url')),
    ],
    ['a two-byte string', (key: Buffer) => Buffer.from(key.toString('latin1'), 'utf16le')],
  ] as const)('finds a key as %s', (_form, write) => {
    const key = Buffer.from('sk-proj-0123456789abcdefghijABCDEFGHIJ');
    const scanner = createScanner(fingerprintForms('key', key));
    scanPieces(scanner, Buffer.concat([randomBytes(100), write(key), randomBytes(100)]), []);
    expect(scanner.hits().length).toBeGreaterThan(0);
  });

  test('finds a ServiceAccount token that it does not know, and no other token', () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = (claims: object): string =>
      `${part({ alg: 'RS256', kid: 'x' })}.${part(claims)}.${'s'.repeat(342)}`;
    const scanner = createScanner([]);
    const mine = token({ 'kubernetes.io': { namespace: 'agents' }, aud: ['x'] });
    scanPieces(scanner, Buffer.from(`${token({ iss: 'github' })}\n${mine}\n`), []);
    expect(scanner.hits()).toEqual([{ needle: TOKEN_NAME, place: 'bytes', count: 1 }]);
  });
});

describe('files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'search-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('every regular file once, no links, none of a skipped mount', () => {
    const key = randomBytes(32);
    mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
    mkdirSync(join(folder, 'kernel'));
    writeFileSync(join(folder, 'deep', 'er', 'secret'), key);
    writeFileSync(join(folder, 'kernel', 'secret'), key);
    symlinkSync(join(folder, 'deep', 'er', 'secret'), join(folder, 'link'));
    const scanner = createScanner([fingerprint('key', key)]);
    const coverage = searchFiles(folder, [{ path: join(folder, 'kernel'), type: 'sysfs' }], scanner);
    expect(coverage).toEqual({ files: 1, bytes: 32, unreadable: [] });
    expect(scanner.hits()).toEqual([
      { needle: 'key', place: join(folder, 'deep', 'er', 'secret'), count: 1 },
    ]);
  });
});

describe('processes', () => {
  test('regions: the process’s own and changed ones, not the kernel’s and not plain views of files', () => {
    const maps = [
      '00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon',
      '00651000-00652000 rw-p 00051000 08:02 173521      /usr/bin/dbus-daemon',
      '00e03000-00e24000 rw-p 00000000 00:00 0           [heap]',
      '35b1800000-35b1820000 ---p 00000000 00:00 0',
      '7f0000000000-7f0000001000 r--s 00000000 00:01 77  /memfd:code (deleted)',
      '7fffb2c0d000-7fffb2c2e000 rw-p 00000000 00:00 0   [stack]',
      '7fffb2d48000-7fffb2d49000 r-xp 00000000 00:00 0   [vdso]',
    ].join('\n');
    expect(readableRegions(maps).map(({ start }) => start.toString(16))).toEqual([
      '651000',
      'e03000',
      '7f0000000000',
      '7fffb2c0d000',
    ]);
  });

  test('a key in the memory and one in the environment of another process', async () => {
    const [inMemory, inEnv] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
    // `cat` is small, and what it copied stays in its buffer.
    const child = spawn('cat', [], { env: { KEY: inEnv }, stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      const copied = new Promise((resolve) => child.stdout.once('data', resolve));
      child.stdin.write(inMemory);
      await copied;
      const scanner = createScanner([
        fingerprint('memory', Buffer.from(inMemory)),
        fingerprint('env', Buffer.from(inEnv)),
      ]);
      const coverage = emptyProcessCoverage();
      searchProcess(scanner, coverage, String(child.pid), false);
      expect(coverage.unreadable).toEqual([]);
      expect(coverage.memoryBytes).toBeGreaterThan(100_000);
      expect(new Set(scanner.hits().map((hit) => hit.needle))).toEqual(new Set(['memory', 'env']));
      expect(scanner.hits().map((hit) => hit.place)).toContain(`/proc/${child.pid}/environ`);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
