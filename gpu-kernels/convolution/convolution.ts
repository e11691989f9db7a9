/**
 * Two-dimensional convolution, its input gradient and its weight and bias gradients. Images are [N, height, width,
 * channels], weights in PyTorch's layout. On a software adapter the kernels follow from the shape; on a GPU the matrix
 * products take the tiles that were measured to be the fastest.
 */
import type { Access, Dispatch } from '../dispatch.ts';
import { uploadTable, type Region, type Scratch } from '../region.ts';
import type { TuningProblem } from '../tuning/kernel-choices.ts';
import { directProduct, directUnit, isDirectProduct, isDirectWeightGradient } from './direct.ts';
import {
  forwardProduct,
  gradientProduct,
  labelOf,
  stepsOf,
  type ProductMemory,
  type ProductShape,
} from './gather-product.ts';
import { productLaunches, productProblem } from './product-variants.ts';
import { plainVariant } from './variants.ts';
import { weightGradientLaunches, weightGradientProblem } from './weight-gradient-variants.ts';
import { untiledWeightGradient, type WeightGradientArguments } from './weight-gradient.ts';
import { convolutionFlops, type ConvolutionShape } from './window.ts';

export interface ForwardArguments {
  shape: ConvolutionShape;
  /** [N, height, width, channels], padded as `imagePadding` says. */
  image: Region;
  /** [outputs, channels / groups, kernel height, kernel width] */
  weight: Region;
  bias?: Region;
  /** Called once, with the numbers per store: a WGSL function `result_set(i, value)`. */
  store: (unit: 1 | 4) => Access;
}

/** result[n, y, x, o] = bias[o] + sum over channels and taps of image * weight. */
export function convolutionForward(lowering: Scratch, args: ForwardArguments): Dispatch[] {
  const { shape, image, weight, bias, store } = args;
  return product(lowering, forwardProduct(shape), { source: image, weight, bias, store });
}

export interface InputGradientArguments {
  shape: ConvolutionShape;
  /** Gradient by the output, [N, output height, output width, outputs], padded as `gradientPadding` says. */
  gradient: Region;
  weight: Region;
  store: (unit: 1 | 4) => Access;
}

/** The gradient by the image. */
export function convolutionInputGradient(lowering: Scratch, args: InputGradientArguments): Dispatch[] {
  const { shape, gradient, weight, store } = args;
  return product(lowering, gradientProduct(shape), { source: gradient, weight, bias: undefined, store });
}

function product(lowering: Scratch, what: ProductShape, memory: ProductMemory): Dispatch[] {
  const { shape, gradient } = what;
  if (isDirectProduct(shape, what.outer)) {
    return [
      directProduct(shape, {
        ...what,
        ...memory,
        label: labelOf(what),
        store: memory.store(directUnit(shape, gradient)),
        flops: convolutionFlops(shape),
      }),
    ];
  }
  const steps = stepsOf(what);
  const name = chosen(lowering, productProblem(what, steps));
  const table = uploadTable(lowering.gpu, 'convolution steps', steps.table);
  return productLaunches(lowering, { ...what, ...memory, steps, table }, name);
}

/** Gradients by weight and bias. */
export function convolutionWeightGradient(lowering: Scratch, args: WeightGradientArguments): Dispatch[] {
  if (isDirectWeightGradient(args.shape)) return untiledWeightGradient(lowering, args);
  const name = chosen(lowering, weightGradientProblem(args.shape, args.bias !== undefined));
  return weightGradientLaunches(lowering, args, name);
}

/** A software adapter knows its tiles by the shape, and is never asked. */
function chosen({ gpu }: Scratch, problem: TuningProblem): string {
  if (gpu.adapterClass === 'software') return plainVariant;
  return gpu.choices.pick(problem) ?? plainVariant;
}
