// Which model a request asks for, as the provider will read it.
import { SeksError } from '@seks/crds';

import { readFormField } from './form-data.ts';
import { isJson, readMediaType, requirePlainBody } from './media-type.ts';
import { scanTopLevel } from './top-level.ts';

const MODEL = 'model';
const WANTED = new Set([MODEL]);
/** long enough for a name with a path or an ARN */
const MAX_MODEL_BYTES = 512;

/**
 * the `model` of a JSON or form body
 *
 * @param bytes the whole body
 * @throws SeksError SEKS_MODEL_MISSING if there is none, or more than one, or it is not a short text
 * @throws SeksError SEKS_BODY_MALFORMED if the body cannot be read for certain as the provider reads it
 */
export function readModel(bytes: Buffer, contentType: string | undefined, contentEncoding?: string): string {
  const mediaType = readMediaType(contentType);
  requirePlainBody(mediaType, contentEncoding);
  let model: string | undefined;
  if (isJson(mediaType)) {
    model = modelOfJson(bytes);
  } else if (mediaType.type === 'multipart/form-data') {
    const [value, ...others] = readFormField(bytes, mediaType.parameters.get('boundary'), MODEL);
    if (others.length === 0) model = value?.toString('utf8');
  }
  if (model === undefined || model === '' || Buffer.byteLength(model) > MAX_MODEL_BYTES)
    throw new SeksError('SEKS_MODEL_MISSING');
  return model;
}

function modelOfJson(bytes: Buffer): string | undefined {
  const span = scanTopLevel(bytes, WANTED).get(MODEL);
  if (span?.count !== 1) return undefined;
  const value: unknown = JSON.parse(bytes.toString('utf8', span.start, span.end));
  return typeof value === 'string' ? value : undefined;
}
