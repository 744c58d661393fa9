// Reads HTTP/1.1 messages off a connection: as little as client and upstream of the bench need, so that they cost next to nothing
// beside what is measured. Not for untrusted peers.

export interface MessageWatch {
  /** the head without its empty line */
  head(text: string): void;
  body(bytes: Buffer): void;
  end(): void;
  /** the connection belongs to another protocol from here on */
  upgrade?(rest: Buffer): void;
}

const HEAD_END = '\r\n\r\n';
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const UPGRADE = /\r\nupgrade: */i;
const NOTHING = Buffer.alloc(0);

type State =
  'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'upgraded';

/** a parser of one direction of one connection; messages may follow each other and be split anywhere */
export class MessageParser {
  readonly #watch: MessageWatch;
  /** whether a message without framing has no body, as requests, or ends with the connection, as answers */
  readonly #unframedIsEmpty: boolean;
  #state: State = 'head';
  #held: Buffer = NOTHING;
  #left = 0;

  constructor(kind: 'request' | 'answer', watch: MessageWatch) {
    this.#watch = watch;
    this.#unframedIsEmpty = kind === 'request';
  }

  push(chunk: Buffer): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next === undefined) {
        this.#held = bytes.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** the connection ended */
  close(): void {
    if (this.#state !== 'until-close') return;
    this.#state = 'head';
    this.#watch.end();
  }

  /** where to go on; undefined: more bytes are needed */
  #step(bytes: Buffer, at: number): number | undefined {
    switch (this.#state) {
      case 'head':
        return this.#head(bytes, at);
      case 'length':
        return this.#body(bytes, at, () => this.#endMessage());
      case 'chunk':
        return this.#body(bytes, at, () => (this.#state = 'chunk-end'));
      case 'until-close':
        this.#watch.body(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case 'upgraded':
        this.#watch.upgrade?.(bytes.subarray(at));
        return bytes.length;
      case 'chunk-size':
        return this.#line(bytes, at, (line) => {
          this.#left = Number.parseInt(line, 16);
          this.#state = this.#left === 0 ? 'trailer' : 'chunk';
        });
      case 'chunk-end':
        return this.#line(bytes, at, () => (this.#state = 'chunk-size'));
      default:
        return this.#line(bytes, at, (line) => {
          if (line === '') this.#endMessage();
        });
    }
  }

  #head(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(HEAD_END, at, 'latin1');
    if (end === -1) return undefined;
    const text = bytes.toString('latin1', at, end);
    const next = end + HEAD_END.length;
    this.#watch.head(text);
    const length = CONTENT_LENGTH.exec(text)?.[1];
    if (length !== undefined && length !== '0') {
      this.#left = Number(length);
      this.#state = 'length';
    } else if (CHUNKED.test(text)) this.#state = 'chunk-size';
    else if (this.#watch.upgrade !== undefined && UPGRADE.test(text)) {
      this.#state = 'upgraded';
      if (next === bytes.length) this.#watch.upgrade(NOTHING);
    } else if (length === '0' || this.#unframedIsEmpty) this.#watch.end();
    else this.#state = 'until-close';
    return next;
  }

  #body(bytes: Buffer, at: number, ended: () => void): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#watch.body(bytes.subarray(at, end));
    this.#left -= end - at;
    if (this.#left === 0) ended();
    return end;
  }

  #line(bytes: Buffer, at: number, done: (line: string) => void): number | undefined {
    const end = bytes.indexOf('\r\n', at, 'latin1');
    if (end === -1) return undefined;
    done(bytes.toString('latin1', at, end));
    return end + 2;
  }

  #endMessage(): void {
    this.#state = 'head';
    this.#watch.end();
  }
}
