// The sidecar's figures divided by those of the others.
import { cellValue } from '../figures.ts';
import { DIRECT } from '../target.ts';
import { SIDECAR } from './names.ts';
import type { LaneTable } from './results.ts';

const JSON_TABLE = 'json-1k';

/** rows of: peer, lane, requests a second, CPU time, added p50, added p99 */
export function ratiosOf(tables: readonly LaneTable[]): string[][] {
  return tables
    .filter(({ name }) => name === JSON_TABLE)
    .flatMap((table) => {
      const [first] = table.rows;
      const mine = table.rows.find(({ name }) => name === SIDECAR);
      if (mine === undefined) return [];
      const added = (key: string) => ({ key, title: '', added: true });
      return table.rows
        .filter((row) => row !== mine && row.name !== DIRECT && row.failure === undefined)
        .map((row) => [
          row.name,
          table.lane ?? '',
          ratio(mine.figures['requestsPerSecond'], row.figures['requestsPerSecond']),
          ratio(mine.figures['cpuUsPerRequest'], row.figures['cpuUsPerRequest']),
          ratio(cellValue(added('p50Us'), mine, first), cellValue(added('p50Us'), row, first)),
          ratio(cellValue(added('p99Us'), mine, first), cellValue(added('p99Us'), row, first)),
        ]);
    });
}

/** a difference below zero is noise, and no ratio can be made of it */
function ratio(mine: number | undefined, other: number | undefined): string {
  if (mine === undefined || other === undefined || mine <= 0 || other <= 0) return '–';
  return (mine / other).toFixed(2);
}
