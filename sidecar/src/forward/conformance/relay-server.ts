// Test help: the agent's side of one forwarder alone, without checks, tokens and audit.
import { once } from 'node:events';
import { type ClientRequest, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

import { Secret, type SeksError, toSeksError } from '@seks/crds';

import type { AnswerPlan } from '../../answer/answer-plan.ts';
import { passAnswer } from '../../answer/pass-answer.ts';
import { createByteBudget } from '../../body/byte-budget.ts';
import { answerError } from '../../listen/error-answer.ts';
import type { ForwardHeaders } from '../../request/screen.ts';
import { needlesOf } from '../../scrub/needles.ts';
import {
  ask,
  openRequest,
  type RequestHead,
  type WholeAnswer,
  type WholeRequest,
} from '../../testing/agent-request.ts';
import { readAnswerHead } from '../answer-head.ts';
import type { Forwarded, Forwarder, UpstreamAnswer } from '../forwarder.ts';

/** a running relay */
export interface RelayServer {
  port: number;
  /** what the forwarder reported, in order */
  failures: SeksError[];
  /** what was handed over to it, in order */
  forwarded: Forwarded[];
  /** opens a request whose body the caller sends */
  open(head: Partial<RequestHead>): ClientRequest;
  /** a whole request and its whole answer */
  ask(request?: Partial<WholeRequest>): Promise<WholeAnswer>;
  close(): Promise<void>;
}

export interface RelayOptions {
  forwarder: Forwarder;
  /** the body is read before the request is forwarded */
  readsBodies?: boolean;
  /** instead of relaying */
  answered?: (answer: UpstreamAnswer) => void;
}

const DEFAULTS = { method: 'POST', path: '/v1/x' };
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
  return {
    port,
    failures,
    forwarded,
    open: (head) => openRequest(port, { ...DEFAULTS, ...head }),
    ask: async (request) => ask(port, { ...DEFAULTS, ...request }),
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
