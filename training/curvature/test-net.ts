/**
 * The tiny net that K-FAC's tests train: a layer with a bias, a first-order parameter, a layer without a bias, both
 * layers applied at R positions of every example, the outputs pooled. Its step is put together from the same parts as
 * a real training step; its batch is written from outside, so that every step can have its own.
 *
 *   h = tanh(W1 x + b1 + shift)      logits = mean over r of W2 h
 */
import type { KfacSpec, OptimizerSpec } from '../../contract/run-spec.ts';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import { phases, type Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { openScope } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu } from '../../gpu-kernels/test-gpu.ts';
import { addGradients, addUpdate, createArenas, type StepArenas } from '../loop/step-graph.ts';
import { ModelBuilder, type LinearLayer } from '../models/model-builder.ts';
import { isLayerParameter } from '../optimisers/create-layer-optimiser.ts';
import type { LayerOptimiser, NewestFailure } from '../optimisers/layer-optimiser.ts';
import type { ParameterRule } from '../optimisers/parameter-groups.ts';
import { compile, type Program } from '../program/compile.ts';
import { Graph, type Tensor } from '../program/graph.ts';
import { add, tanh } from '../program/operations/elementwise.ts';
import { crossEntropy } from '../program/operations/loss.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { StepUniform, type StepScalars } from '../program/step-scalars.ts';
import { noise } from '../program/test-program.ts';
import { Kfac } from './kfac.ts';
import { bothSides } from './flavour.ts';

export const netShape = { examples: 6, positions: 3, inputs: 5, hidden: 4, classes: 3 } as const;

/** What a step is trained on. */
export interface Batch {
  /** [examples, positions, inputs] */
  x: Float64Array;
  /** [examples] */
  labels: Uint32Array;
}

export function batchOf(step: number): Batch {
  const { examples, positions, inputs, classes } = netShape;
  return {
    x: noise(examples * positions * inputs, 1000 + step),
    labels: Uint32Array.from({ length: examples }, (_, n) => (n * n + step) % classes),
  };
}

/** Initial values by parameter name, exact in f32. */
export function netValues(): Map<string, Float64Array> {
  const { positions, inputs, hidden, classes } = netShape;
  return new Map([
    ['first.weight', noise(hidden * inputs, 1)],
    ['first.bias', noise(hidden, 2)],
    ['shift', noise(positions * hidden, 3)],
    ['second.weight', noise(classes * hidden, 4)],
  ]);
}

/** K-FAC settings of a test; what is left out takes the lab's defaults. */
export function kfacSpec(settings: object): KfacSpec {
  const spec = optimizerSpecSchema.parse({ name: 'kfac', lr: 0.02, flavour: 'expand', ...settings });
  if (spec.name !== 'kfac') throw new Error('these tests are about K-FAC');
  return spec;
}

/** A compiled training step whose batch and scalars are written by hand. */
export interface LayerStep<O extends LayerOptimiser> {
  gpu: GpuContext;
  rule: O;
  arenas: StepArenas;
  run(batch: Batch, scalars: Partial<StepScalars>, only?: readonly Phase[]): void;
  /** What the rule does once, after the gradients of the first step. */
  start(): void;
  valuesOf(name: string): Promise<Float32Array>;
  /** Takes the loss of the last batch again and has the rule adapt to it. */
  adapt(): void;
}

export interface TestStep extends LayerStep<Kfac> {
  kfac: Kfac;
}

/** Logits of [N, R, inputs], traced with the builder. */
export type TraceNet = (builder: ModelBuilder, x: Tensor) => Tensor;

export const traceNet: TraceNet = (builder, x) => {
  const { positions, hidden, classes } = netShape;
  const z = builder.linear('first', x, hidden);
  const shift = builder.parameter('shift', [1, positions, hidden], (_, count) => new Float32Array(count));
  const h = tanh(add(z, shift));
  return meanAxes(builder.linear('second', h, classes, { bias: false }), 1, 1);
};

/** Compiles a step of a net by K-FAC with the given settings. */
export async function prepareStep(
  spec: KfacSpec,
  values: ReadonlyMap<string, Float64Array> = netValues(),
  trace: TraceNet = traceNet,
): Promise<TestStep> {
  const flavour = spec.flavour === 'reduce' ? 'reduce' : 'expand';
  const create = (gpu: GpuContext, layers: LinearLayer[]) =>
    new Kfac(gpu, layers, spec, () => bothSides(flavour));
  const step = await prepareLayerStep(spec, create, values, trace);
  return { ...step, kfac: step.rule };
}

/** Compiles a step of a net by an optimiser that has a rule of its own for layers. */
export async function prepareLayerStep<O extends LayerOptimiser>(
  spec: OptimizerSpec,
  create: (gpu: GpuContext, layers: LinearLayer[]) => O,
  values: ReadonlyMap<string, Float64Array> = netValues(),
  trace: TraceNet = traceNet,
): Promise<LayerStep<O>> {
  const gpu = openScope(await testGpu());
  const { examples, positions, inputs } = netShape;
  const parameters = new Parameters();
  const x = emptyRegion(gpu, 'x', examples * positions * inputs);
  const labels = emptyRegion(gpu, 'labels', examples);
  const traceLoss = () => {
    const graph = new Graph();
    const builder = new ModelBuilder(graph, parameters);
    const logits = trace(builder, graph.leaf('x', [examples, positions, inputs], x));
    const loss = crossEntropy(logits, graph.leaf('labels', [examples], labels, 'u32'));
    return { graph, builder, loss };
  };
  const { graph, builder, loss } = traceLoss();
  parameters.allocate(gpu);
  parameters.upload(gpu, ({ name }) => Float32Array.from(values.get(name) ?? []));
  const step = new StepUniform(gpu);
  const rule = create(gpu, builder.layers);
  const ruleOf = (parameter: Parameter): ParameterRule => ({
    lrScale: parameter.kind === 'other' ? spec.otherLrMultiplier : 1,
    weightDecay: parameter.kind === 'weight' ? spec.weightDecay : 0,
    weightDecayKind: 'decoupled',
    isUpdated: !isLayerParameter(parameter, spec),
  });
  const arenas = createArenas(gpu, parameters, ruleOf, spec.clipNorm);
  addGradients(graph, builder, loss, arenas, step, rule);
  addUpdate(graph, arenas, step, spec, rule);
  const program = await compile(gpu, graph, 'test step');
  const again = traceLoss();
  rule.adaptation?.add(again.graph, again.loss, arenas);
  const adaptation = await compile(gpu, again.graph, 'test adaptation');
  const startGraph = new Graph();
  rule.addStart?.(startGraph);
  const start = await compile(gpu, startGraph, 'test start');
  return {
    gpu,
    rule,
    arenas,
    run(batch, scalars, only = phases) {
      writeRegion(gpu, x, Float32Array.from(batch.x));
      writeRegion(gpu, labels, batch.labels);
      writeScalars(step, scalars);
      submit(gpu, program, only);
    },
    start: () => {
      submit(gpu, start, phases);
    },
    valuesOf: (name) => readFloats(gpu, parameters.get(name).region),
    adapt: () => {
      submit(gpu, adaptation, phases);
    },
  };
}

/** What the GPU wrote down of a matrix's newest failure. */
export async function newestFailure({ gpu, kfac }: TestStep, place: number): Promise<NewestFailure> {
  const { latest } = kfac.failures;
  if (!latest) throw new Error('this net is preconditioned');
  const numbers = await readFloats(gpu, latest);
  const [step = NaN] = new Uint32Array(numbers.buffer).subarray(4 * place);
  const [, damping = NaN, raise = NaN] = numbers.subarray(4 * place);
  return { step, damping, raise };
}

/** Everything that is not given changes nothing: no rate, no new factor in the average. */
function writeScalars(step: StepUniform, scalars: Partial<StepScalars>): void {
  const still = { index: 1, seed: 0, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 0 };
  step.write({ ...still, ...scalars });
}

function submit(gpu: GpuContext, program: Program, only: readonly Phase[]): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, new Set(only));
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}
