/**
 * Which kernel variant is fastest for which problem on one adapter: what was measured, or read back from an earlier start.
 * While a program is lowered, kernels ask here; questions without an answer are noted, so that the compiler can have them
 * measured and lower those operations again. The same table gives the same kernels, and so the same bits.
 */
import type { GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import { sourceVersion } from './source-version.ts';

/** Launches of every variant on scratch memory, which the scope holds. */
export interface Candidates {
  scope: GpuContext;
  launches: ReadonlyMap<string, readonly Dispatch[]>;
}

export interface TuningProblem {
  /** Kernel family, layout and size; problems of one key share an answer. */
  key: string;
  /** Arithmetic in it, roughly: the largest problems are measured first. */
  work: number;
  /** Numbers in its operands and its result, roughly: measuring takes a second copy of them. */
  words: number;
  /** Whether there is such a variant at all; a table may come from somewhere else. */
  isName(name: string): boolean;
  candidates(gpu: GpuContext): Candidates;
}

/** Name of the chosen variant by key of the problem. */
export type ChoiceTable = Readonly<Record<string, string>>;

/** Sizes up to the next power of two: problems that differ less share an answer. */
export function sizeClass(sizes: readonly number[]): string {
  return sizes.map((size) => Math.ceil(Math.log2(size))).join(' ');
}

/** A second copy of more than 256 MiB is too much to ask. */
const mostWords = 2 ** 26;

/** A table longer than this is none of ours. */
const mostChoices = 4096;

export class KernelChoices {
  private readonly choices = new Map<string, string>();
  private asked: Map<string, TuningProblem> | null = null;
  private last: Promise<unknown> = Promise.resolve();

  /** Takes over what was measured before; whatever does not look like a table is ignored, and measured again. */
  load(table: unknown): void {
    if (typeof table !== 'object' || table === null || Array.isArray(table)) return;
    const entries = Object.entries(table);
    if (entries.length > mostChoices) return;
    for (const [key, name] of entries) if (typeof name === 'string') this.choices.set(key, name);
  }

  /**
   * The variant to take, or null where nothing is known; the problem is then noted for `undecided`, if it is not too large
   * to measure.
   */
  pick(problem: TuningProblem): string | null {
    if (problem.words > mostWords) return null;
    const name = this.choices.get(problem.key);
    if (name !== undefined && problem.isName(name)) return name;
    this.asked?.set(problem.key, problem);
    return null;
  }

  has(problem: TuningProblem): boolean {
    return problem.isName(this.choices.get(problem.key) ?? '');
  }

  record(key: string, name: string): void {
    this.choices.set(key, name);
  }

  /** Does the work, which must not wait for anything, and answers which problems it asked about in vain. */
  undecided<T>(work: () => T): { result: T; problems: TuningProblem[] } {
    const asked = new Map<string, TuningProblem>();
    this.asked = asked;
    try {
      return { result: work(), problems: [...asked.values()] };
    } finally {
      this.asked = null;
    }
  }

  /** Starts the work when all that came before has ended, well or not. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const own = this.last.then(work, work);
    this.last = own.catch(() => undefined);
    return own;
  }

  /** All choices, keys in order. */
  get table(): ChoiceTable {
    return Object.fromEntries([...this.choices].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A short name of the table: runs of the same one took the same kernels. */
  get fingerprint(): string {
    return sourceVersion([JSON.stringify(this.table)]);
  }
}
