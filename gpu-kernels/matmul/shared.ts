/** Products whose workgroups share slabs of the operands, whole or cut along K with a second launch that sums the parts. */
import { floatBits, type Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import type { Region, Scratch } from '../region.ts';
import { expandTemplate } from '../template.ts';
import sharedSource from './matmul-shared.wgsl';
import sumPartsSource from './matmul-sum-parts.wgsl';
import { bindingsOf, isWholeQuads, layoutOf, steps, writerOf, type MatmulArguments } from './product.ts';

/** Numbers of C that a workgroup makes, and that a thread makes; multiples of 4. */
export interface Block {
  bm: number;
  bn: number;
  tm: number;
  tn: number;
}

/** Depth of the slabs in workgroup memory. */
export const slabDepth = 16;

/** One launch. */
export function sharedProduct(args: MatmulArguments, block: Block): Dispatch {
  return launch(args, block, args.k);
}

/** How K is cut: in whole slabs, into at most `parts` parts. */
export function cutInner(k: number, parts: number): { chunk: number; parts: number } {
  const chunk = Math.ceil(k / parts / slabDepth) * slabDepth;
  return { chunk, parts: Math.ceil(k / chunk) };
}

/** Two launches: a product of each part of K, and the sum of all in their order. */
export function splitProduct(
  lowering: Scratch,
  args: MatmulArguments,
  block: Block,
  wanted: number,
): Dispatch[] {
  const { m, n, k, batch = 1 } = args;
  const { chunk, parts } = cutInner(k, wanted);
  if (parts === 1) return [sharedProduct(args, block)];
  const partial = lowering.scratch(`${args.label}: parts`, parts * batch * m * n);
  const sums = args.rowSums && lowering.scratch(`${args.label}: parts of row sums`, parts * m);
  const { label, a, b, transposeA, transposeB, lda, ldb, strideA, strideB } = withLayout(args);
  const own = { label, a, b, m, n, k, batch, transposeA, transposeB, lda, ldb, strideA, strideB };
  const products = launch({ ...own, c: partial, ...(sums && { rowSums: sums }) }, block, chunk);
  return [products, sumParts(args, partial, sums, parts)];
}

/** Distances written out, so that those of C can be left out. */
function withLayout(args: MatmulArguments) {
  const { lda, ldb, strideA, strideB } = layoutOf(args);
  const { transposeA = false, transposeB = false } = args;
  return { ...args, transposeA, transposeB, lda, ldb, strideA, strideB };
}

function launch(args: MatmulArguments, block: Block, chunk: number): Dispatch {
  const { m, n, k, batch = 1 } = args;
  const { ldc, strideA, strideB, strideC } = layoutOf(args);
  const { bm, bn, tm, tn } = block;
  const quads = isWholeQuads(args);
  const type = quads ? 'vec4f' : 'f32';
  const c = writerOf(args.c, type);
  const code = expandTemplate(sharedSource, {
    BM: bm,
    BN: bn,
    BK: slabDepth,
    TM: tm,
    TN: tn,
    WX: bn / tn,
    WY: bm / tm,
    QUADS: quads,
    TA: args.transposeA ?? false,
    TB: args.transposeB ?? false,
    BIAS: args.bias !== undefined,
    ROW_SUMS: args.rowSums !== undefined,
  });
  const alpha = floatBits(args.alpha ?? 1);
  const distances = [...steps(args), ldc, strideA, strideB, strideC];
  return {
    label: args.label,
    code: [c.code, code].join('\n'),
    bindings: bindingsOf(args, c, `array<${type}>`, `array<${type}>`),
    params: { type: 'Params', data: Uint32Array.of(m, n, k, ...distances, alpha, batch, chunk) },
    workgroups: [Math.ceil(n / bn), Math.ceil(m / bm), batch * Math.ceil(k / chunk)],
    flops: 2 * m * n * k * batch,
  };
}

function sumParts(args: MatmulArguments, partial: Region, sums: Region | undefined, parts: number): Dispatch {
  const { m, n, batch = 1 } = args;
  const { ldc, strideC } = layoutOf(args);
  const unit = isWholeQuads(args) ? 4 : 1;
  const type = unit === 4 ? 'vec4f' : 'f32';
  const array = `array<${type}>`;
  const c = writerOf(args.c, type);
  const grid = linearGrid((batch * m * n) / unit, 64);
  const rowSums = args.rowSums;
  const code = expandTemplate(sumPartsSource, {
    ROW: grid.row,
    V: type,
    BIAS: args.bias !== undefined,
    ROW_SUMS: rowSums !== undefined,
  });
  return {
    label: `${args.label}: sum of parts`,
    code: [c.code, code].join('\n'),
    bindings: [
      { name: 'parts', type: array, region: partial, write: false },
      ...c.bindings,
      ...(args.bias ? [{ name: 'bias', type: array, region: args.bias, write: false }] : []),
      ...(rowSums && sums
        ? [
            { name: 'sumParts', type: array, region: sums, write: false },
            { name: 'rowSums', type: array, region: rowSums, write: true },
          ]
        : []),
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        grid.count,
        parts,
        n / unit,
        m,
        ldc / unit,
        strideC / unit,
        floatBits(args.alpha ?? 1),
        m / unit,
      ),
    },
    workgroups: grid.workgroups,
    flops: parts * batch * m * n,
  };
}
