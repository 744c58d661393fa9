// Decodes one coding of a body (RFC 9110 §8.4.1), also where Node's decoder would not: nothing at all, several zstd frames, and
// `deflate` without its header.
import { Transform, type TransformCallback } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  type Zlib,
} from 'node:zlib';

type Inner = Transform & Zlib;

interface Coding {
  /** a decoder for a body that begins with this byte */
  begin(first: number): Inner;
  /** what follows the end is to be decoded as well */
  several: boolean;
}

const GZIP: Coding = { begin: () => createGunzip(), several: false };
const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: { begin: (first) => (isZlib(first) ? createInflate() : createInflateRaw()), several: false },
  br: { begin: () => createBrotliDecompress(), several: false },
  // RFC 8878 §3.1. Node goes on to the next frame only if that begins with a new chunk.
  zstd: { begin: () => createZstdDecompress(), several: true },
};

/** a decoder of the coding; undefined if there is none */
export function createDecoder(name: string): Decoder | undefined {
  const coding = Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
  return coding && new Decoder(coding);
}

/** RFC 1950 §2.2: the compression method, in the lower half, is 8. In a bare deflate stream that would be a block with dirty padding. */
function isZlib(first: number): boolean {
  return (first & 0x0f) === 8;
}

/** ends where its input ends, and fails if the coded data do not */
export class Decoder extends Transform {
  readonly #coding: Coding;
  /** none before the first byte: an empty body is not coded, whatever its header says */
  #inner: Inner | undefined;
  #innerEnded: () => void = () => {};
  #over = false;

  constructor(coding: Coding) {
    super();
    this.#coding = coding;
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    const [first] = chunk;
    if (first === undefined || this.#over) {
      done();
      return;
    }
    const inner = (this.#inner ??= this.#begin(first));
    const before = inner.bytesWritten;
    const rest = (): Buffer => chunk.subarray(inner.bytesWritten - before);
    // It ends before it is told to if the data end within the chunk.
    this.#innerEnded = () => {
      inner.destroy();
      this.#inner = undefined;
      // What follows otherwise is padding.
      this.#over = !this.#coding.several;
      this._transform(rest(), encoding, done);
    };
    inner.write(chunk, (error) => {
      if (!error && rest().length === 0) done();
    });
  }

  override _flush(done: TransformCallback): void {
    if (this.#inner === undefined) {
      done();
      return;
    }
    this.#innerEnded = done;
    this.#inner.end();
  }

  override _read(size: number): void {
    this.#inner?.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  #begin(first: number): Inner {
    const inner = this.#coding.begin(first);
    inner.on('data', (bytes) => {
      if (!this.push(bytes)) inner.pause();
    });
    inner.on('end', () => this.#innerEnded());
    inner.on('error', (error) => this.destroy(error));
    return inner;
  }
}
