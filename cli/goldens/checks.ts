/** What is to be compared after a program ran: where the engine's numbers lie and what the fixture says they are. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { Region, placeInNewBuffer } from '../../gpu-kernels/region.ts';
import { rootOf, size, type Graph, type Tensor } from '../../training/program/graph.ts';
import { compare, largest, scaleOf, type Comparison } from './comparison.ts';

export interface Check {
  where: string;
  /** Arrays of one quantity set the scale for those among them that are zero in exact arithmetic. */
  quantity: string;
  region: Region;
  /** Takes the array out of the region's numbers; all of them when missing. */
  pick?: (numbers: Float32Array) => Float32Array;
  expected: Float64Array;
  tolerance: number;
  /** What differences are divided by, where it is not the array's own scale. */
  scale?: number;
}

/** The engine's array of every check, read with one map. */
export async function readChecks(
  gpu: GpuContext,
  checks: readonly Pick<Check, 'region' | 'pick'>[],
): Promise<Float32Array[]> {
  const regions = [...new Set(checks.map(({ region }) => region))];
  const contents = await readRegions(gpu, regions);
  const numbers = new Map(
    regions.map((region, i) => [region, new Float32Array(contents[i] ?? new ArrayBuffer(0))]),
  );
  return checks.map(({ region, pick }) => {
    const all = numbers.get(region) ?? new Float32Array();
    return pick ? pick(all) : all;
  });
}

/** Reads and compares. */
export async function runChecks(gpu: GpuContext, checks: readonly Check[]): Promise<Comparison[]> {
  return compareAll(checks, await readChecks(gpu, checks));
}

/** `numbers`: the engine's arrays, one for every check. */
export function compareAll(checks: readonly Check[], numbers: readonly Float32Array[]): Comparison[] {
  const scales = new Map<string, number>();
  for (const { quantity, expected } of checks) {
    scales.set(quantity, Math.max(scales.get(quantity) ?? 0, largest(expected)));
  }
  return checks.map(({ where, quantity, expected, tolerance, scale }, i) => {
    const divisor = scale ?? scaleOf(expected, scales.get(quantity) ?? 0);
    return compare(where, numbers[i] ?? new Float32Array(), expected, tolerance, divisor);
  });
}

/** Memory in which a tensor can be read after the program ran: its own if it has some, else it is given some. */
export function readable(gpu: GpuContext, graph: Graph, tensor: Tensor): Region {
  const root = rootOf(tensor);
  const placed = graph.placed.get(root);
  if (placed) return placed;
  const region = new Region(root.label, size(root.shape) * 4);
  placeInNewBuffer(gpu, root.label, [region]);
  graph.pin(root, region);
  return region;
}

/** The leading `rows` x `columns` of a matrix stored from number `first` on with rows of `stride` numbers. */
export function block(
  first: number,
  stride: number,
  rows: number,
  columns: number,
): (numbers: Float32Array) => Float32Array {
  return (numbers) => {
    const values = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      const from = first + row * stride;
      values.set(numbers.subarray(from, from + columns), row * columns);
    }
    return values;
  };
}
