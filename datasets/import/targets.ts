/** Which columns are to be predicted, and whether as a class or as numbers: one rule for tables and graphs. */
import type { TargetTask } from '../../contract/data-kinds.ts';
import type { ColumnStore } from './columns.ts';
import { fault } from './limits.ts';

const usualNames = ['target', 'label', 'class', 'y', 'labels', 'targets'];
/** Whole numbers up to here, no more than so many different ones, are taken as classes unless one says otherwise. */
const largestClassNumber = 999;
const mostNumberClasses = 100;

/** A column, or several: as a list, or in one text separated by commas. */
export type AskedTarget = string | readonly string[];

/**
 * The chosen columns; else one with a usual name; else the last. Throws `KronlabError` (`invalid`) listing them.
 *
 * @param areAllKnown false where a name among several may come later in the file
 */
export function chooseTargets(
  file: string,
  columns: readonly string[],
  target: AskedTarget | undefined,
  areAllKnown = true,
): string[] {
  if (target === undefined) return [usualTarget(file, columns)];
  const names = typeof target === 'string' ? namesIn(columns, target) : target;
  const isOpen = !areAllKnown && names.length > 1;
  const chosen = names.map((name) => (isOpen ? name : columnCalled(file, columns, name)));
  const twice = chosen.find((name, i) => chosen.indexOf(name) !== i);
  if (twice === undefined && chosen.length > 0) return chosen;
  throw fault(
    file,
    null,
    twice === undefined ? 'no column is to be predicted' : `column "${twice}" is to be predicted twice`,
    'name each target once',
  );
}

/** A name with commas is one name where a column is called so. */
function namesIn(columns: readonly string[], text: string): string[] {
  if (columns.includes(text) || !text.includes(',')) return [text];
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function columnCalled(file: string, columns: readonly string[], target: string): string {
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

function usualTarget(file: string, columns: readonly string[]): string {
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
