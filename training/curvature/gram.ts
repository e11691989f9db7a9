/** Second moments of rows, the building block of both Kronecker factors. */
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { sumMiddle } from '../../gpu-kernels/reduce/sum-middle.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { factorWriter, withStep, type FactorTarget } from './factor-writer.ts';
import { gramByLanes, takesLanes } from './gram-lanes.ts';
import source from './gram.wgsl';

/** The factor is [padded, padded]; its rows and columns beyond `width` (+ 1) are zero. */
export interface GramArguments extends FactorTarget {
  label: string;
  /** [rows, stride] */
  x: Region;
  rows: number;
  /** Numbers from one row to the next; default: `width`. */
  stride?: number;
  /** The columns `first` (default 0) to `first + width - 1` of x. */
  first?: number;
  width: number;
  /** Append a column of ones: the homogeneous coordinate of a bias. */
  ones: boolean;
  /** u32: only as many rows count as number `at` of it says. The rest is padding and is not read. */
  limit?: { region: Region; at: number };
  /** f32 [rows]: what each row is multiplied by, its one included. */
  weights?: Region;
  /** f32 [1]: multiplies `alpha`. */
  scale?: Region;
  padded: number;
  alpha: number;
  scratch: (label: string, words: number) => Region;
}

/** Matrices as small as this give a GPU too few tiles to be busy: their rows are split. */
const enoughTiles = 256;

/** factor = alpha * [X 1]^T [X 1] (+ factor), X the chosen columns; then its moving average, where that is given. */
export function gram(gpu: GpuContext, args: GramArguments): Dispatch[] {
  if (takesLanes(gpu, args)) return gramByLanes(args);
  const size = args.width + (args.ones ? 1 : 0);
  const tiles = Math.ceil(size / 8);
  const count = (tiles * (tiles + 1)) / 2;
  const most = gpu.adapterClass === 'gpu' ? 64 : 1;
  const slices = Math.max(1, Math.min(most, Math.floor(enoughTiles / count), Math.floor(args.rows / 32)));
  const words = args.padded * args.padded;
  const target = targetOf(args, slices, words);
  const writer = factorWriter(target, 'F', 'vec4f');
  const { first = 0, stride = args.width, limit, weights, scale } = args;
  const quads = [first, stride, args.width].every((n) => n % 4 === 0);
  // Small workgroups let the few tiles of a small factor reach every core of a software adapter.
  const group = gpu.adapterClass === 'software' ? 4 : 16;
  const launch: Dispatch = {
    label: args.label,
    code: [
      writer.code,
      expandTemplate(source, {
        QUADS: quads,
        ONES: args.ones,
        GROUP: group,
        LIMITED: limit !== undefined,
        WEIGHTED: weights !== undefined,
        SCALED: scale !== undefined,
      }),
    ].join('\n'),
    bindings: [
      { name: 'X', type: quads ? 'array<vec4f>' : 'array<f32>', region: args.x, write: false },
      ...(limit ? [{ name: 'counts', type: 'array<u32>', region: limit.region, write: false }] : []),
      ...(weights ? [{ name: 'weights', type: 'array<f32>', region: weights, write: false }] : []),
      ...(scale ? [{ name: 'scale', type: 'array<f32>', region: scale, write: false }] : []),
      ...writer.bindings,
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        args.rows,
        args.width,
        args.padded,
        tiles,
        slices,
        floatBits(args.alpha),
        first,
        stride,
        limit?.at ?? 0,
      ),
    },
    workgroups: [Math.ceil(count / group), 1, slices],
    flops: args.rows * size * (size + 1),
  };
  return [withStep(launch, target), ...addSlices(args, target.factor, slices)];
}

/** What a launch over slices of the rows writes: the factor itself, or copies of it that `addSlices` adds up. */
export function targetOf(args: SlicedArguments, slices: number, words: number): FactorTarget {
  if (slices === 1) return args;
  return { factor: args.scratch(`${args.label} slices`, slices * words), accumulate: false };
}

type SlicedArguments = FactorTarget & Pick<GramArguments, 'label' | 'scratch' | 'padded'>;

/** Adds up the copies of a factor that slices of the rows have made; nothing where there is one. */
export function addSlices(args: SlicedArguments, copies: Region, slices: number): Dispatch[] {
  if (slices === 1) return [];
  const { label, scratch, padded } = args;
  const y = factorWriter(args, 'y', 'vec4f');
  const launches = sumMiddle({
    label,
    scratch,
    x: copies,
    y,
    outer: 1,
    length: slices,
    inner: padded * padded,
  });
  return launches.map((launch) =>
    launch.bindings.some(({ name }) => name === 'y') ? withStep(launch, args) : launch,
  );
}
