// The models that a JSON message names, wherever in it: APIs put them into the message itself, a session, a response, a provider.
import { SeksError } from '@seks/crds';

import { endOfString, skipSpace } from '../body/json-syntax.ts';
import { readTopLevel } from '../body/top-level.ts';

/** a member `model` that is a string */
export interface MessageModel {
  model: string;
  /**
   * the keys that lead to the object that has it, with full stops between, and empty for the message itself; a list has no key, and
   * one that could be mistaken for several is a question mark
   */
  owner: string;
}

const MODEL = Buffer.from('model');
const LOWER_CASE = 0x20;
const LONGEST_SPELLING = '"\\u006d\\u006f\\u0064\\u0065\\u006c"'.length;
const LONGEST_OWNER_BYTES = 256;
/** keys and names that are looked at closely; a long message has room for millions, and would keep everything else waiting */
const MAX_LOOKS = 65_536;
/** as many as a message has braces and brackets would be more than there is memory */
const MAX_DEPTH = 256;
const UNCLEAR = '?';
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const NONE: ReadonlySet<string> = new Set();

/** an open object or list */
interface Level {
  /** where its key stands, quotation marks included; both 0 if it has none */
  keyStart: number;
  keyEnd: number;
  isList: boolean;
  /** has had the member */
  seen: boolean;
}

/**
 * the members `model` that are strings; one that is an object, as in the schema of a tool, is looked into
 *
 * @param within looks only at the object of this name in the message itself, in any case; whatever stands elsewhere is let be
 * @throws SeksError SEKS_BODY_MALFORMED unless it is one strict JSON object; SEKS_MODEL_MISSING if an object has the member twice,
 *   or in another case: readers differ on which of them counts
 */
export function modelsInMessage(bytes: Buffer, within?: string): MessageModel[] {
  readTopLevel(bytes, NONE);
  return new ModelScan(bytes, within).run();
}

/** of a text that is known to be JSON */
class ModelScan {
  readonly #bytes: Buffer;
  readonly #within: string | undefined;
  readonly #models: MessageModel[] = [];
  readonly #levels: Level[] = [];
  /** of the value that comes next */
  #keyStart = 0;
  #keyEnd = 0;
  #looks = 0;

  constructor(bytes: Buffer, within: string | undefined) {
    this.#bytes = bytes;
    this.#within = within;
  }

  run(): MessageModel[] {
    const bytes = this.#bytes;
    for (let at = 0; at < bytes.length;) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        at = this.#string(at);
        continue;
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#open(byte === OPEN_BRACKET);
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#levels.pop();
      at += 1;
    }
    return this.#models;
  }

  #open(isList: boolean): void {
    if (this.#levels.length === MAX_DEPTH)
      throw new SeksError('SEKS_BODY_MALFORMED', 'It is nested too deeply.');
    const isKeyed = this.#levels.at(-1)?.isList === false;
    const [keyStart, keyEnd] = isKeyed ? [this.#keyStart, this.#keyEnd] : [0, 0];
    this.#levels.push({ keyStart, keyEnd, isList, seen: false });
  }

  /** returns the index after it */
  #string(start: number): number {
    const bytes = this.#bytes;
    const end = endOfString(bytes, start);
    const colon = skipSpace(bytes, end);
    if (bytes[colon] !== COLON) return end;
    this.#keyStart = start;
    this.#keyEnd = end;
    const level = this.#levels.at(-1);
    if (level === undefined || !this.#isWithin() || !this.#isModel(start, end)) return end;
    if (level.seen) throw new SeksError('SEKS_MODEL_MISSING');
    level.seen = true;
    const value = skipSpace(bytes, colon + 1);
    if (bytes[value] !== QUOTE) return end;
    this.#models.push({ model: this.#textOf(value, endOfString(bytes, value)), owner: this.#owner() });
    return end;
  }

  #isWithin(): boolean {
    if (this.#within === undefined) return true;
    return this.#levels.length === 2 && this.#owner().toLowerCase() === this.#within;
  }

  /** whether the key between two indices, quotation marks included, is the name */
  #isModel(start: number, end: number): boolean {
    const key = this.#bytes.subarray(start + 1, end - 1);
    if (key.length > LONGEST_SPELLING) return false;
    const name = key.includes(BACKSLASH) ? Buffer.from(this.#textOf(start, end)) : key;
    if (name.length !== MODEL.length || !MODEL.every((byte, i) => ((name[i] ?? 0) | LOWER_CASE) === byte))
      return false;
    if (!MODEL.equals(name)) throw new SeksError('SEKS_MODEL_MISSING');
    return true;
  }

  #owner(): string {
    const [, ...levels] = this.#levels;
    return levels.map(({ keyStart, keyEnd }) => this.#keyOf(keyStart, keyEnd)).join('.');
  }

  #keyOf(start: number, end: number): string {
    if (start === end || end - start > LONGEST_OWNER_BYTES) return UNCLEAR;
    const key = this.#textOf(start, end);
    return key === '' || key.includes('.') ? UNCLEAR : key;
  }

  #textOf(start: number, end: number): string {
    this.#looks += 1;
    if (this.#looks > MAX_LOOKS) throw new SeksError('SEKS_BODY_MALFORMED', 'It names too many models.');
    return JSON.parse(this.#bytes.toString('utf8', start, end)) as string;
  }
}
