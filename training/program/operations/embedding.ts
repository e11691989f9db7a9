/** Learned vectors by number: tokens, kinds of atoms and bonds. */
import { KronlabError } from '../../../contract/errors.ts';
import type { Tensor } from '../graph.ts';
import { gatherRows } from './segments.ts';

/**
 * table [V, D] by u32 ids [...]: [..., D]. An id that is V or more gives zeros and trains nothing. The table's gradient
 * sums, for every row, the positions that asked for it in ascending order: the ids are sorted on the GPU
 * (`invertIndex`), then each number of the [V, D] gradient is one thread's, so a row that most positions ask for is a
 * long sum of few threads, and a large table costs its size in writes.
 */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  if (table.shape.length !== 2 || ids.type !== 'u32') {
    throw new KronlabError(
      'internal',
      `embedding: a table [V, D] and u32 ids are needed, not [${table.shape.join(', ')}] and ${ids.type}`,
    );
  }
  return gatherRows(table, ids);
}
