// One request and its answer through undici: handles the dispatcher's calls, and is the answer that is relayed.
import { STATUS_CODES } from 'node:http';

import type { Dispatcher } from 'undici';

import type { ForwardHeaders } from '../request/screen.ts';
import type { Forwarding, UpstreamAnswer } from './forwarder.ts';
import { framedHeaders, pendingBodyBytes } from './request-body.ts';
import { MAX_EXCHANGE_BODY_BYTES } from './routed-forwarder.ts';
import { UploadStream } from './upload-stream.ts';
import { toUpstreamError } from './upstream-error.ts';

const NO_FIELDS: string[] = [];

type Controller = Dispatcher.DispatchController;

/** one forwarding; started once */
export class UndiciExchange implements Dispatcher.DispatchHandler, UpstreamAnswer {
  statusCode = 0;
  statusMessage = '';
  rawHeaders = NO_FIELDS;
  rawTrailers = NO_FIELDS;
  complete = false;
  readonly #forwarding: Forwarding;
  #controller: Controller | undefined;
  #data: ((chunk: Buffer) => void) | undefined;
  #end: (() => void) | undefined;
  /** the body waits for its listener */
  #unheard = false;
  /** nothing is to be told any more: it is complete, has failed, or nobody waits for it */
  #over = false;

  constructor(forwarding: Forwarding) {
    this.#forwarding = forwarding;
  }

  /** sends the request, once its body is there if that is small */
  start(dispatcher: Dispatcher): void {
    const { request, response, headers, body } = this.#forwarding;
    response.once('close', () => {
      if (!response.writableFinished) this.destroy();
    });
    if (body !== undefined) {
      this.#dispatch(dispatcher, framedHeaders(headers, body), body);
      return;
    }
    const pendingBytes = pendingBodyBytes(this.#forwarding);
    if (pendingBytes === 0) this.#dispatch(dispatcher, headers, null);
    // In one piece with the head: no more memory than a stream would buffer, and no stream.
    else if (pendingBytes !== undefined && pendingBytes <= MAX_EXCHANGE_BODY_BYTES)
      this.#gather((whole) => this.#dispatch(dispatcher, headers, whole));
    else this.#dispatch(dispatcher, headers, new UploadStream(request));
  }

  #gather(gathered: (body: Buffer) => void): void {
    const { request } = this.#forwarding;
    let first: Buffer | undefined;
    let chunks: Buffer[] | undefined;
    request.on('data', (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else (chunks ??= [first]).push(chunk);
    });
    request.on('end', () => {
      if (this.#over || first === undefined) return;
      gathered(chunks === undefined ? first : Buffer.concat(chunks));
    });
  }

  #dispatch(dispatcher: Dispatcher, headers: ForwardHeaders, body: Buffer | UploadStream | null): void {
    const { request, url } = this.#forwarding;
    // undici frames what has no length as chunked by itself, with every method, and refuses the header.
    delete headers['transfer-encoding'];
    dispatcher.dispatch({ path: url, method: request.method ?? '', headers, body }, this);
  }

  on(event: 'data', listener: (chunk: Buffer) => void): this;
  on(event: 'end', listener: () => void): this;
  on(event: 'data' | 'end', listener: ((chunk: Buffer) => void) & (() => void)): this {
    // Later, as streams do it: who listens to the body listens to its end in the next line.
    if (event === 'end') {
      this.#end = listener;
      if (this.complete) process.nextTick(listener);
      return this;
    }
    this.#data = listener;
    if (this.#unheard) process.nextTick(() => this.resume());
    return this;
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(new Error('nobody waits for the answer'));
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    // Given up while it waited for a connection.
    if (this.#over) controller.abort(new Error('nobody waits for the answer'));
  }

  onResponseStart(controller: Controller, statusCode: number, _headers: unknown, statusText = ''): void {
    // RFC 9110 §15.2: interim answers are between the provider and us.
    if (this.#over || statusCode < 200) return;
    this.statusCode = statusCode;
    this.statusMessage = statusText === STATUS_CODES[statusCode] ? statusText : asReceived(statusText);
    this.rawHeaders = fieldsOf(controller.rawHeaders);
    this.#forwarding.answered(this);
    if (this.#data !== undefined) return;
    this.#unheard = true;
    controller.pause();
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (!this.#over) this.#data?.(chunk);
  }

  onResponseEnd(controller: Controller): void {
    if (this.#over) return;
    this.rawTrailers = fieldsOf(controller.rawTrailers);
    this.complete = true;
    this.#end?.();
    this.#over = true;
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#over) return;
    this.#over = true;
    const { response } = this.#forwarding;
    this.#forwarding.failed(toUpstreamError(error));
    // Half an answer must never look like a whole one.
    if (response.headersSent && !response.writableEnded) response.destroy();
  }
}

/** undici hands over raw fields as bytes */
function fieldsOf(raw: Controller['rawHeaders']): string[] {
  if (!Array.isArray(raw) || raw.length === 0) return NO_FIELDS;
  return raw.map((field) => (typeof field === 'string' ? field : field.toString('latin1')));
}

/** undici decodes the status text as UTF-8, at the cost of bytes that are none; everything else of heads is ISO 8859-1 here */
function asReceived(statusText: string): string {
  return Buffer.from(statusText).toString('latin1');
}
