// Test help: the agent's side of one forwarder alone, without checks, tokens and audit.
import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer, text } from 'node:stream/consumers';

import { Secret, type SeksError, toSeksError } from '@seks/crds';

import type { AnswerPlan } from '../../answer/answer-plan.ts';
import { passAnswer } from '../../answer/pass-answer.ts';
import { createByteBudget } from '../../body/byte-budget.ts';
import { answerError } from '../../listen/error-answer.ts';
import type { ForwardHeaders } from '../../request/screen.ts';
import { needlesOf } from '../../scrub/needles.ts';
import { readAnswerHead } from '../answer-head.ts';
import type { Forwarded, Forwarder, UpstreamAnswer } from '../forwarder.ts';

export interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}

export interface WholeAnswer {
  status: number;
  statusText: string;
  rawHeaders: string[];
  rawTrailers: string[];
  body: string;
}

/** a running relay */
export interface RelayServer {
  port: number;
  /** what the forwarder reported, in order */
  failures: SeksError[];
  /** what was handed over to it, in order */
  forwarded: Forwarded[];
  /** opens a request whose body the caller sends */
  open(ask: Ask): ClientRequest;
  /** a whole request and its whole answer */
  ask(ask?: Ask): Promise<WholeAnswer>;
  close(): Promise<void>;
}

export interface RelayOptions {
  forwarder: Forwarder;
  /** the body is read before the request is forwarded */
  readsBodies?: boolean;
  /** instead of relaying */
  answered?: (answer: UpstreamAnswer) => void;
}

const NOT_FORWARDED = new Set(['host', 'connection', 'transfer-encoding']);
const STREAMED: AnswerPlan = { kind: 'stream', stage: undefined };
const needles = needlesOf(new Secret('provider-key', 'sk-key-of-the-conformance-suite'));

/** starts a relay on a free port */
export async function startRelay({ forwarder, readsBodies, answered }: RelayOptions): Promise<RelayServer> {
  const failures: SeksError[] = [];
  const forwarded: Forwarded[] = [];
  const server = createServer((request, response) => {
    const failed = (error: SeksError): void => {
      failures.push(error);
      if (!response.destroyed && !response.writableEnded) answerError(response, error, 'r');
    };
    const relay = (answer: UpstreamAnswer): void => {
      try {
        const watch = {
          needles,
          collected: createByteBudget(Number.POSITIVE_INFINITY),
          bodyChunk: undefined,
          leaked: () => {},
          failed,
        };
        passAnswer(answer, readAnswerHead(answer), STREAMED, response, watch);
      } catch (cause) {
        answer.destroy();
        answerError(response, toSeksError(cause), 'r');
      }
    };
    const forward = (body?: Buffer): void => {
      const handedOver = forwarder.forward({
        request,
        response,
        url: request.url ?? '',
        headers: forwardHeaders(request.rawHeaders),
        ...(body === undefined ? {} : { body }),
        answered: answered ?? relay,
        failed,
      });
      forwarded.push(handedOver);
    };
    if (readsBodies === true) void buffer(request).then(forward);
    else forward();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: false });
  const open = ({ method = 'POST', path = '/v1/x', headers = {} }: Ask): ClientRequest =>
    httpRequest({ host: '127.0.0.1', port, agent, method, path, headers });
  return {
    port,
    failures,
    forwarded,
    open,
    async ask(ask = {}) {
      const request = open(ask);
      request.end(ask.body);
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      const body = await text(answer);
      const { statusCode = 0, statusMessage = '', rawHeaders, rawTrailers } = answer;
      return { status: statusCode, statusText: statusMessage, rawHeaders, rawTrailers, body };
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function forwardHeaders(rawHeaders: readonly string[]): ForwardHeaders {
  const headers = Object.create(null) as ForwardHeaders;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    if (NOT_FORWARDED.has(name)) continue;
    const present = headers[name];
    headers[name] = present === undefined ? value : [present, value].flat();
  }
  return headers;
}
