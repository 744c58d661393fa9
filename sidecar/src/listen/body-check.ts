// What has to be known of a request's body before it is forwarded, and what is changed in it: the model, and the wish to be told usage.
import { SeksError } from '@seks/crds';

import type { BodyStage } from '../answer/answer-plan.ts';
import { addIncludeUsage } from '../body/include-usage.ts';
import { readModel } from '../body/model.ts';
import { createUsageChunkRemover } from '../body/usage-chunk-remover.ts';
import { type ModelPlace, plainModelName } from '../policy/models.ts';
import type { Account } from './account.ts';
import type { AdmittedRequest } from './admit.ts';

/** why a body is read */
export interface BodyQuestion {
  model: boolean;
  includeUsage: boolean;
}

/** a body that was read, as it is to be sent */
export interface ChangedBody {
  bytes: Buffer;
  /** takes out of the answer what comes because of the change */
  stage: BodyStage | undefined;
}

/** the model that a request named */
export type NamedModel = Pick<Account, 'model'>;

/** to be told usage is a nicety: longer bodies pass as they come, and their usage is estimated */
const MAX_INCLUDE_USAGE_BYTES = 1_048_576;
const STREAM = '"stream"';
const PLAIN_JSON = /^application\/json *(?:; *charset *= *"?utf-8"? *)?$/i;

/**
 * checks the model where the path names it
 *
 * @returns where it is named
 * @throws SeksError SEKS_MODEL_DENIED, SEKS_MODEL_UNPRICED
 */
export function checkPathModel(
  { credential, screened, policyPath, target }: AdmittedRequest,
  named: NamedModel,
): ModelPlace['kind'] {
  if (!target.upstream.keyed) return 'none';
  const place = credential.models.place(screened.method, policyPath);
  if (place.kind === 'known') checkModel(place.model, credential, named);
  return place.kind;
}

/** whether the body has to be read before the request may be forwarded; undefined: it is streamed */
export function bodyQuestion(
  { credential, screened, policyPath, target }: AdmittedRequest,
  modelPlace: ModelPlace['kind'],
): BodyQuestion | undefined {
  if (!target.upstream.keyed) return undefined;
  const model = modelPlace === 'body';
  const includeUsage =
    screened.method === 'POST' && credential.includesUsage(policyPath) && isShortJson(screened.headers);
  return model || includeUsage ? { model, includeUsage } : undefined;
}

/**
 * checks the model in a body, and adds the wish to be told usage
 *
 * @throws SeksError SEKS_MODEL_*, SEKS_BODY_MALFORMED
 */
export function changeBody(
  bytes: Buffer,
  question: BodyQuestion,
  { credential, screened }: AdmittedRequest,
  account: Account,
): ChangedBody {
  if (question.model) {
    const { 'content-type': type, 'content-encoding': encoding } = screened.headers;
    checkModel(readModel(bytes, single(type), single(encoding)), credential, account);
  }
  if (!question.includeUsage || bytes.length > MAX_INCLUDE_USAGE_BYTES) return { bytes, stage: undefined };
  const wished = wishForUsage(bytes);
  return { bytes: wished.bytes, stage: wished.added ? createUsageChunkRemover() : undefined };
}

/** what is no JSON goes to the provider as it is, for its own error */
function wishForUsage(bytes: Buffer): ReturnType<typeof addIncludeUsage> {
  // Most requests do not stream.
  if (!bytes.includes(STREAM)) return { bytes, added: false };
  try {
    return addIncludeUsage(bytes);
  } catch (cause) {
    if (cause instanceof SeksError) return { bytes, added: false };
    throw cause;
  }
}

/**
 * @param named is told the model if it may be used
 * @throws SeksError SEKS_MODEL_DENIED, SEKS_MODEL_UNPRICED
 */
export function checkModel(
  model: string,
  { models, pricing }: AdmittedRequest['credential'],
  named: NamedModel,
): void {
  if (!models.allows(model)) throw new SeksError('SEKS_MODEL_DENIED');
  if (models.mustBePriced && pricing?.find(plainModelName(model)) === undefined) {
    throw new SeksError('SEKS_MODEL_UNPRICED');
  }
  named.model = model;
}

function isShortJson(headers: AdmittedRequest['screened']['headers']): boolean {
  const length = Number(single(headers['content-length']) ?? Number.NaN);
  return (
    headers['content-encoding'] === undefined &&
    PLAIN_JSON.test(single(headers['content-type']) ?? '') &&
    length <= MAX_INCLUDE_USAGE_BYTES
  );
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
