/** Second moments of rows, the building block of both Kronecker factors. */
import { floatBits, type Access, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { sumMiddle } from '../../gpu-kernels/reduce/sum-middle.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { gramByLanes, takesLanes } from './gram-lanes.ts';
import source from './gram.wgsl';

export interface GramArguments {
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
  /** [padded, padded]; rows and columns beyond `width` (+ 1) are zero. */
  factor: Region;
  padded: number;
  alpha: number;
  /** Add to what is there. */
  accumulate: boolean;
  scratch: (label: string, words: number) => Region;
}

/** Matrices as small as this give a GPU too few tiles to be busy: their rows are split. */
const enoughTiles = 256;

/** Writes by adding to what is there. */
function addTo(region: Region): Access {
  return {
    code: 'fn y_set(i: u32, value: vec4f) { y[i] += value; }',
    bindings: [{ name: 'y', type: 'array<vec4f>', region, write: true }],
  };
}

/** factor = alpha * [X 1]^T [X 1] (+ factor), X the chosen columns. */
export function gram(gpu: GpuContext, args: GramArguments): Dispatch[] {
  if (takesLanes(gpu, args)) return gramByLanes(args);
  const size = args.width + (args.ones ? 1 : 0);
  const tiles = Math.ceil(size / 8);
  const count = (tiles * (tiles + 1)) / 2;
  const most = gpu.adapterClass === 'gpu' ? 64 : 1;
  const slices = Math.max(1, Math.min(most, Math.floor(enoughTiles / count), Math.floor(args.rows / 32)));
  const words = args.padded * args.padded;
  const target = slices === 1 ? args.factor : args.scratch(`${args.label} slices`, slices * words);
  const { first = 0, stride = args.width, limit, weights, scale } = args;
  const quads = [first, stride, args.width].every((n) => n % 4 === 0);
  // Small workgroups let the few tiles of a small factor reach every core of a software adapter.
  const group = gpu.adapterClass === 'software' ? 4 : 16;
  const launch: Dispatch = {
    label: args.label,
    code: expandTemplate(source, {
      QUADS: quads,
      ONES: args.ones,
      ACCUMULATE: args.accumulate && slices === 1,
      GROUP: group,
      LIMITED: limit !== undefined,
      WEIGHTED: weights !== undefined,
      SCALED: scale !== undefined,
    }),
    bindings: [
      { name: 'X', type: quads ? 'array<vec4f>' : 'array<f32>', region: args.x, write: false },
      ...(limit ? [{ name: 'counts', type: 'array<u32>', region: limit.region, write: false }] : []),
      ...(weights ? [{ name: 'weights', type: 'array<f32>', region: weights, write: false }] : []),
      ...(scale ? [{ name: 'scale', type: 'array<f32>', region: scale, write: false }] : []),
      { name: 'F', type: 'array<vec4f>', region: target, write: true },
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
  return slices === 1 ? [launch] : [launch, ...addSlices(args, target, slices)];
}

/** Adds up the copies of a factor that slices of the rows have made. */
export function addSlices(
  args: Pick<GramArguments, 'label' | 'scratch' | 'factor' | 'padded' | 'accumulate'>,
  copies: Region,
  slices: number,
): Dispatch[] {
  const { label, scratch, factor, accumulate, padded } = args;
  const y = accumulate ? addTo(factor) : factor;
  return sumMiddle({ label, scratch, x: copies, y, outer: 1, length: slices, inner: padded * padded });
}
