// What has to be done to an answer's body, besides writing the key over: nothing, mostly, and then it passes as it comes.
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { AnswerHead } from '../forward/answer-head.ts';
import type { ReturnAddress } from '../rewrite/return-address.ts';

/** changes a body as it passes; never throws */
export interface BodyStage {
  push(chunk: Buffer): Buffer;
  end(): Buffer;
}

/** what to do with a body */
export type AnswerPlan =
  | { kind: 'stream'; stage: BodyStage | undefined }
  /** read it whole, at most `maxBytes`, then change it */
  | { kind: 'collect'; maxBytes: number; change: (body: Buffer) => { clean: Buffer; hits: number } };

export interface PlanRequest {
  method: string;
  head: AnswerHead;
  credential: GrantedCredential;
  /** path as the policy saw it */
  policyPath: string;
  back: ReturnAddress;
  /** takes out what came because the sidecar changed the request */
  stage: BodyStage | undefined;
}

const MAX_ERROR_BYTES = 256 * 1024;
const MAX_REWRITE_BYTES = 16 * 1024 * 1024;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json *(?:;|$)/i;

/** whether an answer has a body at all (RFC 9110 §6.4.1) */
export function mayHaveBody(method: string | undefined, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

/** decides about one answer by its head */
export function planAnswer({ method, head, credential, policyPath, back, stage }: PlanRequest): AnswerPlan {
  const { status, contentType } = head;
  if (!mayHaveBody(method, status)) return { kind: 'stream', stage: undefined };
  if (status >= 400) return { kind: 'collect', maxBytes: MAX_ERROR_BYTES, change: credential.maskError };
  const rewrite = JSON_TYPE.test(contentType) ? credential.rewrites.find(policyPath) : undefined;
  if (rewrite === undefined) return { kind: 'stream', stage };
  return {
    kind: 'collect',
    maxBytes: MAX_REWRITE_BYTES,
    change(body) {
      const text = body.toString('utf8');
      const changed = rewrite(text, back);
      // What has nothing to rewrite stays as it is, even if it is not UTF-8.
      return { clean: changed === text ? body : Buffer.from(changed), hits: 0 };
    },
  };
}
