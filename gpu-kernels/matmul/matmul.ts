/**
 * Matrix products, batched, with either operand transposed and an optional bias row. Every large step of forward,
 * backward, factors and preconditioning is one of these, so the choice of variant lives here, as data.
 */
import { KronlabError } from '../../contract/errors.ts';
import { floatBits, type Access, type Binding, type Dispatch } from '../dispatch.ts';
import type { GpuContext } from '../device.ts';
import { Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import stridedSource from './matmul-strided.wgsl';
import tiledSource from './matmul-tiled.wgsl';

export interface MatmulArguments {
  label: string;
  a: Region;
  b: Region;
  /** Memory, or a WGSL function `C_set(i, value)` that takes what `matmulUnit` says. */
  c: Region | Access;
  /** Memory for m numbers: sums of the rows of op(A); only with `transposeA`, for one product. */
  rowSums?: Region;
  /** Row of n numbers added to every row of C. */
  bias?: Region;
  /** C is [m, n], the inner dimension is k. */
  m: number;
  n: number;
  k: number;
  /** A is stored [k, m] instead of [m, k]. */
  transposeA?: boolean;
  /** B is stored [n, k] instead of [k, n]. */
  transposeB?: boolean;
  alpha?: number;
  batch?: number;
  /** Distance between rows as stored; default: rows lie back to back. */
  lda?: number;
  ldb?: number;
  ldc?: number;
  /** Distance between matrices of the batch; 0 repeats one matrix. Default: back to back. */
  strideA?: number;
  strideB?: number;
  strideC?: number;
}

interface Layout {
  lda: number;
  ldb: number;
  ldc: number;
  strideA: number;
  strideB: number;
  strideC: number;
}

/** C[b] = alpha op(A[b]) op(B[b]) + bias, f32. */
export function matmul(gpu: GpuContext, args: MatmulArguments): Dispatch {
  check(args);
  const layout = layoutOf(args);
  return isWholeQuads(args, layout) ? tiled(gpu, args, layout) : strided(args, layout);
}

/** How many numbers at a time the product writes: 4 where all rows are whole vec4s. */
export function matmulUnit(args: Shape): 1 | 4 {
  return isWholeQuads(args, layoutOf(args)) ? 4 : 1;
}

type Shape = Omit<MatmulArguments, 'label' | 'a' | 'b' | 'c'>;

function layoutOf(args: Shape): Layout {
  const lda = args.lda ?? (args.transposeA ? args.m : args.k);
  const ldb = args.ldb ?? (args.transposeB ? args.k : args.n);
  const ldc = args.ldc ?? args.n;
  return {
    lda,
    ldb,
    ldc,
    strideA: args.strideA ?? lda * (args.transposeA ? args.k : args.m),
    strideB: args.strideB ?? ldb * (args.transposeB ? args.n : args.k),
    strideC: args.strideC ?? ldc * args.m,
  };
}

/** Whether the tiled kernel's vec4 loads stay within rows. */
function isWholeQuads(args: Shape, layout: Layout): boolean {
  const strides = [layout.lda, layout.ldb, layout.ldc, layout.strideA, layout.strideB, layout.strideC];
  if (strides.some((s) => s % 4 !== 0) || args.n % 4 !== 0) return false;
  if (args.transposeA && args.m % 4 !== 0) return false;
  return args.k % 4 === 0 || (args.transposeA === true && !args.transposeB);
}

interface Tile {
  tm: number;
  tn: number;
  wx: number;
  wy: number;
}

/**
 * Register tiles by adapter class, from measurements. On a software adapter every load is a four-lane gather, so big
 * tiles win where there is enough work to feed them and the cores; but a big tile also takes a CPU seconds to compile,
 * which small products never earn back. A GPU wants many threads.
 */
function tileFor(gpu: GpuContext, { m, n, k, batch = 1 }: MatmulArguments): Tile {
  if (gpu.adapterClass === 'gpu') return { tm: 4, tn: 4, wx: 8, wy: 8 };
  const work = m * n * k * batch;
  if (work < 2 ** 20 || m < 16) return { tm: 8, tn: 4, wx: 4, wy: 1 };
  const tn = n >= 128 && work > 2 ** 24 ? 16 : n >= 32 ? 8 : 4;
  return { tm: 16, tn, wx: 4, wy: m >= 256 ? 4 : 1 };
}

function check(args: MatmulArguments): void {
  if (!args.rowSums || (args.transposeA && (args.batch ?? 1) === 1)) return;
  throw new KronlabError('internal', `${args.label}: row sums need one product with a transposed A`);
}

function tiled(gpu: GpuContext, args: MatmulArguments, layout: Layout): Dispatch {
  const { m, n, k, batch = 1 } = args;
  const tile = tileFor(gpu, args);
  const lanes = gpu.fourLaneSubgroups && tile.wx % 4 === 0;
  const c = writerOf(args.c, 'vec4f');
  const code = expandTemplate(tiledSource, {
    TM: tile.tm,
    TN: tile.tn,
    WX: tile.wx,
    WY: tile.wy,
    TA: args.transposeA ?? false,
    TB: args.transposeB ?? false,
    LANES: lanes,
    BIAS: args.bias !== undefined,
    ROW_SUMS: args.rowSums !== undefined,
    LOOPED: gpu.adapterClass === 'software',
  });
  // A row of A is shared by the lanes as single numbers; all other loads are vec4s.
  const aType = lanes && !args.transposeA ? 'array<f32>' : 'array<vec4f>';
  return {
    label: args.label,
    code: [c.code, code].join('\n'),
    bindings: bindingsOf(args, c, aType, 'array<vec4f>'),
    params: {
      type: 'Params',
      data: Uint32Array.of(
        m,
        n,
        k,
        layout.lda,
        layout.ldb,
        layout.ldc,
        layout.strideA,
        layout.strideB,
        layout.strideC,
        floatBits(args.alpha ?? 1),
      ),
    },
    workgroups: [Math.ceil(n / (tile.tn * tile.wx)), Math.ceil(m / (tile.tm * tile.wy)), batch],
    flops: 2 * m * n * k * batch,
  };
}

function strided(args: MatmulArguments, layout: Layout): Dispatch {
  const { m, n, k, batch = 1 } = args;
  const wx = Math.min(4, Math.ceil(n / 4));
  const wy = 16 / (wx === 3 ? 4 : wx);
  const code = expandTemplate(stridedSource, {
    WX: wx,
    WY: wy,
    BIAS: args.bias !== undefined,
    ROW_SUMS: args.rowSums !== undefined,
  });
  const c = writerOf(args.c, 'f32');
  return {
    label: args.label,
    code: [c.code, code].join('\n'),
    bindings: bindingsOf(args, c, 'array<f32>', 'array<f32>'),
    params: {
      type: 'Params',
      data: Uint32Array.of(
        m,
        n,
        k,
        args.transposeA ? 1 : layout.lda,
        args.transposeA ? layout.lda : 1,
        args.transposeB ? 1 : layout.ldb,
        args.transposeB ? layout.ldb : 1,
        layout.ldc,
        layout.strideA,
        layout.strideB,
        layout.strideC,
        floatBits(args.alpha ?? 1),
      ),
    },
    workgroups: [Math.ceil(n / (4 * wx)), Math.ceil(m / (4 * wy)), batch],
    flops: 2 * m * n * k * batch,
  };
}

function writerOf(c: Region | Access, type: string): Access {
  if (!(c instanceof Region)) return c;
  return {
    code: `fn C_set(i: u32, value: ${type}) { C[i] = value; }`,
    bindings: [{ name: 'C', type: `array<${type}>`, region: c, write: true }],
  };
}

function bindingsOf(args: MatmulArguments, c: Access, aType: string, otherType: string): Binding[] {
  const bindings: Binding[] = [
    { name: 'A', type: aType, region: args.a, write: false },
    { name: 'B', type: otherType, region: args.b, write: false },
    ...c.bindings,
  ];
  if (args.bias) bindings.push({ name: 'bias', type: otherType, region: args.bias, write: false });
  if (args.rowSums) bindings.push({ name: 'rowSums', type: otherType, region: args.rowSums, write: true });
  return bindings;
}
