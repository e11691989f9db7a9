/**
 * How tests run tensor programs: build a graph over given numbers, compile it, run it on the real GPU API and read the
 * results back; and how they check an operation: its values against a float64 reference, its gradients against central
 * differences of that reference.
 */
import { expect } from 'vitest';
import { phases, type Phase } from '../../contract/runs.ts';
import { openScope, releaseScope, type AdapterClass, type GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { backward } from './backward.ts';
import { compile, type CompileOptions, type Program } from './compile.ts';
import { Graph, rootOf, size, type Tensor } from './graph.ts';
import { recomputingGraph } from './recomputation.ts';

/** Whose kernel variants a test can choose: all are right on every adapter. */
export const adapterClasses = ['software', 'gpu'] as const satisfies readonly AdapterClass[];

/** Puts numbers on the GPU as a leaf of the graph; a `Uint32Array` becomes a u32 tensor. */
export type Leaf = (values: ArrayLike<number>, shape: readonly number[], label?: string) => Tensor;
export type Build = (graph: Graph, leaf: Leaf) => Tensor | readonly Tensor[];

export interface TestOptions extends CompileOptions {
  /** Whether the backward pass makes again what is cheap to make. */
  recompute?: boolean;
}

export interface TestProgram {
  /** A scope of its own: `releaseScope` frees all that the program uses. */
  gpu: GpuContext;
  graph: Graph;
  program: Program;
  results: readonly Region[];
  /** Runs the given phases (default: all) once and reads every result. */
  run(only?: readonly Phase[]): Promise<Float32Array[]>;
}

/**
 * Compiles a program whose results are pinned to memory of their own. `adapterClass` chooses the kernel variants of
 * another class than the adapter at hand: all of them are right on every adapter, only not fast.
 */
export async function prepare(
  build: Build,
  adapterClass?: AdapterClass,
  { recompute, ...options }: TestOptions = {},
): Promise<TestProgram> {
  const gpu = scopeFor(await testGpu(), adapterClass);
  const graph = recompute ? recomputingGraph() : new Graph();
  const built = build(graph, leafOf(gpu, graph));
  const tensors = 'id' in built ? [built] : built;
  const results = tensors.map((tensor) => graph.placed.get(rootOf(tensor)) ?? pinned(gpu, graph, tensor));
  const program = await compile(gpu, graph, 'test', options);
  return {
    gpu,
    graph,
    program,
    results,
    async run(only = phases) {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      program.encode(pass, new Set(only));
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
      return (await readRegions(gpu, results)).map((bytes) => new Float32Array(bytes));
    },
  };
}

function scopeFor(gpu: GpuContext, adapterClass: AdapterClass = gpu.adapterClass): GpuContext {
  const fourLaneSubgroups = adapterClass === gpu.adapterClass && gpu.fourLaneSubgroups;
  return { ...openScope(gpu), adapterClass, fourLaneSubgroups };
}

function leafOf(gpu: GpuContext, graph: Graph): Leaf {
  return (values, shape, label = 'input') => {
    expect(values.length, label).toBe(size(shape));
    const type = values instanceof Uint32Array ? 'u32' : 'f32';
    return graph.leaf(label, shape, uploaded(gpu, label, values), type);
  };
}

function pinned(gpu: GpuContext, graph: Graph, tensor: Tensor): Region {
  const region = emptyRegion(gpu, tensor.label, size(tensor.shape));
  graph.pin(tensor, region);
  return region;
}

/** Values of the tensors that `build` answers with. WebGPU validation errors fail the test with their message. */
export async function evaluate(
  build: Build,
  adapterClass?: AdapterClass,
  options: TestOptions = {},
): Promise<Float32Array[]> {
  const { device } = await testGpu();
  device.pushErrorScope('validation');
  const test = await prepare(build, adapterClass, options);
  const values = await test.run();
  releaseScope(test.gpu);
  const error = await device.popErrorScope();
  expect(error?.message).toBeUndefined();
  return values;
}

/** Repeatable numbers in [-1, 1) that f32 holds exactly. */
export function noise(count: number, seed: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    for (const multiplier of [0x21f0aaad, 0x735a2d97]) x = Math.imul(x ^ (x >>> 15), multiplier);
    return ((x ^ (x >>> 15)) >> 8) / 2 ** 23;
  });
}

/** Magnitudes below this no longer count as a scale. */
const leastScale = 1e-2;

/**
 * Largest difference in units of the largest expected magnitude: sums that cancel leave errors of the size of their
 * terms, so elements near zero are not held to their own size. Where all of them may cancel, `floor` is the size of the
 * terms.
 */
export function largestError(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  floor = leastScale,
): number {
  if (got.length !== expected.length) return Infinity;
  let scale = floor;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((got[i] ?? NaN) - (expected[i] ?? NaN));
    if (!(difference < Infinity)) return Infinity;
    error = Math.max(error, difference);
    scale = Math.max(scale, Math.abs(expected[i] ?? NaN));
  }
  return error / scale;
}

export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'values',
  floor = leastScale,
): void {
  expect(largestError(got, expected, floor), what).toBeLessThan(tolerance);
}

export interface Input {
  shape: readonly number[];
  /** Default: noise of its own. Must be exact in f32, because the reference sees the same numbers in f64. */
  values?: Float64Array;
}

export interface OperationCheck {
  inputs: readonly Input[];
  build: (...inputs: Tensor[]) => Tensor;
  /** The same function in float64, inputs and output flat and row-major. */
  reference: (...inputs: Float64Array[]) => ArrayLike<number>;
  /** Allowed `largestError` of values and gradients. */
  tolerance: number;
  /** Kernel variants to check; default: those of the adapter at hand. */
  adapterClass?: AdapterClass;
}

/**
 * Rounding of f32 through a few dozen additions of like size; the central differences themselves, in float64 with a
 * step of 1e-5, are good to about 1e-9.
 */
export const f32Tolerance = 2e-6;

/** Checks the value and, with a fixed random cotangent, the gradient by every input. */
export async function checkOperation(check: OperationCheck): Promise<void> {
  const values = check.inputs.map((input, i) => input.values ?? noise(size(input.shape), i));
  const expected = Float64Array.from(check.reference(...values));
  const cotangent = noise(expected.length, 99);
  const [output, ...gradients] = await evaluate((graph, leaf) => {
    const leaves = check.inputs.map((input, i) => leaf(values[i] ?? [], input.shape, `input ${i}`));
    const result = check.build(...leaves);
    const seed = { tensor: result, gradient: leaf(cotangent, result.shape, 'cotangent') };
    const byInput = backward(graph, [seed], leaves);
    return [result, ...leaves.map((input) => gradientOf(byInput, input))];
  }, check.adapterClass);
  const slopes = values.map((_, i) => differences(check.reference, values, i, cotangent));
  // A value's terms by all inputs.
  const terms = expected.map((_, at) => Math.hypot(...slopes.map(({ moved }) => moved[at] ?? NaN)));
  expectClose(output ?? [], expected, check.tolerance, 'values', largest(terms));
  slopes.forEach(({ slope, terms }, i) => {
    expectClose(gradients[i] ?? [], slope, check.tolerance, `gradient by input ${i}`, largest(terms));
  });
}

function largest(magnitudes: Float64Array): number {
  return magnitudes.reduce((most, magnitude) => Math.max(most, magnitude), leastScale);
}

function gradientOf(gradients: ReadonlyMap<Tensor, Tensor>, tensor: Tensor): Tensor {
  const gradient = gradients.get(tensor);
  if (!gradient) throw new Error(`${tensor.label} got no gradient`);
  expect(gradient.shape).toEqual(tensor.shape);
  return gradient;
}

interface Slopes {
  /** d/dx of sum(cotangent * f(x)), an element for each of x. */
  slope: Float64Array;
  /** The size that sum has where its terms' signs are random (their root sum of squares), an element for each of x. */
  terms: Float64Array;
  /** The same of sum(x * df/dx), an element for each value of f: what a relative change of every x by 1 would move. */
  moved: Float64Array;
}

/** By central differences. */
function differences(
  f: OperationCheck['reference'],
  inputs: readonly Float64Array[],
  which: number,
  cotangent: Float64Array,
): Slopes {
  const step = 1e-5;
  const x = inputs[which] ?? new Float64Array();
  const at = (element: number, offset: number): ArrayLike<number> => {
    const values = x.slice();
    values[element] = (values[element] ?? NaN) + offset;
    return f(...inputs.map((input, i) => (i === which ? values : input)));
  };
  const slope = new Float64Array(x.length);
  const terms = new Float64Array(x.length);
  const moved = new Float64Array(cotangent.length);
  x.forEach((value, element) => {
    const [above, below] = [at(element, step), at(element, -step)];
    let [sum, squares] = [0, 0];
    cotangent.forEach((weight, i) => {
      const derivative = ((above[i] ?? NaN) - (below[i] ?? NaN)) / (2 * step);
      sum += weight * derivative;
      squares += (weight * derivative) ** 2;
      moved[i] = (moved[i] ?? NaN) + (value * derivative) ** 2;
    });
    slope[element] = sum;
    terms[element] = Math.sqrt(squares);
  });
  return { slope, terms, moved: moved.map(Math.sqrt) };
}
