// The page of results: machine, contenders, one table for each scenario and lane, ratios and what did not run.
import { cellValue, type Column, type Row } from '../figures.ts';
import { ratiosOf } from './ratios.ts';
import type { LaneTable, Results } from './results.ts';
import { targetsOf } from './targets.ts';

/** GitHub-flavoured Markdown */
export function toMarkdown(results: Results): string {
  const sections = [
    '# Bench',
    introduction(results),
    '## Targets',
    'From `DESIGN.md` §13, as far as this bench measures them.',
    markdownTable(['what', 'target', 'measured', ''], targetsOf(results.tables)),
    '## The sidecar beside its peers',
    'Its requests a second divided by theirs (above 1: the sidecar does more), and its CPU time and added latency divided by theirs ' +
      '(below 1: the sidecar needs less). 1 KB JSON.',
    markdownTable(['peer', 'lane', 'req/s', 'CPU/req', 'added p50', 'added p99'], ratiosOf(results.tables)),
    ...results.tables.flatMap((table) => tableSection(table)),
    '## Contenders',
    markdownTable(
      ['name', 'version', 'what it is'],
      results.contenders.map(({ name, version, about }) => [name, version || '–', about]),
    ),
    '## Not run',
    results.notRun.length === 0
      ? 'All contenders ran.'
      : markdownTable(
          ['name', 'lane', 'reason'],
          results.notRun.map(({ name, lane, reason }) => [name, lane, reason]),
        ),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function introduction({ machine, date, quick }: Results): string {
  const { cpu, cores, memoryGiB, kernel, node, pinned, loadBefore } = machine;
  const where =
    pinned.target === undefined
      ? 'Nothing was pinned to a core.'
      : `What is measured ran on core ${pinned.target}, load and upstream on core ${pinned.load}.`;
  return [
    `One run on ${date}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}; load average before it ${loadBefore.toFixed(1)}.`,
    ...(quick ? ['**A quick run: it shows that everything works; the figures are noise.**'] : []),
    `${where} Everything is on the loopback interface. Rounds go through all contenders in turn; figures are medians of the rounds, and a`,
    'p50 or p99 is that of a round first. "Added" is the distance to the direct connection in the same table. Where requests a second are',
    "near the direct connection's, load and upstream were the limit, and CPU time tells more. In the lane `tls` the upstream speaks TLS with a",
    'private CA; `plain` is for peers that cannot be told of one.',
  ].join('\n');
}

function tableSection({ title, about, lane, columns, rows }: LaneTable): string[] {
  const [first] = rows;
  const failures = rows.filter(({ failure }) => failure !== undefined);
  return [
    `## ${title}${lane === undefined ? '' : `, ${lane === 'tls' ? 'TLS' : 'plain'} upstream`}`,
    about,
    markdownTable(
      ['', ...columns.map((column) => column.title)],
      rows
        .filter(({ failure }) => failure === undefined)
        .map((row) => [row.name, ...columns.map((column) => cell(column, row, first))]),
    ),
    failures.map(({ name, failure }) => `- ${name}: failed: ${failure}`).join('\n'),
  ];
}

function cell(column: Column, row: Row, first: Row | undefined): string {
  const value = cellValue(column, row, first);
  return value === undefined ? '–' : value.toFixed(column.digits ?? 0);
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}
