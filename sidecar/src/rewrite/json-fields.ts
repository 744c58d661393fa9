// Members of JSON answers that hold URLs of the provider, or other credentials. Every byte outside of their strings stays.
import type { RewriteRules } from '@seks/crds';

import { compileGlob, type Glob } from '../policy/glob.ts';
import { type ReturnAddress, rewriteUrl } from './return-address.ts';

/** changes one whole JSON text */
export type JsonRewriter = (text: string, back: ReturnAddress) => string;

/** finds the rewriter for the answers to one path */
export interface JsonRewrites {
  /** undefined: the answers to this path may pass as they are */
  find(plainPath: string): JsonRewriter | undefined;
}

interface CompiledRule {
  globs: readonly Glob[];
  apply: JsonRewriter;
}

/** from the text between the quotation marks of a string to what shall stand there instead; undefined: it stays */
type StringChange = (raw: string, back: ReturnAddress) => string | undefined;

/** longer strings are no URLs */
const MAX_URL = 8_192;

/** compiles the rules of one provider, once for each lease */
export function compileJsonRewrites({ urls = [], redact = [] }: RewriteRules): JsonRewrites {
  const rules: CompiledRule[] = [
    ...urls.map(({ paths, fields }) => rule(paths, fields, changeUrl)),
    ...redact.map(({ paths, fields }) => rule(paths, fields, (raw) => '*'.repeat(raw.length))),
  ];
  return {
    find(plainPath) {
      const found = rules.filter(({ globs }) => globs.some((glob) => glob(plainPath)));
      if (found.length === 0) return undefined;
      return (text, back) => found.reduce((changed, { apply }) => apply(changed, back), text);
    },
  };
}

function changeUrl(raw: string, back: ReturnAddress): string | undefined {
  const url = raw.length > MAX_URL ? undefined : parseString(raw);
  const changed = url === undefined ? undefined : rewriteUrl(url, back);
  return changed === undefined ? undefined : JSON.stringify(changed).slice(1, -1);
}

function rule(paths: readonly string[], fields: readonly string[], change: StringChange): CompiledRule {
  const names = fields.map((field) => field.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  // Inside of a string a quotation mark stands behind a backslash; before a member's name none can stand.
  const member = new RegExp(String.raw`(?<!\\)"(?:${names.join('|')})"\s*:\s*"`, 'g');
  return {
    globs: paths.map(compileGlob),
    apply(text, back) {
      let changedText = '';
      let copied = 0;
      // The search goes on behind the string, so that nothing in it is taken for a member.
      member.lastIndex = 0;
      while (member.test(text)) {
        const start = member.lastIndex;
        const end = endOfString(text, start);
        const changed = change(text.slice(start, end), back);
        if (changed !== undefined) {
          changedText += text.slice(copied, start) + changed;
          copied = end;
        }
        member.lastIndex = end;
      }
      return copied === 0 ? text : changedText + text.slice(copied);
    },
  };
}

/** where the quotation mark stands that ends the string, or the end of a text that is cut off */
function endOfString(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') return at;
    if (char === '\\') at += 1;
  }
  return text.length;
}

function parseString(raw: string): string | undefined {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return undefined;
  }
}
