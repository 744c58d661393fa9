// Which answers are metered, and how: those to requests that ask a model for something, and the first that tells of work which went on
// in the background.
import type { ServerResponse } from 'node:http';

import { credentialKey } from '../credential/tokens.ts';
import type { AnswerHead } from '../forward/answer-head.ts';
import type { UsageSource } from '../listen/account.ts';
import type { AdmittedRequest } from '../listen/admit.ts';
import { type PendingWork, WorkName } from '../usage/pending-work.ts';
import { createUsageObserver, type UsageObserver } from '../usage/usage-observer.ts';

/** what meters one answer */
export interface AnswerMeter {
  usage: UsageSource;
  /** sees the body pass */
  observe: (chunk: Buffer) => void;
}

/** a meter for the answer; undefined if nothing in it counts */
export function meterAnswer(
  { credential, screened, target, entry, policyPath }: AdmittedRequest,
  head: AnswerHead,
  response: ServerResponse,
  pendingWork: PendingWork,
): AnswerMeter | undefined {
  const { usage: spec } = credential.provider.spec;
  if (spec === undefined || head.status >= 300 || !target.upstream.keyed) return undefined;
  const owner = credentialKey(entry);
  const id = policyPath.slice(policyPath.lastIndexOf('/') + 1);
  const isPoll = screened.method === 'GET' && pendingWork.has(owner, id);
  // Any other GET of an earlier response shows its usage again, each time.
  if (screened.method !== 'POST' && !isPoll) return undefined;
  const usage = createUsageObserver(spec.format, head.contentType, head.headers);
  if (usage === undefined) return undefined;
  return isPoll
    ? meterPoll(usage, response, () => pendingWork.told(owner, id))
    : meterRequest(usage, response, (begun) => pendingWork.begun(owner, begun));
}

/** @param begun called with the name of work that goes on behind this answer */
function meterRequest(
  usage: UsageObserver,
  response: ServerResponse,
  begun: (id: string) => void,
): AnswerMeter {
  const name = new WorkName();
  response.once('close', () => {
    // An answer that came to its end with text and without usage was not asked for it. One that was cut may be work that goes on.
    const isOver = response.writableFinished && usage.estimate() !== undefined;
    const id = usage.counts() === undefined && !isOver ? name.find() : undefined;
    if (id !== undefined) begun(id);
  });
  return {
    usage,
    observe(chunk) {
      name.observe(chunk);
      usage.observe(chunk);
    },
  };
}

/** work that is fetched before it is done shows a part of itself, again and again: that is no answer without usage, unless it is cut */
function meterPoll(usage: UsageObserver, response: ServerResponse, told: () => void): AnswerMeter {
  response.once('close', () => {
    const { input = 0, output = 0 } = usage.counts() ?? {};
    if (input + output > 0) told();
  });
  return {
    usage: {
      counts: () => usage.counts(),
      model: () => usage.model(),
      estimate: () => (response.writableFinished ? usage.counts() : usage.estimate()),
    },
    observe: usage.observe,
  };
}
