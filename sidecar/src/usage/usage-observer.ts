// Watches an answer's body pass and reads the token usage out of it, without changing or keeping a byte.
import { JsonUsageScanner } from './json-usage-scanner.ts';
import { type TokenCounts, UsageCollector, type UsageFormat } from './token-counts.ts';

/** reads usage out of the body of one answer */
export interface UsageObserver {
  observe: (chunk: Buffer) => void;
  counts(): TokenCounts | undefined;
}

const LINE_FEED = 0x0a;
const DATA = Buffer.from('data:');
const USAGE_KEY = Buffer.from('"usage"');

/** an observer for the media type, or undefined if it carries no usage */
export function createUsageObserver(format: UsageFormat, contentType: string): UsageObserver | undefined {
  const type = mediaTypeOf(contentType);
  if (type === undefined) return undefined;
  const collector = new UsageCollector(format);
  const scanner = new JsonUsageScanner((usage) => collector.add(usage));
  const counts = (): TokenCounts | undefined => collector.counts();
  return { observe: type === 'json' ? (chunk) => scanner.feed(chunk) : createLineReader(scanner), counts };
}

function mediaTypeOf(contentType: string): 'json' | 'events' | undefined {
  if (/^application\/json *(?:;|$)/i.test(contentType)) return 'json';
  return /^text\/event-stream *(?:;|$)/i.test(contentType) ? 'events' : undefined;
}

/** feeds the scanner with what follows `data:` on each line; an event of these APIs is one line */
function createLineReader(scanner: JsonUsageScanner): (chunk: Buffer) => void {
  // How much of `data:` the current line has shown so far; -1: it is another line.
  let matched = 0;
  return (chunk) => {
    let position = 0;
    while (position < chunk.length) {
      const feed = chunk.indexOf(LINE_FEED, position);
      const end = feed === -1 ? chunk.length : feed;
      const wholeLine = matched === 0 && feed !== -1;
      while (matched >= 0 && matched < DATA.length && position < end) {
        matched = chunk[position] === DATA[matched] ? matched + 1 : -1;
        position += 1;
      }
      if (matched === DATA.length && (!wholeLine || holdsUsage(chunk, position, end))) {
        scanner.feed(chunk, position, end);
      }
      if (feed === -1) return;
      scanner.reset();
      matched = 0;
      position = end + 1;
    }
  };
}

function holdsUsage(chunk: Buffer, start: number, end: number): boolean {
  return chunk.subarray(start, end).includes(USAGE_KEY);
}
