// AdmissionReview v1 as JSON: what we read of the request, and the answers that the API server understands.
import { ERRORS } from '@seks/crds';
import type { SeksError } from '@seks/crds';
import * as z from 'zod';

import type { JsonPatch } from '../injection/index.ts';

const admissionRequest = z.object({
  uid: z.string().min(1).max(256),
  resource: z.object({ group: z.string(), version: z.string(), resource: z.string() }),
  subResource: z.string().optional(),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
  namespace: z.string().optional(),
  dryRun: z.boolean().optional(),
  /** read by the injection; `null` at DELETE */
  object: z.unknown(),
});

const admissionReview = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: admissionRequest,
});

export type AdmissionRequest = z.infer<typeof admissionRequest>;

/** body of the answer to one AdmissionReview */
export interface AdmissionReviewAnswer {
  apiVersion: 'admission.k8s.io/v1';
  kind: 'AdmissionReview';
  response: {
    uid: string;
    allowed: boolean;
    patchType?: 'JSONPatch';
    /** RFC 6902 document in base64 */
    patch?: string;
    warnings?: string[];
    status?: { status: 'Failure'; code: number; reason: string; message: string };
  };
}

/** the request of a review, or `undefined` if the text is not an AdmissionReview v1 */
export function parseReview(text: string): AdmissionRequest | undefined {
  try {
    const parsed = admissionReview.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.request : undefined;
  } catch {
    // The parser's message quotes the text, which may hold what an author put into a variable: not kept.
    return undefined;
  }
}

/** the pod may be created as it is */
export function allow(uid: string): AdmissionReviewAnswer {
  return answer({ uid, allowed: true });
}

/** the pod may be created with the patch; warnings are shown by kubectl */
export function allowWithPatch(
  uid: string,
  patch: JsonPatch,
  warnings: readonly string[],
): AdmissionReviewAnswer {
  return answer({
    uid,
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map((text) => shorten(`seks: ${text}`)) }),
  });
}

/** the pod may not be created; the message carries code, detail and hint */
export function deny(uid: string, error: SeksError): AdmissionReviewAnswer {
  const { status: code } = ERRORS[error.code];
  const { message } = error.toBody().error;
  return answer({
    uid,
    allowed: false,
    status: { status: 'Failure', code, reason: REASONS.get(code) ?? 'Forbidden', message },
  });
}

/** `metav1.StatusReason` by status code */
const REASONS: ReadonlyMap<number, string> = new Map([
  [400, 'BadRequest'],
  [403, 'Forbidden'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
]);

/** the API server cuts a warning at 256 characters, in the middle of a word */
const MAX_WARNING_LENGTH = 256;

function shorten(text: string): string {
  return text.length <= MAX_WARNING_LENGTH ? text : `${text.slice(0, MAX_WARNING_LENGTH - 2)} …`;
}

function answer(response: AdmissionReviewAnswer['response']): AdmissionReviewAnswer {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}
