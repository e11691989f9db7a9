/**
 * What an import may take. A file says how much it holds before it holds it, so every number out of a header is held
 * against these before memory is asked for.
 */
import type { ImportChoices } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { Cell } from './columns.ts';
import type { Graph } from './graphs.ts';

export interface ImportLimits {
  /** Bytes of all tensors together, and of anything decompressed on the way. */
  bytes: number;
  examples: number;
  /** Pixels along a side of an image. */
  side: number;
  /** Columns of a table, features of a node or an edge. */
  columns: number;
  classes: number;
  /** Different texts of a column that becomes one input column each. */
  categories: number;
  /** Characters of one cell, line or molecule. */
  cell: number;
  /** Bytes of a header (NPY, safetensors, Parquet's footer). */
  header: number;
  files: number;
  /** Nodes, and edges, of one graph. */
  graph: number;
  /** Characters of one document of JSON, a graph: it is parsed at once, into objects many times its length. */
  document: number;
}

export const defaultLimits: ImportLimits = {
  bytes: 2 ** 31 - 2 ** 16,
  examples: 20_000_000,
  side: 1024,
  columns: 65_536,
  classes: 100_000,
  categories: 256,
  cell: 2 ** 20,
  header: 2 ** 24,
  files: 2_000_000,
  graph: 100_000,
  document: 2 ** 24,
};

export interface ImportProgress {
  /** The file being read. */
  file: string;
  /** Bytes of it read so far, of `total`. */
  done: number;
  total: number;
}

/** What every reader is given beside its files. */
export interface ImportContext {
  limits: ImportLimits;
  /** Aborting ends the import with the signal's reason; nothing is left behind. */
  signal?: AbortSignal;
  onProgress?: (progress: ImportProgress) => void;
  /** Sees what is read before it is encoded; for previews. */
  observer?: ImportObserver;
}

/** Listens to a reader of tables or graphs. */
export interface ImportObserver {
  columns(names: readonly string[], targets: readonly string[]): void;
  row(cells: readonly Cell[]): void;
  /** What graphs could be asked for, and what they are asked for. */
  properties(names: readonly string[], targets: readonly string[]): void;
  graph(graph: Graph, answers: readonly Cell[]): void;
}

/**
 * A fault of a file: `digits.idx, byte 4: says 70,000 images; ...`. `place` is where in the file, or null for all of it;
 * `remedy` is what to do about it.
 *
 * @param choices what could be chosen to the same end
 */
export function fault(
  file: string,
  place: string | null,
  problem: string,
  remedy: string,
  choices?: ImportChoices,
): KronlabError {
  const where = place === null ? '' : `, ${place}`;
  return new KronlabError('invalid', `${file}${where}: ${problem}; ${remedy}`, choices);
}

/** Throws where `count` is above `limit`. `what` is plural: `pixels along a side`. */
export function checkLimit(
  file: string,
  place: string | null,
  count: number,
  limit: number,
  what: string,
): void {
  if (count <= limit) return;
  throw fault(
    file,
    place,
    `${count} ${what}, which is more than the ${limit} the lab takes`,
    'import a part of it or check that the file is what it seems',
  );
}
