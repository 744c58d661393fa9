// Looks for needles in a sequence of bytes that comes in pieces.
import { createWindowScan, sha256, WINDOW_BYTES, type Fingerprint } from './fingerprint.ts';
import {
  ALGORITHM_WINDOWS,
  isServiceAccountToken,
  MAX_TOKEN_BYTES,
  TOKEN_NAME,
} from './service-account-token.ts';

export interface Hit {
  readonly needle: string;
  readonly place: string;
  readonly count: number;
}

export interface Scanner {
  /** looks through what `read` gives, until it gives 0; returns the number of bytes seen */
  scan(place: string, read: (buffer: Buffer) => number): number;
  hits(): Hit[];
}

const CHUNK_BYTES = 4 * 1024 * 1024;

/** finds the needles, and ServiceAccount tokens of whatever value */
export function createScanner(needles: readonly Fingerprint[]): Scanner {
  const byWindow = Map.groupBy(needles, (needle) => needle.window);
  const scanWindows = createWindowScan(new Set([...byWindow.keys(), ...ALGORITHM_WINDOWS]));
  const longest = Math.max(MAX_TOKEN_BYTES, ...needles.map((needle) => needle.length));
  const buffer = Buffer.alloc(CHUNK_BYTES + longest);
  const counts = new Map<string, Map<string, number>>();

  const hit = (needle: string, place: string): void => {
    const places = counts.get(needle) ?? new Map<string, number>();
    places.set(place, (places.get(place) ?? 0) + 1);
    counts.set(needle, places);
  };
  const examine = (place: string, bytes: Buffer, window: number): void => {
    for (const needle of byWindow.get(window) ?? []) {
      if (bytes.length >= needle.length && sha256(bytes.subarray(0, needle.length)) === needle.sha256) {
        hit(needle.name, place);
      }
    }
    if (ALGORITHM_WINDOWS.has(window) && isServiceAccountToken(bytes)) hit(TOKEN_NAME, place);
  };

  return {
    scan(place, read) {
      let total = 0;
      let carried = 0;
      for (;;) {
        const size = read(buffer.subarray(carried, carried + CHUNK_BYTES));
        total += size;
        const filled = carried + size;
        // A needle that starts near the end may go on in the next piece: leave those starts for the next round.
        const starts = size === 0 ? filled : Math.max(0, filled - longest);
        const end = Math.min(filled, starts + WINDOW_BYTES - 1);
        scanWindows(buffer, end, (offset, window) => {
          if (offset < starts) examine(place, buffer.subarray(offset, filled), window);
        });
        if (size === 0) return total;
        buffer.copyWithin(0, starts, filled);
        carried = filled - starts;
      }
    },
    hits: () =>
      [...counts].flatMap(([needle, places]) =>
        [...places].map(([place, count]) => ({ needle, place, count })),
      ),
  };
}
