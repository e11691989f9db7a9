/**
 * Matrix products, batched, with either operand transposed and an optional bias row. Every large step of forward,
 * backward, factors and preconditioning is one of these. On a software adapter the kernel follows from the shape; on a GPU
 * it is the one that was measured to be the fastest.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import type { Scratch } from '../region.ts';
import { checkProduct, isWholeQuads, type MatmulArguments, type ProductShape } from './product.ts';
import { registerProduct } from './registers.ts';
import { isTurningWorthwhile, turnedProduct } from './turned.ts';
import { matmulProblem, plainVariant, variantLaunches } from './variants.ts';

export type { MatmulArguments } from './product.ts';

/** C[b] = alpha op(A[b]) op(B[b]) + bias, f32, in one launch. */
export function matmul(gpu: GpuContext, args: MatmulArguments): Dispatch {
  checkProduct(args);
  const scratch = (label: string): never => {
    throw new KronlabError('internal', `${label}: a product in one launch has no scratch memory`);
  };
  const [launch] = chosen({ gpu, scratch }, args, false);
  return launch as Dispatch;
}

/** The same in as many launches as are fastest; between them C is not written, each number of it exactly once. */
export function matmulLaunches(lowering: Scratch, args: MatmulArguments): Dispatch[] {
  checkProduct(args);
  return chosen(lowering, args, true);
}

/** How many numbers at a time the product writes: 4 where all rows are whole vec4s. */
export function matmulUnit(args: ProductShape): 1 | 4 {
  return isWholeQuads(args) ? 4 : 1;
}

function chosen(lowering: Scratch, args: MatmulArguments, isSplit: boolean): Dispatch[] {
  const { gpu } = lowering;
  if (gpu.adapterClass === 'software')
    return isSplit && isTurningWorthwhile(args)
      ? turnedProduct(lowering, args)
      : [registerProduct(gpu, args)];
  const name = gpu.choices.pick(matmulProblem(args, isSplit)) ?? plainVariant;
  return variantLaunches(lowering, args, name);
}
