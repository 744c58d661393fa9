// From the head of the provider's answer to the agent: decoded where it must be, URLs turned back to the sidecar, metered, scrubbed.
import { SeksError } from '@seks/crds';

import type { ByteBudget } from '../body/byte-budget.ts';
import { readAnswerHead } from '../forward/answer-head.ts';
import type { UpstreamAnswer } from '../forward/forwarder.ts';
import type { AdmittedRequest } from '../listen/admit.ts';
import type { Exchange } from '../listen/exchange.ts';
import { decodeAnswer } from '../scrub/decode-answer.ts';
import type { PendingWork } from '../usage/pending-work.ts';
import { type BodyStage, mayHaveBody, planAnswer } from './answer-plan.ts';
import { meterAnswer } from './meter-answer.ts';
import { asDecoded, passAnswer } from './pass-answer.ts';
import { originOf } from '../listen/origin.ts';
import { type ReturnDeps, returnAddressOf } from './return-address-of.ts';

export interface AnswerDeps extends ReturnDeps {
  /** memory for answers that are read whole */
  collected: ByteBudget;
  pendingWork: PendingWork;
}

export interface AnsweredRequest {
  exchange: Exchange;
  admitted: AdmittedRequest;
  /** takes out of the body what came because the request was changed */
  stage: BodyStage | undefined;
}

const UNAUTHORIZED = 401;

/**
 * passes the answer on
 *
 * @throws SeksError before anything is sent, if it cannot be
 */
export function relayAnswer(
  received: UpstreamAnswer,
  { exchange, admitted, stage }: AnsweredRequest,
  deps: AnswerDeps,
): void {
  const { account, request, response } = exchange;
  const { credential, policyPath, screened } = admitted;
  const fail = (error: SeksError): void => exchange.fail(error);
  let answer = received;
  let head = readAnswerHead(received);
  if (head.coding !== '' && mayHaveBody(screened.method, head.status)) {
    answer = decodeAnswer(received, head.coding, fail);
    head = asDecoded(head);
  }
  const back = returnAddressOf(originOf(request.socket), admitted, deps);
  head.headers = credential.rewriteHeaders(head.headers, back);
  if (head.status === UNAUTHORIZED && admitted.token !== undefined) {
    account.note('SEKS_UPSTREAM_KEY_REFUSED');
    head.headers = [...head.headers, 'x-seks-error', 'SEKS_UPSTREAM_KEY_REFUSED'];
  }
  const meter = meterAnswer(admitted, head, response, deps.pendingWork);
  account.usage = meter?.usage;
  const plan = planAnswer({ method: screened.method, head, credential, policyPath, back, stage });
  passAnswer(answer, head, plan, response, {
    needles: credential.vault.needles,
    collected: deps.collected,
    bodyChunk: meter?.observe,
    leaked: (hits) => account.leaked(hits),
    failed: fail,
  });
}
