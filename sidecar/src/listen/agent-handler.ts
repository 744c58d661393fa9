// What happens to a request of the agent: admitted or refused, then the swap of the token and the way to the provider and back.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { SeksError, toSeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { readAnswerHead } from '../forward/answer-head.ts';
import { relayAnswer } from '../forward/relay-answer.ts';
import type { GrantedCredential } from '../lease/lease-state.ts';
import type { ForwardHeaders } from '../request/screen.ts';
import { createUsageObserver } from '../usage/usage-observer.ts';
import { admit, type AdmitOptions, type AdmittedRequest } from './admit.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';

export interface AgentHandlerDeps extends AdmitOptions, ExchangeDeps {
  log: Logger;
  /** a fresh id for each request */
  requestId: () => string;
}

/** handles requests of the agent */
export interface AgentHandler {
  /** `continues`: the client waits for 100 Continue before it sends the body */
  handle(request: IncomingMessage, response: ServerResponse, continues?: boolean): void;
  /** refuses all further requests: the sidecar is shutting down */
  drain(): void;
}

/** a handler over the current lease */
export function createAgentHandler(deps: AgentHandlerDeps): AgentHandler {
  let draining = false;
  return {
    drain() {
      draining = true;
    },
    handle(request, response, continues = false) {
      const exchange = new Exchange(request, response, deps.requestId(), deps);
      try {
        if (draining) {
          response.setHeader('connection', 'close');
          throw new SeksError('SEKS_SHUTTING_DOWN');
        }
        const admitted = admit(rawRequestOf(request), deps, exchange.admission);
        if (continues) response.writeContinue();
        forward(exchange, admitted);
      } catch (cause) {
        refuse(exchange, cause, deps.log);
      }
    },
  };
}

function rawRequestOf({ method, url, httpVersion, rawHeaders }: IncomingMessage) {
  return { method: method ?? '', url: url ?? '', httpVersion, rawHeaders };
}

function refuse(exchange: Exchange, cause: unknown, log: Logger): void {
  const error = toSeksError(cause);
  if (error.code === 'SEKS_INTERNAL') {
    const name = cause instanceof Error ? cause.name : typeof cause;
    log.error({ event: 'request_failed', requestId: exchange.requestId, error: name }, 'request failed');
  }
  exchange.fail(error);
}

function forward(exchange: Exchange, { token, credential, screened, target }: AdmittedRequest): void {
  exchange.forwarding(credential);
  credential.forwarder.forward({
    request: exchange.request,
    response: exchange.response,
    url: target.url,
    headers: swapToken(screened.headers, token, credential.vault),
    answered: (answer) => relay(exchange, credential, answer),
    failed: (error) => exchange.fail(error),
  });
}

function relay(exchange: Exchange, { vault, provider }: GrantedCredential, answer: IncomingMessage): void {
  const answeredMs = exchange.answered();
  try {
    const head = readAnswerHead(answer);
    const { usage } = provider.spec;
    if (usage !== undefined && head.status < 300) {
      exchange.usage = createUsageObserver(usage.format, head.contentType);
    }
    relayAnswer(answer, head, exchange.response, {
      needles: vault.needles,
      bodyChunk: exchange.usage?.observe,
      leaked: (hits) => exchange.leaked(hits),
    });
    exchange.headSent(answeredMs);
  } catch (cause) {
    answer.destroy();
    exchange.fail(toSeksError(cause));
  }
}

/** the real key in the token's place: same header, same scheme, and no second one anywhere */
function swapToken(
  headers: ForwardHeaders,
  { header, prefix }: AdmittedRequest['token'],
  { key }: AdmittedRequest['credential']['vault'],
): ForwardHeaders {
  headers['accept-encoding'] = 'identity';
  headers[header] = key.reveal((plain) => prefix + plain.toString('latin1'));
  return headers;
}
