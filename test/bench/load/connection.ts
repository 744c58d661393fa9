// A client's connection that is kept: requests are prepared bytes, answers are counted, not kept.
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { Endpoint } from '../target.ts';
import { MessageParser } from './message-parser.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 20_000;
const MAX_ERROR_TEXT = 200;
const CLOSE = /\r\nconnection: *close/i;

export interface Answer {
  bodyBytes: number;
  /** when the first byte of the body came; see {@link nowUs} */
  firstByteUs: number;
}

/** monotonic, the same clock in all processes of a Linux machine, in `µs` */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

/** the bytes of a request */
export function requestBytes(endpoint: Endpoint, body: string): Buffer {
  const headers: Record<string, string> = {
    host: endpoint.host,
    authorization: endpoint.authorization,
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'seks-bench',
    'content-length': String(Buffer.byteLength(body)),
    ...endpoint.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${endpoint.path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** one connection; one request at a time */
export class Connection {
  readonly #socket: Socket;
  readonly #parser: MessageParser;
  #pending: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  #onBody: ((bytes: Buffer) => void) | undefined;
  #status = 0;
  #closing = false;
  #bodyBytes = 0;
  #firstByteUs = 0;
  #errorText = '';

  private constructor(socket: Socket, closesAfterAnswer: boolean) {
    this.#socket = socket;
    this.#parser = new MessageParser('answer', {
      head: (text) => {
        this.#status = Number(text.slice(9, 12));
        this.#closing = closesAfterAnswer || CLOSE.test(text);
      },
      body: (bytes) => this.#body(bytes),
      end: () => this.#end(),
    });
    socket.on('data', (chunk: Buffer) => this.#parser.push(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      this.#parser.close();
      this.#fail(new Error('the connection was closed'));
    });
    socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
      socket.destroy(new Error(`nothing came for ${ANSWER_TIMEOUT_MS / 1000} s`)),
    );
  }

  static async open({ port, tls, closesAfterAnswer = false }: Endpoint): Promise<Connection> {
    const address = { host: '127.0.0.1', port, noDelay: true };
    const socket = tls === undefined ? connectPlain(address) : connectTls({ ...address, ...tls });
    try {
      await once(socket, tls === undefined ? 'connect' : 'secureConnect', {
        signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
      });
    } catch (cause) {
      socket.destroy();
      throw cause;
    }
    socket.setNoDelay(true);
    return new Connection(socket, closesAfterAnswer);
  }

  /**
   * sends a request; resolves at the end of its answer
   *
   * @param onBody takes the body as it comes
   * @throws Error if the status is not 200, or the connection breaks
   */
  exchange(request: Buffer, onBody?: (bytes: Buffer) => void): Promise<Answer> {
    if (this.closed) return Promise.reject(new Error('the connection was closed'));
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#onBody = onBody;
      this.#bodyBytes = 0;
      this.#firstByteUs = 0;
      this.#errorText = '';
      this.#socket.write(request);
    });
  }

  /** the other side has ended it, or says that it will: some do after each answer */
  get closed(): boolean {
    return this.#closing || this.#socket.destroyed || this.#socket.readableEnded;
  }

  close(): void {
    this.#pending = undefined;
    this.#socket.destroy();
  }

  #body(bytes: Buffer): void {
    if (this.#bodyBytes === 0) this.#firstByteUs = nowUs();
    this.#bodyBytes += bytes.length;
    if (this.#status !== 200 && this.#errorText.length < MAX_ERROR_TEXT) this.#errorText += bytes.toString();
    this.#onBody?.(bytes);
  }

  #end(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    if (this.#status === 200) pending.resolve({ bodyBytes: this.#bodyBytes, firstByteUs: this.#firstByteUs });
    else pending.reject(new Error(`status ${this.#status}: ${this.#errorText.slice(0, MAX_ERROR_TEXT)}`));
  }

  #fail(error: Error): void {
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}
