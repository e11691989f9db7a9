/** The columns of what is to be predicted, while a table or graphs are read: one class, numbers, or labels. */
import type { TargetTask } from '../../contract/data-kinds.ts';
import { ColumnStore, type Cell, type ColumnType } from './columns.ts';
import type { RawLabels } from './labels.ts';
import { LabelColumns } from './label-columns.ts';
import { fault, type ImportContext } from './limits.ts';
import { taskOf } from './targets.ts';

/** What examples are to be answered with, one of these: labels `[n]`, targets `[n, T]`, marks of labels `[n, L]`. */
export type AnswerValues = { labels: RawLabels } | { targets: Float32Array } | { marks: Uint8Array };

/** Several columns are labels as long as nobody asks for numbers. */
export function areLabels(columns: number, asked: TargetTask | undefined): boolean {
  return asked === 'multi-label' || (asked === undefined && columns > 1);
}

/** The task that columns ask for; none: labels. Throws as `taskOf` does. */
export function taskOfColumns(
  file: string,
  columns: readonly ColumnStore[],
  asked: TargetTask | undefined,
): TargetTask {
  const each = columns.length > 1 ? 'regression' : asked;
  return columns.map((column) => taskOf(file, column, each))[0] ?? 'multi-label';
}

export class Answers {
  readonly names: readonly string[];
  readonly #file: string;
  readonly #asked: TargetTask | undefined;
  readonly #columns: readonly ColumnStore[];
  readonly #labels: LabelColumns | null;
  #values: readonly Float64Array[] = [];
  #task: TargetTask = 'multi-label';

  /**
   * Throws `KronlabError` (`invalid`) where one class is to be read out of several columns.
   *
   * @param typeOf the type of a column where it is not to be guessed
   */
  constructor(
    file: string,
    names: readonly string[],
    asked: TargetTask | undefined,
    context: ImportContext,
    typeOf: (name: string) => ColumnType | null = () => null,
  ) {
    this.names = names;
    this.#file = file;
    this.#asked = asked;
    if (names.length > 1 && asked === 'classification') {
      throw fault(
        file,
        null,
        `classification predicts one column, not ${names.length}`,
        'choose one, or the task multi-label for columns of 0 and 1',
      );
    }
    const isOfLabels = areLabels(names.length, asked);
    this.#labels = isOfLabels ? new LabelColumns(file, names, context) : null;
    this.#columns = isOfLabels
      ? []
      : names.map((name) => new ColumnStore(name, file, true, typeOf(name), context));
  }

  /** @param place number of the row, from 1 */
  add(cells: readonly Cell[], place: number): void {
    this.#labels?.add(cells, place);
    this.#columns.forEach((column, i) => column.add(cells[i] ?? null));
  }

  /** To be called when all rows are there. Throws where a column cannot be what is asked for. */
  decide(): TargetTask {
    this.#values = this.#columns.map((column) => column.values());
    this.#task = taskOfColumns(this.#file, this.#columns, this.#asked);
    return this.#task;
  }

  /** Why a row cannot be used; null where it can. */
  problem(row: number): string | null {
    if (this.#labels?.isEmpty(row)) return 'none of its labels is known';
    const bad = this.#values.findIndex((values) => !Number.isFinite(Math.fround(values[row]!)));
    return bad === -1 ? null : cellProblem(this.names[bad]!, this.#values[bad]![row]!);
  }

  of(rows: readonly number[]): AnswerValues {
    if (this.#labels !== null) return { marks: this.#labels.marks(rows) };
    const columns = this.#values;
    const [values] = columns;
    if (this.#task === 'regression') {
      const width = columns.length;
      return {
        targets: Float32Array.from(
          { length: rows.length * width },
          (_, i) => columns[i % width]![rows[Math.floor(i / width)]!]!,
        ),
      };
    }
    if (this.#columns[0]!.type === 'number')
      return { labels: Float64Array.from(rows, (row) => values![row]!) };
    const texts = this.#columns[0]!.texts();
    return { labels: rows.map((row) => texts[values![row]!]!) };
  }
}

/** Why a row is left out whose cell of this column has no number that can be used. */
export function cellProblem(column: string, value: number): string {
  return `column "${column}" ${Number.isNaN(value) ? 'is empty or no number' : 'is beyond the range of float32'}`;
}
