// Which models a request may run, as the provider will read it.
import { SeksError } from '@seks/crds';

import { readFormField } from './form-data.ts';
import { isJson, readMediaType, requirePlainBody } from './media-type.ts';
import { readItems, scanTopLevel, type ValueSpan } from './top-level.ts';

const MODEL = 'model';
/** OpenRouter's and Perplexity's list of models to try */
const MODELS = 'models';
/** Anthropic's list of what answers where the model declines */
const FALLBACKS = 'fallbacks';
/** some tools are models: Anthropic's advisor, OpenAI's image generation */
const TOOLS = 'tools';
const ONLY_MODEL = new Set([MODEL]);
const WITH_OTHERS = new Set([MODEL, MODELS, FALLBACKS, TOOLS]);
/** long enough for a name with a path or an ARN */
const MAX_MODEL_BYTES = 512;
const MAX_MODELS = 64;
/** the key in any case, or with escapes */
const MAY_NAME_MODEL = /model|\\u/i;
const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/**
 * the models that a JSON or form body names: the `model` first, then those that the provider may run instead or besides
 *
 * @param bytes the whole body
 * @param others whether the others are looked for; they stand where they do at the providers whose `model` is known to be in the body
 * @throws SeksError SEKS_MODEL_MISSING if there is no `model`, or more than one, or one of all of them is not a short text
 * @throws SeksError SEKS_BODY_MALFORMED if the body cannot be read for certain as the provider reads it
 */
export function readModels(
  bytes: Buffer,
  contentType: string | undefined,
  contentEncoding: string | undefined,
  others: boolean,
): string[] {
  const mediaType = readMediaType(contentType);
  requirePlainBody(mediaType, contentEncoding);
  if (isJson(mediaType)) return modelsOfJson(bytes, others);
  if (mediaType.type !== 'multipart/form-data') throw missing();
  const [value, ...more] = readFormField(bytes, mediaType.parameters.get('boundary'), MODEL);
  if (value === undefined || more.length > 0) throw missing();
  return [checkName(value.toString('utf8'))];
}

function modelsOfJson(bytes: Buffer, others: boolean): string[] {
  const spans = scanTopLevel(bytes, others ? WITH_OTHERS : ONLY_MODEL);
  for (const { count } of spans.values()) if (count > 1) throw missing();
  const models = [nameAt(bytes, spans.get(MODEL))];
  for (const named of [
    namesInList(bytes, spans.get(MODELS)),
    namesInFallbacks(bytes, spans.get(FALLBACKS)),
    namesOfTools(bytes, spans.get(TOOLS)),
  ]) {
    for (const model of named) if (models.push(model) > MAX_MODELS) throw missing();
  }
  return models;
}

/** each element names one, as a text or as an object's `model` */
function* namesInList(bytes: Buffer, list: ValueSpan | undefined): Generator<string> {
  if (list === undefined || bytes[list.start] !== OPEN_BRACKET) return;
  for (const item of readItems(bytes, list, ONLY_MODEL))
    yield nameAt(bytes, bytes[item.start] === OPEN_BRACE ? item.members.get(MODEL) : item);
}

/** `"default"` stands for models that only the provider knows */
function namesInFallbacks(bytes: Buffer, fallbacks: ValueSpan | undefined): Iterable<string> {
  if (fallbacks !== undefined && bytes[fallbacks.start] !== OPEN_BRACKET && !isNull(bytes, fallbacks))
    throw new SeksError('SEKS_MODEL_MISSING', 'Its fallbacks are left to the provider.');
  return namesInList(bytes, fallbacks);
}

/** of the few that have one; what stands deeper in a tool is the schema of its input */
function* namesOfTools(bytes: Buffer, tools: ValueSpan | undefined): Generator<string> {
  if (tools === undefined || bytes[tools.start] !== OPEN_BRACKET) return;
  // Agents send dozens of tools with each request, and hardly ever one with a model: not read key by key again for nothing.
  if (!MAY_NAME_MODEL.test(bytes.toString('latin1', tools.start, tools.end))) return;
  for (const { members } of readItems(bytes, tools, ONLY_MODEL)) {
    const model = members.get(MODEL);
    if (model !== undefined && (model.count > 1 || !isNull(bytes, model))) yield nameAt(bytes, model);
  }
}

function nameAt(
  bytes: Buffer,
  span: (Pick<ValueSpan, 'start' | 'end'> & { count?: number }) | undefined,
): string {
  if (span === undefined || (span.count ?? 1) > 1 || bytes[span.start] !== QUOTE) throw missing();
  return checkName(JSON.parse(bytes.toString('utf8', span.start, span.end)) as string);
}

function isNull(bytes: Buffer, { start, end }: ValueSpan): boolean {
  return bytes.toString('latin1', start, Math.min(end, start + 5)) === 'null';
}

function checkName(model: string): string {
  if (model === '' || Buffer.byteLength(model) > MAX_MODEL_BYTES) throw missing();
  return model;
}

function missing(): SeksError {
  return new SeksError('SEKS_MODEL_MISSING');
}
