/** A product whose second operand is stored transposed, by turning that operand first and reading it row by row. */
import type { Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import type { Scratch } from '../region.ts';
import { expandTemplate } from '../template.ts';
import { isWholeQuads, layoutOf, type MatmulArguments } from './product.ts';
import { registerProduct } from './registers.ts';
import transposeSource from './transpose.wgsl';

const workgroupSize = 64;

/**
 * Whether turning B first pays on a software adapter. Neighbouring columns of C come from different rows of a transposed
 * B, so that every load touches as many pages and cache lines as it has lanes, and with rows of a power of two they share a few
 * places of the cache. That is a tenth to a fifth of a large product; turning is as much as m = 16 rows of one.
 */
export function isTurningWorthwhile(args: MatmulArguments): boolean {
  const { m, n, k, batch = 1 } = args;
  return args.transposeB === true && isWholeQuads(args) && m >= 256 && m * n * k * batch > 2 ** 28;
}

/** Two launches: B turned into memory of its own, and the product with it. Sums run in the same order as without. */
export function turnedProduct(lowering: Scratch, args: MatmulArguments): Dispatch[] {
  const { label, b, n, k, batch = 1 } = args;
  const { ldb, strideB } = layoutOf(args);
  // One matrix for the whole batch is turned once.
  const matrices = strideB === 0 ? 1 : batch;
  const turned = lowering.scratch(`${label}: B turned`, matrices * n * k);
  const grid = linearGrid((n * k) / 16, workgroupSize);
  const turn: Dispatch = {
    label: `${label}: turn B`,
    code: expandTemplate(transposeSource, { SIZE: workgroupSize, ROW: grid.row }),
    bindings: [
      { name: 'X', type: 'array<vec4f>', region: b, write: false },
      { name: 'T', type: 'array<vec4f>', region: turned, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(n, k, ldb, strideB) },
    workgroups: [grid.workgroups[0], grid.workgroups[1], matrices],
    flops: 0,
  };
  const product = {
    ...args,
    b: turned,
    transposeB: false,
    ldb: n,
    strideB: matrices === 1 ? 0 : n * k,
  };
  return [turn, registerProduct(lowering.gpu, product)];
}
