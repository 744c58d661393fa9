// What happens to a request of the agent: admitted or refused, its body looked at where the policy needs it, then the swap of the
// token and the way to the provider and back.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { type ErrorCode, SeksError, toSeksError } from '@seks/crds';
import type { Logger } from 'pino';

import { type AnswerDeps, relayAnswer } from '../answer/relay.ts';
import type { BodyPool } from '../body/read-body.ts';
import { type Keyed, placeKey } from '../credential/place.ts';
import { guessOfBody, guessOfLength } from '../usage/asked-size.ts';
import { openWebSocket, type WebSocketDeps } from '../websocket/session.ts';
import type { AccountDeps } from './account.ts';
import { admit, type AdmitOptions, type AdmittedRequest, type Arrival } from './admit.ts';
import {
  type BodyQuestion,
  bodyQuestion,
  changeBody,
  checkPathModel,
  type ChangedBody,
} from './body-check.ts';
import { condemn } from './condemned.ts';
import { Exchange, exchangeOf } from './exchange.ts';
import { logInternal } from './log-internal.ts';
import { originOf } from './origin.ts';

export interface AgentHandlerDeps extends AdmitOptions, AccountDeps, AnswerDeps, WebSocketDeps {
  log: Logger;
  /** a fresh id for each request */
  requestId: () => string;
  bodies: BodyPool;
}

/** handles requests of the agent */
export interface AgentHandler {
  /** `continues`: the client waits for 100 Continue before it sends the body */
  handle(request: IncomingMessage, response: ServerResponse, continues?: boolean): void;
  /** an upgrade to WebSocket; the socket is the handler's from here on */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** the body of a request turned out to be malformed or late after it was handed over */
  broken(response: ServerResponse, error: SeksError): void;
  /** refuses all further requests: the sidecar is shutting down */
  drain(): void;
  /** resolves when all WebSockets are written down; their own connections may have closed a little before */
  settled?(): Promise<void>;
}

/** a handler over the current lease */
export function createAgentHandler(deps: AgentHandlerDeps): AgentHandler {
  let draining = false;
  let running = 0;
  const waiting: (() => void)[] = [];
  const ended = (): void => {
    running -= 1;
    if (running === 0) for (const resolve of waiting.splice(0)) resolve();
  };
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
        begin(exchange, continues, deps);
      } catch (cause) {
        refuse(exchange, cause, deps.log);
      }
    },
    broken(response, error) {
      const exchange = exchangeOf(response);
      if (exchange === undefined) {
        response.destroy();
        return;
      }
      refuse(exchange, error, deps.log);
      // Once it is answered Node no longer tells that the rest of a request will not come, and the forwarder would wait for it.
      response.once('close', () => exchange.request.destroy(brokenOff()));
    },
    upgrade(request, socket, head) {
      running += 1;
      openWebSocket({ request, socket, head, draining, ended }, deps);
    },
    settled: () =>
      new Promise((resolve) => {
        if (running === 0) resolve();
        else waiting.push(resolve);
      }),
  };
}

function begin(exchange: Exchange, continues: boolean, deps: AgentHandlerDeps): void {
  const { request, response, account } = exchange;
  const arrival = arrivalOf(request);
  const admitted = admit(arrival, deps, account.admission);
  // What needs no key is not charged to whoever has one.
  if (admitted.token !== undefined) account.enter(admitted.credential);
  const question = bodyQuestion(admitted, checkPathModel(admitted, account));
  if (continues) response.writeContinue();
  const { state } = deps.holder;
  if (question === undefined) {
    send(exchange, admitted, undefined, deps);
    return;
  }
  const readAndSend = async (): Promise<void> => {
    const body = await deps.bodies.read(request);
    if (body === undefined) return;
    response.once('close', () => body.release());
    // Meanwhile the credential may have been revoked or exchanged, or the lease have ended (S12).
    if (deps.holder.state === state) {
      send(exchange, admitted, changeBody(body.bytes, question, admitted, account), deps);
      return;
    }
    const current = admit(arrival, deps, account.admission);
    const asked = bodyQuestion(current, checkPathModel(current, account)) ?? NOTHING_ASKED;
    send(exchange, current, changeBody(body.bytes, asked, current, account), deps);
  };
  readAndSend().catch((cause: unknown) => {
    // Part of the body may be unread.
    if (!response.headersSent) response.setHeader('connection', 'close');
    refuse(exchange, cause, deps.log);
  });
}

/** of a body that was read under an earlier lease */
const NOTHING_ASKED: BodyQuestion = { model: false, includeUsage: false };

function arrivalOf(request: IncomingMessage): Arrival {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  return { method, url, httpVersion, rawHeaders, origin: originOf(request.socket), upgrade: false };
}

function refuse(exchange: Exchange, cause: unknown, log: Logger): void {
  const error = toSeksError(cause);
  logInternal(log, exchange.account.requestId, error);
  if (ENDS_CONNECTION.has(error.code)) endConnection(exchange);
  exchange.fail(error);
}

/** as Node calls it when the client goes away */
function brokenOff(): Error {
  return Object.assign(new Error('the body broke off'), { code: 'ECONNRESET' });
}

/**
 * What the screening refuses: it stops at the first fault, so the framing may be wrong as well, and where such a request ends is a
 * matter of opinion. Behind the head of any upgrade Node reads no more.
 */
const ENDS_CONNECTION: ReadonlySet<ErrorCode> = new Set([
  'SEKS_REQUEST_MALFORMED',
  'SEKS_HOST_REFUSED',
  'SEKS_METHOD_REFUSED',
  'SEKS_EXPECT_REFUSED',
  'SEKS_UPGRADE_REFUSED',
  'SEKS_BODY_TIMEOUT',
]);

function endConnection({ request, response }: Exchange): void {
  condemn(request.socket);
  if (!response.headersSent) response.setHeader('connection', 'close');
}

function send(
  exchange: Exchange,
  admitted: AdmittedRequest,
  changed: ChangedBody | undefined,
  deps: AgentHandlerDeps,
): void {
  const { request, response, account } = exchange;
  const { token, credential, screened, target } = admitted;
  account.forwarding(credential, token !== undefined, (reason) => exchange.cut(reason));
  const { path, query } = target;
  const keyed: Keyed = { headers: screened.headers, path, query, protocols: [] };
  if (token !== undefined) placeKey(keyed, token.place, credential.vault.key, target.shift ?? 0);
  keyed.headers['accept-encoding'] = 'identity';
  if (changed !== undefined) {
    delete keyed.headers['transfer-encoding'];
    keyed.headers['content-length'] = String(changed.bytes.length);
  }
  const length = Number(keyed.headers['content-length'] ?? 0);
  if (changed !== undefined) account.guessInput = () => guessOfBody(changed.bytes);
  else if (length > 0) account.guessInput = () => guessOfLength(length);
  exchange.forwarded = credential.linkTo(target.upstream).forwarder.forward({
    request,
    response,
    url: keyed.path + keyed.query,
    headers: keyed.headers,
    ...(changed === undefined ? {} : { body: changed.bytes }),
    answered(answer) {
      const answeredMs = account.answered(answer.statusCode ?? 0, token !== undefined);
      try {
        relayAnswer(answer, { exchange, admitted, stage: changed?.stage }, deps);
        account.headSent(answeredMs);
      } catch (cause) {
        answer.destroy();
        refuse(exchange, cause, deps.log);
      }
    },
    failed: (error) => exchange.fail(error),
  });
}
