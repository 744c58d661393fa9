// One HTTP request with its answer: its books, and the two ways in which it can end badly.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SeksError } from '@seks/crds';

import type { Forwarded } from '../forward/forwarder.ts';
import { Account, type AccountDeps } from './account.ts';
import { answerError } from './error-answer.ts';

const EXCHANGE = Symbol('exchange');

/** the exchange that an answer belongs to */
export function exchangeOf(response: ServerResponse): Exchange | undefined {
  return (response as { [EXCHANGE]?: Exchange })[EXCHANGE];
}

/** one request and its answer */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly account: Account;
  /** the request on its way to the provider */
  forwarded: Forwarded | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string, deps: AccountDeps) {
    this.request = request;
    this.response = response;
    (response as { [EXCHANGE]?: Exchange })[EXCHANGE] = this;
    this.account = new Account(request.method ?? '', requestId, deps);
    response.on('close', () => {
      const status = response.headersSent ? response.statusCode : 0;
      this.account.finish({ status, complete: response.writableFinished });
    });
  }

  /** answers with an error, or breaks off */
  fail(error: SeksError): void {
    this.account.failed(error);
    // Whether or not that was news: a refused key is noted before its answer can break off.
    const { response } = this;
    if (!response.destroyed && !response.writableEnded) answerError(response, error, this.account.requestId);
  }

  /** breaks off, at the provider too: the credential may not be used any more. Who has no answer yet is told why */
  cut(reason: SeksError): void {
    // First: the answer below may reach its end at once, and then nothing else would tell the provider.
    this.forwarded?.destroy();
    const { response } = this;
    if (!response.destroyed) answerError(response, reason, this.account.requestId);
  }
}
