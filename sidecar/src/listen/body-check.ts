// What has to be known of a request's body before it is forwarded, and what is changed in it: the model, and the wish to be told usage.
import { SeksError } from '@seks/crds';

import type { BodyStage } from '../answer/answer-plan.ts';
import { addIncludeUsage } from '../body/include-usage.ts';
import { readMediaType, requirePlainBody } from '../body/media-type.ts';
import { readModels } from '../body/model.ts';
import { createUsageChunkRemover } from '../body/usage-chunk-remover.ts';
import { type ModelPlace, plainModelName } from '../policy/models.ts';
import { spellings } from '../policy/policy.ts';
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

type Headers = AdmittedRequest['screened']['headers'];

/** the model that a request named */
export type NamedModel = Pick<Account, 'model'>;

/** without a budget to be told usage is a nicety: longer bodies pass as they come, and their usage is estimated */
const MAX_INCLUDE_USAGE_BYTES = 1_048_576;
const STREAM = '"stream"';
const PLAIN_JSON = /^application\/json *(?:; *charset *= *"?utf-8"? *)?$/i;

/**
 * checks the model where the path names it
 *
 * @returns where it is named
 * @throws SeksError SEKS_MODEL_DENIED, SEKS_MODEL_UNPRICED, SEKS_MODEL_MISSING
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
    screened.method === 'POST' &&
    // Under a budget no header, length or spelling of the path may keep usage untold.
    (credential.models.budgeted
      ? credential.includesUsage(policyPath) ||
        spellings(policyPath).some((path) => credential.includesUsage(path))
      : credential.includesUsage(policyPath) && isShortJson(screened.headers));
  return model || includeUsage ? { model, includeUsage } : undefined;
}

/**
 * checks the models in a body, and adds the wish to be told usage
 *
 * @throws SeksError SEKS_MODEL_*, SEKS_BODY_MALFORMED
 */
export function changeBody(
  bytes: Buffer,
  question: BodyQuestion,
  { credential, screened }: AdmittedRequest,
  account: Account,
): ChangedBody {
  const { headers } = screened;
  if (question.model) {
    const others = credential.provider.spec.modelFrom?.body === true;
    checkModels(
      readModels(bytes, only(headers, 'content-type'), only(headers, 'content-encoding'), others),
      credential,
      account,
    );
  }
  if (!question.includeUsage) return { bytes, stage: undefined };
  const wished = credential.models.budgeted ? insistOnUsage(bytes, headers) : wishForUsage(bytes);
  return { bytes: wished.bytes, stage: wished.added ? createUsageChunkRemover() : undefined };
}

/** whatever could be read in two ways is refused: read the other way it would be a stream that nobody counts */
function insistOnUsage(bytes: Buffer, headers: Headers): ReturnType<typeof addIncludeUsage> {
  requirePlainBody(readMediaType(only(headers, 'content-type')), only(headers, 'content-encoding'));
  return addIncludeUsage(bytes, true);
}

/** what is no JSON goes to the provider as it is, for its own error */
function wishForUsage(bytes: Buffer): ReturnType<typeof addIncludeUsage> {
  // Most requests do not stream.
  if (bytes.length > MAX_INCLUDE_USAGE_BYTES || !bytes.includes(STREAM)) return { bytes, added: false };
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

/** any of the models may answer, so what was used is counted at the price of the dearest */
function checkModels(
  models: readonly string[],
  credential: AdmittedRequest['credential'],
  named: NamedModel,
): void {
  for (const model of models) checkModel(model, credential, named);
  named.model = dearestModel(models, credential);
}

/** the model whose price counts where several are named and the provider chooses; undefined if there is none */
export function dearestModel(
  models: readonly string[],
  { pricing }: AdmittedRequest['credential'],
): string | undefined {
  const priceOf = (model: string): bigint => {
    const price = pricing?.find(plainModelName(model));
    return (price?.input ?? 0n) + (price?.output ?? 0n);
  };
  const [first, ...others] = models;
  return others.reduce(
    (dearest, model) => (dearest === undefined || priceOf(model) > priceOf(dearest) ? model : dearest),
    first,
  );
}

function isShortJson(headers: Headers): boolean {
  const { 'content-type': type, 'content-length': length } = headers;
  return (
    headers['content-encoding'] === undefined &&
    typeof type === 'string' &&
    PLAIN_JSON.test(type) &&
    Number(length ?? Number.NaN) <= MAX_INCLUDE_USAGE_BYTES
  );
}

/**
 * the value of a header by which the body is read
 *
 * @throws SeksError SEKS_BODY_MALFORMED if there are several: all are forwarded, and the provider may go by another one
 */
function only(headers: Headers, name: 'content-type' | 'content-encoding'): string | undefined {
  const value = headers[name];
  if (Array.isArray(value)) throw new SeksError('SEKS_BODY_MALFORMED', `It has more than one ${name}.`);
  return value;
}
