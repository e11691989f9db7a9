/**
 * The inverse of an index: for every row that it points to, the positions that do. With it a scatter becomes a sum over
 * known positions in a fixed order, without atomics. Built on the host once where the index is data (a graph's edges),
 * or on the GPU where it changes every step (tokens).
 */
import { KronlabError } from '../../../contract/errors.ts';
import type { Binding, Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './inverse-index.wgsl';
import { requireType } from './shape-rules.ts';

/** Row r is pointed to by the positions order[offsets[r]] to order[offsets[r + 1] - 1], ascending. */
export interface InverseIndex {
  /** u32 [rows + 1] */
  offsets: Tensor;
  /** u32 [positions]; what lies beyond the last offset points to no row. */
  order: Tensor;
}

/** Where an index points to no row: padding of a batch that is not full. */
export const noRow = 0xffffffff;

/**
 * The same on the host, for an index whose entries are rows below `rows`, or `noRow`. Throws `invalid` with the position
 * of an entry that is neither.
 */
export function inverseIndexOf(
  index: ArrayLike<number>,
  rows: number,
): { offsets: Uint32Array; order: Uint32Array } {
  const offsets = new Uint32Array(rows + 1);
  const entries = Array.from(index);
  entries.forEach((row, position) => {
    if (row === noRow) return;
    if (!Number.isInteger(row) || row < 0 || row >= rows) {
      throw new KronlabError('invalid', `index: entry ${position} is ${row}; rows are 0 to ${rows - 1}`);
    }
    offsets[row + 1] = (offsets[row + 1] ?? 0) + 1;
  });
  for (let row = 0; row < rows; row++) offsets[row + 1] = (offsets[row + 1] ?? 0) + (offsets[row] ?? 0);
  const order = new Uint32Array(entries.length).fill(noRow);
  const next = offsets.slice();
  entries.forEach((row, position) => {
    if (row === noRow) return;
    const place = next[row] ?? 0;
    order[place] = position;
    next[row] = place + 1;
  });
  return { offsets, order };
}

const digitBits = 4;

const operation: Operation<{ rows: number }> = { name: 'inverse index', lower };

function lower(node: Node<{ rows: number }>, lowering: Lowering): Dispatch[] {
  const [index] = node.inputs as [Tensor];
  const [offsets, order] = node.outputs as [Tensor, Tensor];
  const { rows } = node.attributes;
  const count = size(index.shape);
  // As many blocks as positions in a block: both are walked by one thread.
  const length = Math.max(16, 2 ** Math.ceil(Math.log2(Math.sqrt(count))));
  const blocks = Math.ceil(count / length);
  const passes = Math.ceil(Math.log2(rows + 1) / digitBits);
  const bind = (name: string, region: Region, write = false): Binding => ({
    name,
    type: 'array<u32>',
    region,
    write,
  });
  const kernel = (stage: Stage, threads: number, shift: number, bindings: Binding[]): Dispatch => {
    const grid = linearGrid(threads, 16);
    return {
      label: `inverse index (${stage.toLowerCase()})`,
      code: expandTemplate(source, { ...stages, [stage]: true, FIRST: shift === 0, ROW: grid.row }),
      bindings: [bind('index', lowering.region(index)), ...bindings],
      params: { type: 'Params', data: Uint32Array.of(count, blocks, length, shift, rows) },
      workgroups: grid.workgroups,
      flops: 0,
    };
  };
  const counts = lowering.scratch('digit counts', 16 * blocks + 16);
  const sorted = lowering.region(order);
  const other = lowering.scratch('positions', count);
  const dispatches = Array.from({ length: passes }, (_, pass) => {
    // The last pass writes the result, and those before take turns.
    const [after, before] = (passes - pass) % 2 === 1 ? [sorted, other] : [other, sorted];
    const reads = pass === 0 ? [] : [bind('before', before)];
    const shift = pass * digitBits;
    return [
      kernel('COUNT', blocks, shift, [...reads, bind('counts', counts, true)]),
      kernel('SCAN', 16, shift, [bind('counts', counts, true)]),
      kernel('PLACE', blocks, shift, [...reads, bind('counts', counts), bind('after', after, true)]),
    ];
  });
  const search = kernel('OFFSETS', rows + 1, 0, [
    bind('order', sorted),
    bind('offsets', lowering.region(offsets), true),
  ]);
  return [...dispatches.flat(), search];
}

const stages = { COUNT: false, SCAN: false, PLACE: false, OFFSETS: false };
type Stage = keyof typeof stages;

/**
 * The inverse of a u32 index of any shape into `rows` rows, computed on the GPU by a stable radix sort of its positions
 * (taken in row-major order): three launches for every four bits of `rows`, in which each position is read twice, and
 * one for the offsets. 65 536 positions into 50 000 rows take 13 launches. Entries beyond the rows point nowhere.
 */
export function invertIndex(index: Tensor, rows: number): InverseIndex {
  requireType('inverse index', 'index', index, 'u32');
  const [offsets, order] = index.graph.add(operation, [index], {
    attributes: { rows },
    outputs: [
      { shape: [rows + 1], type: 'u32', label: 'offsets' },
      { shape: [size(index.shape)], type: 'u32', label: 'order' },
    ],
  }) as [Tensor, Tensor];
  return { offsets, order };
}
