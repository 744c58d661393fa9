// The models that a JSON message names, wherever in it: APIs put them into the message itself, a session, a response, a provider.
import { SeksError } from '@seks/crds';

import { endOfString, skipSpace } from '../body/json-syntax.ts';
import { readTopLevel } from '../body/top-level.ts';

const MODEL = 'model';
const LONGEST_SPELLING = '"\\u006d\\u006f\\u0064\\u0065\\u006c"'.length;
const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NONE: ReadonlySet<string> = new Set();

/**
 * the values of all members `model` that are strings; one that is an object, as in the schema of a tool, is looked into
 *
 * @throws SeksError SEKS_BODY_MALFORMED unless it is one strict JSON object; SEKS_MODEL_MISSING if an object has the member twice,
 *   or in another case: readers differ on which of them counts
 */
export function modelsInMessage(bytes: Buffer): string[] {
  readTopLevel(bytes, NONE);
  const models: string[] = [];
  /** for each open object, whether it has had the member */
  const seen: boolean[] = [];
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at];
    if (byte === OPEN_BRACE) seen.push(false);
    else if (byte === CLOSE_BRACE) seen.pop();
    if (byte !== QUOTE) {
      at += 1;
      continue;
    }
    const end = endOfString(bytes, at);
    const colon = skipSpace(bytes, end);
    if (bytes[colon] === COLON && isModel(bytes, at, end)) {
      if (seen.pop() === true) throw new SeksError('SEKS_MODEL_MISSING');
      seen.push(true);
      const start = skipSpace(bytes, colon + 1);
      if (bytes[start] === QUOTE) models.push(textOf(bytes, start, endOfString(bytes, start)));
    }
    at = end;
  }
  return models;
}

/** whether the key between two indices, quotation marks included, is the name */
function isModel(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > LONGEST_SPELLING) return false;
  const key = textOf(bytes, start, end);
  if (key === MODEL) return true;
  if (key.toLowerCase() === MODEL) throw new SeksError('SEKS_MODEL_MISSING');
  return false;
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return JSON.parse(bytes.toString('utf8', start, end)) as string;
}
