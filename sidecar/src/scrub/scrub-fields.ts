// The key in status text, headers and trailers. One search over all of them: a hit is the exception.
import type { Needles } from './needles.ts';
import { scrubBytes } from './stream-scrubber.ts';

/** texts of a message head, scrubbed, and how often the key was found */
export interface ScrubbedFields {
  fields: string[];
  hits: number;
}

/** scrubs texts that HTTP carries as ISO 8859-1 */
export function scrubFields(fields: string[], needles: Needles): ScrubbedFields {
  // A line feed cannot stand in a field nor in a needle, so nothing is found across two fields.
  const joined = Buffer.from(fields.join('\n'), 'latin1');
  const { clean, hits } = scrubBytes(joined, needles);
  return hits === 0 ? { fields, hits } : { fields: clean.toString('latin1').split('\n'), hits };
}
