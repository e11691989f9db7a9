/** The products without workgroup memory: one register tile a thread, or 4 x 4 numbers for sizes that are no vec4s. */
import type { GpuContext } from '../device.ts';
import { floatBits, type Dispatch } from '../dispatch.ts';
import { expandTemplate } from '../template.ts';
import stridedSource from './matmul-strided.wgsl';
import tiledSource from './matmul-tiled.wgsl';
import { bindingsOf, isWholeQuads, layoutOf, steps, writerOf, type MatmulArguments } from './product.ts';

interface Tile {
  tm: number;
  tn: number;
  wx: number;
  wy: number;
}

export function registerProduct(gpu: GpuContext, args: MatmulArguments): Dispatch {
  return isWholeQuads(args) ? tiled(gpu, args) : strided(args);
}

/**
 * Register tiles by adapter class, from measurements. On a software adapter every load is a four-lane gather, so big
 * tiles win where there is enough work to feed them and the cores; but a big tile also takes a CPU up to two seconds to
 * compile, which small products never earn back, nor the several kernels that epilogues make of tall ones. A GPU wants many
 * threads.
 */
function tileFor(gpu: GpuContext, { m, n, k, batch = 1 }: MatmulArguments): Tile {
  if (gpu.adapterClass === 'gpu') return { tm: 4, tn: 4, wx: 8, wy: 8 };
  const work = m * n * k * batch;
  if (work < 2 ** 20 || m < 16) return { tm: 8, tn: 4, wx: 4, wy: 1 };
  if (work <= 2 ** 24 && m >= 1024) return { tm: 8, tn: 4, wx: 4, wy: 4 };
  const wy = m >= 256 ? 4 : 1;
  if (m >= 32 && n >= 128 && work > 2 ** 28) return { tm: 32, tn: 32, wx: 4, wy };
  // A result of few tiles leaves a core idle, and its tile takes three times as long to compile.
  if (m >= 32 && m < 1024 && n >= 128 && m * n >= 2 ** 14 && work > 2 ** 21)
    return { tm: 32, tn: 16, wx: 4, wy: 1 };
  return { tm: 16, tn: n >= 128 && work > 2 ** 24 ? 16 : n >= 32 ? 8 : 4, wx: 4, wy };
}

function tiled(gpu: GpuContext, args: MatmulArguments): Dispatch {
  const { m, n, k, batch = 1 } = args;
  const { lda, ldb, ldc, strideA, strideB, strideC } = layoutOf(args);
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
    TAIL: k % 4 !== 0,
    BIAS: args.bias !== undefined,
    ROW_SUMS: args.rowSums !== undefined,
    LOOPED: gpu.adapterClass === 'software',
    MATRICES: gpu.adapterClass === 'software',
  });
  const alpha = floatBits(args.alpha ?? 1);
  return {
    label: args.label,
    code: [c.code, code].join('\n'),
    bindings: bindingsOf(args, c, 'array<vec4f>', 'array<vec4f>'),
    params: {
      type: 'Params',
      data: Uint32Array.of(m, n, k, lda, ldb, ldc, strideA, strideB, strideC, alpha),
    },
    workgroups: [Math.ceil(n / (tile.tn * tile.wx)), Math.ceil(m / (tile.tm * tile.wy)), batch],
    flops: 2 * m * n * k * batch,
  };
}

function strided(args: MatmulArguments): Dispatch {
  const { m, n, k, batch = 1 } = args;
  const { ldc, strideA, strideB, strideC } = layoutOf(args);
  const wx = Math.min(4, Math.ceil(n / 4));
  const wy = 16 / (wx === 3 ? 4 : wx);
  const code = expandTemplate(stridedSource, {
    WX: wx,
    WY: wy,
    BIAS: args.bias !== undefined,
    ROW_SUMS: args.rowSums !== undefined,
  });
  const c = writerOf(args.c, 'f32');
  const alpha = floatBits(args.alpha ?? 1);
  return {
    label: args.label,
    code: [c.code, code].join('\n'),
    bindings: bindingsOf(args, c, 'array<f32>', 'array<f32>'),
    params: {
      type: 'Params',
      data: Uint32Array.of(m, n, k, ...steps(args), ldc, strideA, strideB, strideC, alpha),
    },
    workgroups: [Math.ceil(n / (4 * wx)), Math.ceil(m / (4 * wy)), batch],
    flops: 2 * m * n * k * batch,
  };
}
