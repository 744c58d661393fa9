// From the head of the provider's answer to the agent: decoded where it must be, URLs turned back to the sidecar, metered, scrubbed.
import type { ServerResponse } from 'node:http';

import { SeksError } from '@seks/crds';

import { credentialKey } from '../credential/tokens.ts';
import type { ByteBudget } from '../body/byte-budget.ts';
import { type AnswerHead, readAnswerHead } from '../forward/answer-head.ts';
import type { UpstreamAnswer } from '../forward/forwarder.ts';
import type { UsageSource } from '../listen/account.ts';
import type { AdmittedRequest } from '../listen/admit.ts';
import type { Exchange } from '../listen/exchange.ts';
import { decodeAnswer } from '../scrub/decode-answer.ts';
import { type PendingWork, WorkName } from '../usage/pending-work.ts';
import { createUsageObserver, type UsageObserver } from '../usage/usage-observer.ts';
import { type BodyStage, mayHaveBody, planAnswer } from './answer-plan.ts';
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
  const usage = usageOf(admitted, head, deps.pendingWork);
  account.usage = usage === undefined || request.method === 'POST' ? usage : toldOrCut(usage, response);
  const work = usage === undefined ? undefined : followWork(usage, exchange, admitted, deps.pendingWork);
  const plan = planAnswer({ method: screened.method, head, credential, policyPath, back, stage });
  passAnswer(answer, head, plan, response, {
    needles: credential.vault.needles,
    collected: deps.collected,
    bodyChunk: work?.observe ?? usage?.observe,
    leaked: (hits) => account.leaked(hits),
    failed: fail,
  });
}

function usageOf(
  { credential, screened, target, entry, policyPath }: AdmittedRequest,
  head: AnswerHead,
  pendingWork: PendingWork,
): UsageObserver | undefined {
  const { usage } = credential.provider.spec;
  if (usage === undefined || head.status >= 300 || !target.upstream.keyed) return undefined;
  // A GET of an earlier response shows its usage again, at each poll; that of work that went on in the background tells it first.
  const isPending =
    screened.method === 'GET' && pendingWork.has(credentialKey(entry), lastSegment(policyPath));
  if (screened.method !== 'POST' && !isPending) return undefined;
  return createUsageObserver(usage.format, head.contentType, head.headers);
}

/** keeps track of work that goes on at the provider; returns who has to see the body besides, if anybody has */
function followWork(
  usage: UsageObserver,
  { request, response }: Exchange,
  { entry, policyPath }: AdmittedRequest,
  pendingWork: PendingWork,
): Pick<UsageObserver, 'observe'> | undefined {
  const owner = credentialKey(entry);
  if (request.method === 'GET') {
    response.once('close', () => {
      const { input = 0, output = 0 } = usage.counts() ?? {};
      if (input + output > 0) pendingWork.told(owner, lastSegment(policyPath));
    });
    return undefined;
  }
  const name = new WorkName();
  response.once('close', () => {
    // An answer that came to its end with text and without usage was not asked for it. One that was cut may be work that goes on.
    const isOver = response.writableFinished && usage.estimate() !== undefined;
    const id = usage.counts() === undefined && !isOver ? name.find() : undefined;
    if (id !== undefined) pendingWork.begun(owner, id);
  });
  return {
    observe(chunk) {
      name.observe(chunk);
      usage.observe(chunk);
    },
  };
}

/** work that is fetched before it is done shows a part of itself, again and again: that is no answer without usage, unless it is cut */
function toldOrCut(usage: UsageObserver, response: ServerResponse): UsageSource {
  return {
    counts: () => usage.counts(),
    model: () => usage.model(),
    estimate: () => (response.writableFinished ? usage.counts() : usage.estimate()),
  };
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
