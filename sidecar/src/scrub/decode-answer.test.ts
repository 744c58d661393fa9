import { EventEmitter } from 'node:events';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { describe, expect, test } from '@jest/globals';
import { Secret, type SeksError } from '@seks/crds';

import type { UpstreamAnswer } from '../forward/forwarder.ts';
import { decodeAnswer } from './decode-answer.ts';
import { needlesOf } from './needles.ts';
import { StreamScrubber } from './stream-scrubber.ts';

const KEY = 'sk-proj-CANARY-0123456789abcdef';
const TEXT = Buffer.from(`{"reflected":"${KEY}","n":${'1234567890'.repeat(2_000)}}`);

const CODINGS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

/** an answer whose body a test hands out */
class ManualAnswer extends EventEmitter implements UpstreamAnswer {
  readonly statusCode = 200;
  readonly rawHeaders = ['content-type', 'application/json'];
  rawTrailers: string[] = [];
  complete = false;
  paused = false;
  destroyed = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.emit('resumed');
  }
  destroy(): void {
    this.destroyed = true;
  }
  send(bytes: Buffer, chunkBytes = bytes.length): void {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      this.emit('data', Buffer.from(bytes.subarray(at, at + chunkBytes)));
    }
  }
  finish(): void {
    this.complete = true;
    this.emit('end');
  }
}

/** everything that comes out, or the code of what went wrong */
function collect(answer: ManualAnswer, coding: string): Promise<Buffer | string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const decoded = decodeAnswer(answer, coding, (error: SeksError) => resolve(error.code));
    decoded.on('data', (chunk) => chunks.push(chunk));
    decoded.on('end', () => resolve(Buffer.concat(chunks)));
  });
}

describe('decodeAnswer', () => {
  test.each(Object.entries(CODINGS))('%s, in chunks of any size', async (coding, compress) => {
    const bytes = compress(TEXT);
    for (const chunkBytes of [1, 7, 1_000, bytes.length]) {
      const answer = new ManualAnswer();
      const body = collect(answer, coding.toUpperCase());
      answer.send(bytes, chunkBytes);
      answer.finish();
      expect(await body).toEqual(TEXT);
    }
  });

  test('two codings, the last one first', async () => {
    const answer = new ManualAnswer();
    const body = collect(answer, ' gzip , br');
    answer.send(brotliCompressSync(gzipSync(TEXT)), 100);
    answer.finish();
    expect(await body).toEqual(TEXT);
  });

  test.each(Object.keys(CODINGS))('an answer without a body ends, though it is called %s', async (coding) => {
    const answer = new ManualAnswer();
    const body = collect(answer, `${coding}, ${coding}`);
    answer.finish();
    expect(await body).toEqual(Buffer.alloc(0));
    expect(answer.destroyed).toBe(false);
  });

  test.each(['gzip, identity', 'Identity,gzip', 'identity, gzip, identity, identity'])(
    '"%s" is gzip',
    async (coding) => {
      const answer = new ManualAnswer();
      const body = collect(answer, coding);
      answer.send(gzipSync(TEXT));
      answer.finish();
      expect(await body).toEqual(TEXT);
    },
  );

  test('"identity, identity" is no coding', () => {
    const answer = new ManualAnswer();
    expect(decodeAnswer(answer, 'identity, identity', () => {})).toBe(answer);
  });

  test('S7: a second zstd frame never goes missing', async () => {
    const frames = Buffer.concat([zstdCompressSync('one '), zstdCompressSync(TEXT)]);
    const answer = new ManualAnswer();
    const body = collect(answer, 'zstd');
    answer.send(frames);
    answer.finish();
    expect(await body).toEqual(Buffer.concat([Buffer.from('one '), TEXT]));
  });

  test.each([
    'compress',
    'aes128gcm',
    'gzip, unknown',
    'identity, unknown',
    'unknown, gzip',
    'gzip,',
    ',',
    'gzip, gzip, gzip',
    'constructor',
    '__proto__',
    'gzip;q=1',
  ])('S7: "%s" is refused', (coding) => {
    const decode = (): unknown => decodeAnswer(new ManualAnswer(), coding, () => {});
    expect(decode).toThrow(expect.objectContaining({ code: 'SEKS_UPSTREAM_ENCODING' }));
  });

  test.each(Object.entries(CODINGS))('S7: %s that is corrupt breaks off', async (coding, compress) => {
    const bytes = Buffer.from(compress(TEXT));
    bytes.fill(0xff, 0, 12);
    const answer = new ManualAnswer();
    const body = collect(answer, coding);
    answer.send(bytes);
    answer.finish();
    expect(await body).toBe('SEKS_UPSTREAM_ENCODING');
    expect(answer.destroyed).toBe(true);
  });

  test.each(Object.entries(CODINGS))('S7: %s that is too short breaks off', async (coding, compress) => {
    const bytes = compress(TEXT);
    const answer = new ManualAnswer();
    const body = collect(answer, coding);
    answer.send(bytes.subarray(0, bytes.length - 6));
    answer.finish();
    expect(await body).toBe('SEKS_UPSTREAM_ENCODING');
  });

  test('an answer whose connection broke does not end', async () => {
    const answer = new ManualAnswer();
    let ended = false;
    const decoded = decodeAnswer(answer, 'gzip', () => {});
    const came = new Promise<void>((resolve) => decoded.on('data', () => resolve()));
    decoded.on('end', () => (ended = true));
    // Several blocks, so that a part can be decoded.
    answer.send(gzipSync(Buffer.alloc(1_000_000, TEXT)).subarray(0, -10));
    answer.emit('end');
    await came;
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    expect(decoded.complete).toBe(false);
    decoded.destroy();
    expect(answer.destroyed).toBe(true);
  });

  test('head, trailers and completeness are those of the answer', () => {
    const answer = new ManualAnswer();
    const decoded = decodeAnswer(answer, 'gzip', () => {});
    expect([decoded.statusCode, decoded.rawHeaders, decoded.complete]).toEqual([
      200,
      answer.rawHeaders,
      false,
    ]);
    answer.rawTrailers = ['x', 'y'];
    answer.complete = true;
    expect([decoded.rawTrailers, decoded.complete]).toEqual([['x', 'y'], true]);
    decoded.destroy();
  });

  test('back-pressure: who does not read holds the provider up, and gets everything in the end', async () => {
    const whole = Buffer.alloc(4_000_000, TEXT);
    const bytes = gzipSync(whole, { level: 0 });
    const answer = new ManualAnswer();
    const decoded = decodeAnswer(answer, 'gzip', () => {});
    const chunks: Buffer[] = [];
    const ended = new Promise<void>((resolve) => decoded.on('end', resolve));
    decoded.on('data', (chunk) => chunks.push(chunk));
    decoded.pause();
    let sent = 0;
    const pump = (): void => {
      while (!answer.paused && sent < bytes.length) {
        answer.send(bytes.subarray(sent, sent + 16_384));
        sent += 16_384;
      }
      if (sent >= bytes.length && !answer.complete) answer.finish();
    };
    answer.on('resumed', pump);
    pump();
    expect(answer.paused).toBe(true);
    expect(sent).toBeLessThan(bytes.length / 4);
    expect(chunks).toEqual([]);
    decoded.resume();
    await ended;
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
  });

  test.each(Object.entries(CODINGS))(
    'S10: a key in %s is found, wherever the chunks end',
    async (coding, compress) => {
      const bytes = compress(TEXT);
      for (let cut = 1; cut < 60; cut += 1) {
        const answer = new ManualAnswer();
        const scrubber = new StreamScrubber(needlesOf(new Secret('provider-key', KEY)));
        const decoded = decodeAnswer(answer, coding, () => {});
        const chunks: Buffer[] = [];
        const ended = new Promise<void>((resolve) => decoded.on('end', resolve));
        decoded.on('data', (chunk) => chunks.push(scrubber.push(chunk)));
        answer.send(bytes.subarray(0, cut));
        answer.send(bytes.subarray(cut));
        answer.finish();
        await ended;
        const text = Buffer.concat([...chunks, scrubber.end()]).toString();
        expect(text).toBe(TEXT.toString().replace(KEY, '*'.repeat(KEY.length)));
        expect(scrubber.hits).toBe(1);
      }
    },
  );
});
