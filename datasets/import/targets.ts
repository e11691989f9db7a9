/** Which column is to be predicted, and whether as a class or as a number: one rule for tables and graphs. */
import type { ColumnStore } from './columns.ts';
import { fault } from './limits.ts';
import type { RawLabels } from './labels.ts';

export type TargetTask = 'classification' | 'regression';

const usualNames = ['target', 'label', 'class', 'y', 'labels', 'targets'];
/** Whole numbers up to here, no more than so many different ones, are taken as classes unless one says otherwise. */
const largestClassNumber = 999;
const mostNumberClasses = 100;

/** The chosen column; else one with a usual name; else the last. Throws `KronlabError` (`invalid`) listing them. */
export function chooseTarget(file: string, columns: readonly string[], target: string | undefined): string {
  if (target !== undefined) {
    if (columns.includes(target)) return target;
    const insensitive = columns.filter((name) => name.toLowerCase() === target.toLowerCase());
    if (insensitive.length === 1) return insensitive[0]!;
    const list = columns.slice(0, 30).join(', ');
    throw fault(
      file,
      null,
      `has no column "${target}"`,
      `its columns are ${list}${columns.length > 30 ? ', ...' : ''}`,
    );
  }
  const usual = usualNames
    .map((name) => columns.find((column) => column.toLowerCase() === name))
    .find((column) => column !== undefined);
  const chosen = usual ?? columns.at(-1);
  if (chosen === undefined)
    throw fault(file, null, 'has no columns', 'choose a file with inputs and a target');
  return chosen;
}

/** The task that a target column asks for. Throws where numbers are demanded of texts. */
export function taskOf(file: string, column: ColumnStore, asked: TargetTask | undefined): TargetTask {
  if (column.leftOut !== null) {
    throw fault(
      file,
      `column "${column.name}"`,
      `${column.leftOut}, too many for classes`,
      'choose another target',
    );
  }
  if (column.type === 'category') {
    if (asked !== 'regression') return 'classification';
    throw fault(
      file,
      `column "${column.name}"`,
      `holds texts such as "${column.texts()[0]?.slice(0, 40)}"`,
      'a target of regression holds numbers; choose another one, or classification',
    );
  }
  if (asked !== undefined) return asked;
  const different = new Set<number>();
  for (const value of column.values()) {
    if (Number.isNaN(value)) continue;
    if (!Number.isInteger(value) || value < 0 || value > largestClassNumber) return 'regression';
    different.add(value);
    if (different.size > mostNumberClasses) return 'regression';
  }
  return 'classification';
}

/** The labels or targets of the chosen rows. */
export function answersOf(
  column: ColumnStore,
  task: TargetTask,
  rows: readonly number[],
): { labels: RawLabels } | { targets: Float32Array } {
  const values = column.values();
  if (task === 'regression') return { targets: Float32Array.from(rows, (row) => values[row]!) };
  if (column.type === 'number') return { labels: Float64Array.from(rows, (row) => values[row]!) };
  const texts = column.texts();
  return { labels: rows.map((row) => texts[values[row]!]!) };
}
