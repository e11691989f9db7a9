/** The comparison as a terminal shows it: the sentence, the table, what was refused. */
import { metricDefinitions } from '../contract/runs.ts';
import { formatMetric } from '../training/charts/format.ts';
import { resultRows, type ResultRow } from '../training/charts/result-rows.ts';
import { plainText, timeRefusal, verdictSentence } from '../training/charts/verdict-sentence.ts';
import type { Comparison } from '../training/statistics/comparison.ts';
import { textTable, type Column } from './text-table.ts';

/** Lines to print, without line ends. */
export function comparisonReport(comparison: Comparison): string[] {
  const { target } = comparison;
  const direction = target.op === '>=' ? 'above' : 'below';
  const refusal = timeRefusal(comparison);
  return [
    plainText(verdictSentence(comparison)),
    '',
    `To reach ${formatMetric(target.metric, target.value)} ${metricDefinitions[target.metric].label.toLowerCase()} ` +
      `(first evaluation at or ${direction} it, raw; median [95 % bootstrap])`,
    ...comparisonTable(comparison),
    ...(refusal === null ? [] : ['', refusal]),
    ...(comparison.adapters.length === 0 ? [] : ['', `Adapter: ${comparison.adapters.join(', ')}`]),
  ];
}

/** The table alone. */
export function comparisonTable(comparison: Comparison): string[] {
  const withTime = comparison.timesComparable;
  const columns: Column[] = [
    { head: 'Group', align: 'left' },
    { head: 'Reached', align: 'right' },
    { head: 'Steps', align: 'right' },
    { head: '', align: 'left' },
    { head: 'Ratio', align: 'right' },
    ...(withTime
      ? ([
          { head: 'Time', align: 'right' },
          { head: 'Ratio', align: 'right' },
        ] as const)
      : []),
    { head: 'Last value', align: 'right' },
    { head: 'ms/step', align: 'right' },
  ];
  return textTable(
    columns,
    resultRows(comparison).map((row) => rowCells(row, withTime)),
  ).concat(missedNotes(comparison));
}

function rowCells(row: ResultRow, withTime: boolean): string[] {
  const ratio = (cell: { text: string; ratio: number | null } | undefined) =>
    cell === undefined || cell.ratio === null ? '–' : cell.text;
  return [
    row.isReference ? `${row.name} (reference)` : row.name,
    row.reached,
    row.steps?.value ?? row.missed.what.toLowerCase(),
    row.steps?.interval ?? '',
    ratio(row.steps?.ratio),
    ...(withTime ? [row.time?.value ?? '–', ratio(row.time?.ratio)] : []),
    row.final,
    row.msPerStep,
  ];
}

function missedNotes(comparison: Comparison): string[] {
  return resultRows(comparison)
    .filter((row) => row.steps === null && row.missed.what === 'Not reached')
    .map((row) => `${row.name}: not reached, ${row.missed.detail}`);
}
