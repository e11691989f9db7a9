/**
 * Rows picked by an index and rows summed by groups of varying size, the two halves of message passing on graphs. Each is
 * the other's gradient, and sums run over known positions in a fixed order: no atomics. Rows that belong to nothing
 * (padding of a batch that is not full) are zeros and contribute nothing.
 */
import { KronlabError } from '../../../contract/errors.ts';
import type { Access, Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Lowering, type Node, type Operation, type Tensor, type Unit } from '../graph.ts';
import { multiply } from './elementwise.ts';
import entriesSource from './entries-within.wgsl';
import gatherSource from './gather-rows.wgsl';
import { invertIndex, type InverseIndex } from './inverse-index.ts';
import segmentSource from './segment-of-rows.wgsl';
import partsSource from './segment-parts.wgsl';
import sumSource from './segment-sum.wgsl';
import { requireAxes, requireShape, requireType, shapeText } from './shape-rules.ts';

const gatherOperation: Operation<{ inverse: InverseIndex | null }> = {
  name: 'gather rows',
  fusedWrites: [0],
  gradient(node, [g]) {
    const [x, index] = node.inputs as [Tensor, Tensor];
    return [g ? scatterSum(g, index, x.shape[0] ?? 1, node.attributes.inverse) : null, null];
  },
  lower: (node, lowering) => launchGather(node, lowering),
};

/** Inputs: the rows, the index, and for segments their offsets, which only the gradient reads. */
function launchGather(node: Node, lowering: Lowering): Dispatch[] {
  const [x, index] = node.inputs as [Tensor, Tensor];
  const y = node.outputs[0] as Tensor;
  const { unit, type, width } = rowUnits(x.shape.slice(1));
  return [
    launch({
      label: node.operation.name,
      source: gatherSource,
      values: { TYPE: type },
      threads: size(y.shape) / unit,
      params: [width, x.shape[0] ?? 1],
      access: [
        memory('x', lowering.region(x), type),
        memory('index', lowering.region(index), 'u32'),
        lowering.writer('y', y, unit),
      ],
    }),
  ];
}

const spreadOperation: Operation<null> = {
  name: 'spread over segments',
  fusedWrites: [0],
  gradient(node, [g]) {
    const offsets = node.inputs[2] as Tensor;
    return [g ? segmentSum(g, offsets) : null, null, null];
  },
  lower: (node, lowering) => launchGather(node, lowering),
};

const scatterOperation: Operation<{ index: Tensor; inverse: InverseIndex }> = {
  name: 'scatter sum',
  fusedReads: [0],
  fusedWrites: [0],
  gradient(node, [g]) {
    const { index, inverse } = node.attributes;
    return [g ? gatherRows(g, index, inverse) : null, null, null];
  },
  lower: (node, lowering) => launchSum(node, lowering),
};

const segmentOperation: Operation<null> = {
  name: 'segment sum',
  fusedReads: [0],
  fusedWrites: [0],
  gradient(node, [g]) {
    const [x, offsets] = node.inputs as [Tensor, Tensor];
    return [g ? spreadOverSegments(g, offsets, x.shape[0] ?? 1) : null, null];
  },
  lower: (node, lowering) => launchSum(node, lowering),
};

/** Threads that keep an adapter of each class busy. */
const enoughThreads = { software: 2 ** 9, gpu: 2 ** 14 } as const;

/** A share of a segment's rows is no shorter than this, on average. */
const rowsOfShare = 32;

/** Into how many shares the rows of each segment fall: one, unless long segments leave most of the adapter idle. */
function sharesOf({ gpu }: Lowering, threads: number, rowsOfSegment: number): number {
  const wanted = Math.min(enoughThreads[gpu.adapterClass] / threads, rowsOfSegment / rowsOfShare, 64);
  return wanted < 2 ? 1 : Math.floor(wanted);
}

/** Inputs: the rows, the offsets, and for rows in another order their positions. */
function launchSum(node: Node, lowering: Lowering): Dispatch[] {
  const [x, offsets, order] = node.inputs as [Tensor, Tensor, Tensor | undefined];
  const y = node.outputs[0] as Tensor;
  const { unit, type, width } = rowUnits(y.shape.slice(1));
  const count = size(y.shape) / unit;
  const rows = size(x.shape) / (width * unit);
  const shares = sharesOf(lowering, count, (rows * width) / count);
  const sums = (result: Access): Dispatch =>
    launch({
      label: node.operation.name,
      source: sumSource,
      values: { TYPE: type, ORDERED: order !== undefined, PARTS: shares > 1 },
      threads: count * shares,
      params: [width, rows, shares],
      access: [
        lowering.reader('x', x, unit),
        memory('offsets', lowering.region(offsets), 'u32'),
        ...(order ? [memory('order', lowering.region(order), 'u32')] : []),
        result,
      ],
    });
  if (shares === 1) return [sums(lowering.writer('y', y, unit))];
  const partials = lowering.scratch(`${node.operation.name}: shares`, shares * size(y.shape));
  const store: Access = {
    code: `fn y_set(i: u32, value: ${type}) { shares[i] = value; }`,
    bindings: [{ name: 'shares', type: `array<${type}>`, region: partials, write: true }],
  };
  const total = launch({
    label: `${node.operation.name}: shares`,
    source: partsSource,
    values: {},
    threads: count,
    params: [shares],
    access: [memory('partials', partials, type), lowering.writer('y', y, unit)],
  });
  return [sums(store), total];
}

const segmentOfRowsOperation: Operation<null> = {
  name: 'segment of rows',
  lower: (node, lowering) => launchSegments(node, lowering, 'ROWS'),
};

const placesOperation: Operation<null> = {
  name: 'places in segments',
  lower: (node, lowering) => launchSegments(node, lowering, 'PLACES'),
};

const countsOperation: Operation<null> = {
  name: 'segment counts',
  lower: (node, lowering) => launchSegments(node, lowering, 'COUNTS'),
};

const inverseCountsOperation: Operation<null> = {
  name: 'inverse counts',
  lower: (node, lowering) => launchSegments(node, lowering, 'INVERSES'),
};

const segmentAnswers = { ROWS: false, PLACES: false, COUNTS: false, INVERSES: false };

function launchSegments(node: Node, lowering: Lowering, answer: keyof typeof segmentAnswers): Dispatch[] {
  const [offsets] = node.inputs as [Tensor];
  const result = node.outputs[0] as Tensor;
  return [
    launch({
      label: node.operation.name,
      source: segmentSource,
      values: { ...segmentAnswers, [answer]: true },
      threads: size(result.shape),
      params: [size(offsets.shape) - 1],
      access: [
        memory('offsets', lowering.region(offsets), 'u32'),
        memory('result', lowering.region(result), result.type, true),
      ],
    }),
  ];
}

const entriesOperation: Operation<null> = {
  name: 'entries within',
  lower(node, lowering) {
    const [index, offsets] = node.inputs as [Tensor, Tensor];
    const result = node.outputs[0] as Tensor;
    return [
      launch({
        label: node.operation.name,
        source: entriesSource,
        values: {},
        threads: size(result.shape),
        params: [size(offsets.shape) - 1],
        access: [
          memory('index', lowering.region(index), 'u32'),
          memory('offsets', lowering.region(offsets), 'u32'),
          memory('y', lowering.region(result), 'u32', true),
        ],
      }),
    ];
  },
};

interface Kernel {
  label: string;
  source: string;
  values: Record<string, string | boolean>;
  threads: number;
  /** What follows the number of threads. */
  params: number[];
  access: Access[];
}

function launch({ label, source, values, threads, params, access }: Kernel): Dispatch {
  const grid = linearGrid(threads, 64);
  const template = expandTemplate(source, { ...values, ROW: grid.row });
  return {
    label,
    code: [...access.map(({ code }) => code), template].join('\n'),
    bindings: access.flatMap(({ bindings }) => bindings),
    params: { type: 'Params', data: Uint32Array.of(threads, ...params) },
    workgroups: grid.workgroups,
    flops: 0,
  };
}

function memory(name: string, region: Region, type: string, write = false): Access {
  return { code: '', bindings: [{ name, type: `array<${type}>`, region, write }] };
}

/** How rows of this shape are read: numbers or vec4s at a time, and how many of those are a row. */
function rowUnits(row: readonly number[]): { unit: Unit; type: string; width: number } {
  const quads = row.length > 0 && (row.at(-1) ?? 1) % 4 === 0;
  return quads
    ? { unit: 4, type: 'vec4f', width: size(row) / 4 }
    : { unit: 1, type: 'f32', width: size(row) };
}

/**
 * y[m] = x[index[m]]: rows of x [rows, ...] by a u32 index of any shape. Where an entry is no row of x (`noRow`) the row
 * is zeros, and nothing flows back. The gradient is a sum over the inverse of the index; where none is given it is
 * computed on the GPU each time (see `invertIndex` for the cost).
 */
export function gatherRows(x: Tensor, index: Tensor, inverse: InverseIndex | null = null): Tensor {
  requireAxes('gather rows', 'rows', x);
  requireType('gather rows', 'index', index, 'u32');
  if (inverse) requireInverse('gather rows', inverse, x.shape[0] ?? 1, size(index.shape));
  const output = { shape: [...index.shape, ...x.shape.slice(1)], label: 'gathered rows' };
  return x.graph.add1(gatherOperation, [x, index], output, { inverse });
}

/**
 * y[r] = sum of x[m] over all m with index[m] = r, for `rows` rows; x is [...index.shape, ...]. Entries that are no row
 * count for nothing. The order of summation is that of m.
 */
export function scatterSum(
  x: Tensor,
  index: Tensor,
  rows: number,
  inverse: InverseIndex | null = null,
): Tensor {
  const leading = x.shape.slice(0, index.shape.length);
  if (leading.join() !== index.shape.join()) {
    throw new KronlabError(
      'internal',
      `scatter sum: an index ${shapeText(index.shape)} does not say where rows of ${shapeText(x.shape)} go`,
    );
  }
  const known = inverse ?? invertIndex(index, rows);
  requireInverse('scatter sum', known, rows, size(index.shape));
  const output = { shape: [rows, ...x.shape.slice(index.shape.length)], label: 'scatter sum' };
  const attributes = { index, inverse: known };
  return x.graph.add1(scatterOperation, [x, known.offsets, known.order], output, attributes);
}

/** Means instead of sums, as `scatterSum`; a row that nothing points to is zeros. */
export function scatterMean(
  x: Tensor,
  index: Tensor,
  rows: number,
  inverse: InverseIndex | null = null,
): Tensor {
  const known = inverse ?? invertIndex(index, rows);
  return multiply(
    scatterSum(x, index, rows, known),
    inverseCounts(known.offsets, x.shape.length - index.shape.length),
  );
}

/** An index u32 [M] whose entries behind the last of the offsets are padding: there it becomes `noRow`. */
export function entriesWithin(index: Tensor, offsets: Tensor): Tensor {
  requireType('entries within', 'index', index, 'u32');
  requireOffsets('entries within', offsets);
  const output = { shape: index.shape, type: 'u32' as const, label: index.label };
  return index.graph.add1(entriesOperation, [index, offsets], output, null);
}

/**
 * y[m] = x[s] for each of `rows` rows m of the segment s: x is [S, ...], offsets u32 [S + 1]. Rows beyond the last offset
 * are zeros. The other half of `segmentSum`, and its gradient.
 */
export function spreadOverSegments(x: Tensor, offsets: Tensor, rows: number): Tensor {
  requireAxes('spread over segments', 'rows', x);
  requireOffsets('spread over segments', offsets, (x.shape[0] ?? 0) + 1);
  const output = { shape: [rows, ...x.shape.slice(1)], label: 'spread rows' };
  return x.graph.add1(spreadOperation, [x, segmentOfRows(offsets, rows), offsets], output, null);
}

/** u32 [S + 1] for at least one segment; `count` where their number is known. */
function requireOffsets(operation: string, offsets: Tensor, count?: number): void {
  requireType(operation, 'offsets', offsets, 'u32');
  requireShape(operation, 'offsets', offsets, [count ?? 'segments + 1']);
  if (size(offsets.shape) >= 2) return;
  throw new KronlabError(
    'internal',
    `${operation}: offsets ${shapeText(offsets.shape)} are no segment; two are the first`,
  );
}

function requireInverse(
  operation: string,
  { offsets, order }: InverseIndex,
  rows: number,
  count: number,
): void {
  requireOffsets(operation, offsets, rows + 1);
  requireType(operation, 'order', order, 'u32');
  requireShape(operation, 'order', order, [count]);
}

/** The segment each of `rows` rows lies in; rows beyond the last offset get a number that is no segment. */
function segmentOfRows(offsets: Tensor, rows: number): Tensor {
  const output = { shape: [rows], type: 'u32' as const, label: 'segment of rows' };
  return offsets.graph.add1(segmentOfRowsOperation, [offsets], output, null);
}

/** How many rows of its own segment come before each of `rows` rows, u32. */
export function placesInSegments(offsets: Tensor, rows: number): Tensor {
  requireOffsets('places in segments', offsets);
  const output = { shape: [rows], type: 'u32' as const, label: 'places in segments' };
  return offsets.graph.add1(placesOperation, [offsets], output, null);
}

/** The number of rows of each segment, f32 [S], of offsets u32 [S + 1]. */
export function segmentCounts(offsets: Tensor): Tensor {
  requireOffsets('segment counts', offsets);
  const output = { shape: [size(offsets.shape) - 1], label: 'segment counts' };
  return offsets.graph.add1(countsOperation, [offsets], output, null);
}

/**
 * Sums of consecutive rows of x [rows, ...]: segment s holds the rows offsets[s] to offsets[s + 1] - 1. Offsets are u32
 * [S + 1] and ascend; an empty segment is zeros, rows beyond the last offset belong to none.
 */
export function segmentSum(x: Tensor, offsets: Tensor): Tensor {
  requireAxes('segment sum', 'rows', x);
  requireOffsets('segment sum', offsets);
  const output = { shape: [size(offsets.shape) - 1, ...x.shape.slice(1)], label: 'segment sum' };
  return x.graph.add1(segmentOperation, [x, offsets], output, null);
}

/** Means of consecutive rows, as `segmentSum`; an empty segment is zeros. */
export function segmentMean(x: Tensor, offsets: Tensor): Tensor {
  return multiply(segmentSum(x, offsets), inverseCounts(offsets, x.shape.length - 1));
}

/** f32 [S, 1, ...]: one over the number of rows of each segment, 1 for an empty one; `axes` ones follow. */
function inverseCounts(offsets: Tensor, axes: number): Tensor {
  const output = { shape: [size(offsets.shape) - 1], label: 'inverse counts' };
  const counts = offsets.graph.add1(inverseCountsOperation, [offsets], output, null);
  return offsets.graph.reshape(counts, [...output.shape, ...new Array<number>(axes).fill(1)]);
}
