// The body of a request as a stream of its own. A client of HTTP destroys the stream that it was given when it is done; were that the
// agent's request, its connection would go as well, and with it an answer that came before the upload had ended.
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** streams the request's body with back-pressure, and discards the rest of it once destroyed */
export class UploadStream extends Readable {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    super();
    this.#request = request;
    // Whoever destroys it knows why; an unheard error would end the process.
    this.on('error', () => {});
    request.on('data', (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) request.pause();
    });
    request.on('end', () => {
      if (!this.destroyed) this.push(null);
    });
    request.on('close', () => {
      if (!request.complete) this.destroy(new Error('the upload was broken off'));
    });
  }

  override _read(): void {
    this.#request.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.resume();
    callback(error);
  }
}
