// Figures of one measurement, and what becomes of several: medians by name.
import { median } from './statistics.ts';

/** measured values by name; one that a target does not have is left out */
export type Figures = Readonly<Record<string, number>>;

/** medians of all rounds, name by name */
export function mediansOf(rounds: readonly Figures[]): Figures {
  const names = new Set(rounds.flatMap((round) => Object.keys(round)));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      median(rounds.flatMap((round) => (round[name] === undefined ? [] : [round[name]]))),
    ]),
  );
}

/** a line of a table: figures, or why there are none */
export interface Row {
  name: string;
  figures: Figures;
  /** left out: it was measured to the end */
  failure?: string;
}

export interface Column {
  /** name of the figure */
  key: string;
  title: string;
  /** digits after the point; 0 unless told */
  digits?: number;
  /** shows by how much the figure is above that of the first row */
  added?: boolean;
}

/** results of one scenario */
export interface Table {
  name: string;
  title: string;
  about: string;
  columns: readonly Column[];
  rows: readonly Row[];
}

/** what stands in a cell; undefined where there is nothing to show */
export function cellValue(column: Column, row: Row, first: Row | undefined): number | undefined {
  const value = row.figures[column.key];
  if (column.added !== true || value === undefined) return value;
  const base = first?.figures[column.key];
  return base === undefined || row === first ? undefined : value - base;
}
