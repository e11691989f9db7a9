/** Sums along the middle axis of [outer, length, inner]: bias gradients, pooling, weight-sharing sums and means. */
import { floatBits, type Access, type Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import { Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import source from './sum-middle.wgsl';

export interface SumMiddleArguments {
  label: string;
  /** Memory, or WGSL functions `x_at(i)` and `y_set(i, value)` that take what `sumUnit` says. */
  x: Region | Access;
  y: Region | Access;
  outer: number;
  length: number;
  inner: number;
  scale?: number;
  /** Gives memory for partial sums when one thread per output would be too few. */
  scratch: (label: string, words: number) => Region;
}

/** Partial sums are worth a second launch when fewer threads than this would each add many numbers. */
const enoughThreads = 256;
const longSum = 256;

/** How many numbers at a time the sums read and write. */
export const sumUnit = (inner: number): 1 | 4 => (inner % 4 === 0 ? 4 : 1);

/** y[outer, inner] = scale * sum over the middle axis of x. The order of summation is fixed. */
export function sumMiddle(args: SumMiddleArguments): Dispatch[] {
  const { outer, length, inner } = args;
  const slices = outer * inner < enoughThreads && length > longSum ? Math.min(64, Math.ceil(length / 64)) : 1;
  if (slices === 1) return [launch(args, args.x, args.y, outer, length, 1, args.scale ?? 1)];
  const partial = args.scratch(`${args.label} partial sums`, outer * slices * inner);
  return [
    launch(args, args.x, partial, outer, length, slices, 1),
    launch(args, partial, args.y, outer, slices, 1, args.scale ?? 1),
  ];
}

function launch(
  args: SumMiddleArguments,
  x: Region | Access,
  y: Region | Access,
  outer: number,
  length: number,
  slices: number,
  scale: number,
): Dispatch {
  const unit = sumUnit(args.inner);
  const inner = args.inner / unit;
  const grid = linearGrid(outer * slices * inner, 64);
  const type = unit === 4 ? 'vec4f' : 'f32';
  const reader = x instanceof Region ? readerOf(x, type) : x;
  const writer = y instanceof Region ? writerOf(y, type) : y;
  return {
    label: args.label,
    code: [reader.code, writer.code, expandTemplate(source, { TYPE: type, ROW: grid.row })].join('\n'),
    bindings: [...reader.bindings, ...writer.bindings],
    params: { type: 'Params', data: Uint32Array.of(outer, length, inner, slices, floatBits(scale)) },
    workgroups: grid.workgroups,
    flops: outer * length * args.inner,
  };
}

function readerOf(x: Region, type: string): Access {
  return {
    code: `fn x_at(i: u32) -> ${type} { return x[i]; }`,
    bindings: [{ name: 'x', type: `array<${type}>`, region: x, write: false }],
  };
}

function writerOf(y: Region, type: string): Access {
  return {
    code: `fn y_set(i: u32, value: ${type}) { y[i] = value; }`,
    bindings: [{ name: 'y', type: `array<${type}>`, region: y, write: true }],
  };
}
