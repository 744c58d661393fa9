// Response headers with URLs in them.
import { type ReturnAddress, rewriteReference } from './return-address.ts';

const LOCATION = 'location';

/** rewrites the headers of one provider's answers */
export type HeaderRewriter = (headers: string[], back: ReturnAddress) => string[];

/**
 * a rewriter for `location` and the given headers
 *
 * @param names in lower case
 */
export function createHeaderRewriter(names: readonly string[]): HeaderRewriter {
  const wanted = new Set([LOCATION, ...names]);
  const lengths = new Set([...wanted].map(({ length }) => length));
  return (headers, back) => {
    let changed: string[] | undefined;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? '';
      // Most headers are told apart by their length alone.
      if (!lengths.has(name.length) || !wanted.has(name.toLowerCase())) continue;
      const value = headers[i + 1] ?? '';
      const rewritten =
        name.toLowerCase() === 'link' ? rewriteLink(value, back) : rewriteReference(value, back);
      if (rewritten !== value) (changed ??= [...headers])[i + 1] = rewritten;
    }
    return changed ?? headers;
  };
}

/** RFC 8288 §3: each link is a reference in angle brackets, with parameters behind it */
function rewriteLink(value: string, back: ReturnAddress): string {
  return value.replaceAll(/<([^<>]*)>/g, (_, reference: string) => `<${rewriteReference(reference, back)}>`);
}
