// An answer that ends when something else was answered before, which an agent that does not read can bring about.
import { EventEmitter, once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { expect, test } from '@jest/globals';
import { SeksError } from '@seks/crds';

import { createByteBudget } from '../body/byte-budget.ts';
import type { UpstreamAnswer } from '../forward/forwarder.ts';
import { answerError } from '../listen/error-answer.ts';
import { createNeedles } from '../scrub/needles.ts';
import type { AnswerPlan } from './answer-plan.ts';
import { passAnswer } from './pass-answer.ts';

const HEAD = { status: 413, statusText: '', headers: [], contentType: '', hasLength: true, coding: '' };

/** what the client gets while `act` has the answer and the response in its hands, and what failed */
async function pass(
  change: () => { clean: Buffer; hits: number },
  act: (answer: EventEmitter, response: ServerResponse) => void,
): Promise<{ status: number | undefined; body: string; failures: string[] }> {
  const failures: string[] = [];
  const server = createServer((_request, response) => {
    const emitter = new EventEmitter();
    const answer = Object.assign(emitter, {
      complete: true,
      rawHeaders: [],
      rawTrailers: [],
      pause() {},
      resume() {},
      destroy() {},
    });
    const plan: AnswerPlan = { kind: 'collect', maxBytes: 99, change };
    passAnswer(answer satisfies UpstreamAnswer, HEAD, plan, response, {
      needles: createNeedles([]),
      collected: createByteBudget(99),
      bodyChunk: undefined,
      leaked() {},
      failed(error) {
        failures.push(error.code);
        answerError(response, error, 'r');
      },
    });
    act(emitter, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [answer] = await once(get({ port: (server.address() as AddressInfo).port }), 'response');
  const body = await text(answer);
  server.close();
  return { status: answer.statusCode, body, failures };
}

test('is not written behind an error that was answered meanwhile', async () => {
  const { status, body, failures } = await pass(
    () => ({ clean: Buffer.from('late'), hits: 0 }),
    (answer, response) => {
      answerError(response, new SeksError('SEKS_BODY_TIMEOUT'), 'r');
      answer.emit('end');
    },
  );
  expect([status, failures]).toEqual([408, []]);
  expect(body).toContain('SEKS_BODY_TIMEOUT');
});

test('S7: what cannot be changed is an error, not the end of the process', async () => {
  const { status, failures } = await pass(
    () => {
      throw new Error('unforeseen');
    },
    (answer) => void answer.emit('end'),
  );
  expect([status, failures]).toEqual([500, ['SEKS_INTERNAL']]);
});
