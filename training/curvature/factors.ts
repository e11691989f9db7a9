/**
 * Kronecker factors of every linear and convolution layer, as part of the tensor program: A from the layer's input, G
 * from the gradient of its output, both in the expand or the reduce flavour, from a Fisher of three kinds. Formulas:
 * Eschenhagen et al. 2023, equations 7 and 10, for a loss that averages M terms:
 *
 *   expand   A = 1/(N R) sum_n sum_r a a^T          G = 1/M sum_c sum_n sum_r g g^T
 *   reduce   A = 1/N sum_n abar abar^T              G = 1/M sum_c sum_n ghat ghat^T
 *            abar = mean over r of a                ghat = sum over r of g
 *
 * with a carrying a trailing 1 when the layer has a bias, and g the gradient of the un-averaged loss terms.
 */
import type { KfacSpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { placeInNewBuffer, Region, wholeBuffer } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { LinearLayer } from '../models/model-builder.ts';
import { backward } from '../program/backward.ts';
import { size, type Graph, type Tensor } from '../program/graph.ts';
import { lossSeed, type Loss } from '../program/operations/loss.ts';
import { meanAxes, sumAxes } from '../program/operations/reduce.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import clearSource from './clear.wgsl';
import averageSource from './factor-average.wgsl';
import type { Flavour } from './flavour.ts';
import { gram } from './gram.ts';
import { paddedSide } from './padding.ts';

/** One symmetric matrix: its moving average and the value of the newest batch, both [padded, padded]. */
export interface Factor {
  readonly name: string;
  readonly size: number;
  readonly padded: number;
  readonly average: Region;
  readonly fresh: Region;
}

export interface KfacLayer {
  readonly layer: LinearLayer;
  readonly flavour: Flavour;
  /** Shared by layers with the same input, such as query, key and value. */
  readonly a: Factor;
  readonly g: Factor;
}

/** All factors of a model and the memory they live in. */
export interface FactorSet {
  readonly layers: KfacLayer[];
  readonly factors: Factor[];
  readonly averages: Region;
  readonly fresh: Region;
}

/** Decides which factors exist and reserves their memory. */
export function createFactors(
  gpu: GpuContext,
  layers: LinearLayer[],
  flavourOf: (layer: LinearLayer) => Flavour,
): FactorSet {
  const factors: Factor[] = [];
  const factor = (name: string, side: number): Factor => {
    const padded = paddedSide(side);
    const bytes = padded * padded * 4;
    const created = {
      name,
      size: side,
      padded,
      average: new Region(name, bytes),
      fresh: new Region(`fresh ${name}`, bytes),
    };
    factors.push(created);
    return created;
  };
  const byInput = new Map<string, Factor>();
  const kfacLayers = layers.map((layer): KfacLayer => {
    const flavour = flavourOf(layer);
    // Not by the input: asking for it would add a convolution's patches to the program, here in the wrong phase.
    const key = `${layer.source.id} ${JSON.stringify(layer.window)} ${flavour} ${layer.bias !== null}`;
    const a = byInput.get(key) ?? factor(`A of ${layer.name}`, layer.inputs + (layer.bias ? 1 : 0));
    byInput.set(key, a);
    return { layer, flavour, a, g: factor(`G of ${layer.name}`, layer.outputs) };
  });
  const averages = placeInNewBuffer(
    gpu,
    'factors',
    factors.map((f) => f.average),
  );
  const fresh = placeInNewBuffer(
    gpu,
    'fresh factors',
    factors.map((f) => f.fresh),
  );
  return {
    layers: kfacLayers,
    factors,
    averages: wholeBuffer('factors', averages),
    fresh: wholeBuffer('fresh factors', fresh),
  };
}

export interface FactorProgram {
  graph: Graph;
  loss: Loss;
  fisher: KfacSpec['fisher'];
  step: StepUniform;
  /** Gradients of the mean loss by every layer's output; needed for the empirical Fisher only. */
  outputGradients: ReadonlyMap<Tensor, Tensor>;
  /** One u32 that counts columns of the loss Hessian; needed for type-2 only. */
  column: Region;
}

/** Adds the factor phase to a program that has its forward (and, for `empirical`, backward) pass already. */
export function addFactors(set: FactorSet, program: FactorProgram): void {
  const { graph, loss, fisher } = program;
  graph.inPhase('factors', () => {
    if (fisher === 'type2') addClear(set, program);
    addInputFactors(set, graph);
    switch (fisher) {
      case 'empirical':
        // The backward pass carries gradients of the mean: 1/M sum g g^T = M sum (g/M) (g/M)^T.
        addOutputFactors(set, graph, program.outputGradients, loss.termCount, false);
        break;
      case 'mc':
        addPseudoGradients(set, program, lossSeed(loss, { kind: 'sample', step: program.step }, 1), false);
        break;
      case 'type2':
        addColumns(set, program);
        break;
      default:
        fisher satisfies never;
    }
    addAverage(set, program);
  });
}

function addInputFactors(set: FactorSet, graph: Graph): void {
  const done = new Set<Factor>();
  for (const { layer, flavour, a } of set.layers) {
    if (done.has(a)) continue;
    done.add(a);
    const x =
      flavour === 'reduce' && layer.sharing > 1
        ? meanAxes(byPosition(layer.input, layer), 1, 1)
        : layer.input;
    const rows = size(x.shape) / layer.inputs;
    addGram(graph, a, x, rows, layer.inputs, layer.bias !== null, 1 / rows, false);
  }
}

function addOutputFactors(
  set: FactorSet,
  graph: Graph,
  gradients: ReadonlyMap<Tensor, Tensor>,
  alpha: number,
  accumulate: boolean,
): void {
  for (const { layer, flavour, g } of set.layers) {
    const gradient = gradients.get(layer.output);
    if (!gradient) continue;
    const x =
      flavour === 'reduce' && layer.sharing > 1 ? sumAxes(byPosition(gradient, layer), 1, 1) : gradient;
    addGram(graph, g, x, size(x.shape) / layer.outputs, layer.outputs, false, alpha, accumulate);
  }
}

/** [N, R, features] of a layer's input or output gradient. */
function byPosition(tensor: Tensor, layer: LinearLayer): Tensor {
  const width = tensor.shape.at(-1) ?? 1;
  return tensor.graph.reshape(tensor, [size(tensor.shape) / (layer.sharing * width), layer.sharing, width]);
}

function addPseudoGradients(set: FactorSet, program: FactorProgram, seed: Tensor, accumulate: boolean): void {
  const outputs = set.layers.map(({ layer }) => layer.output);
  const gradients = backward(program.graph, [{ tensor: program.loss.outputs, gradient: seed }], outputs);
  addOutputFactors(set, program.graph, gradients, 1 / program.loss.termCount, accumulate);
}

/** Type-2: one backward pass per column of the loss Hessian's square root, all loss terms of an example at once. */
function addColumns(set: FactorSet, program: FactorProgram): void {
  const { graph, loss } = program;
  const column = graph.leaf('column', [1], program.column, 'u32');
  graph.repeated(loss.classes, () => {
    addPseudoGradients(set, program, lossSeed(loss, { kind: 'column', column }, 1), true);
    graph.effect('next column', [column], (lowering) => [
      {
        label: 'next column',
        code: '@compute @workgroup_size(1) fn main() { column[0] += 1u; }',
        bindings: [{ name: 'column', type: 'array<u32>', region: lowering.region(column), write: true }],
        workgroups: [1, 1, 1],
        flops: 0,
      },
    ]);
  });
}

function addGram(
  graph: Graph,
  factor: Factor,
  x: Tensor,
  rows: number,
  width: number,
  ones: boolean,
  alpha: number,
  accumulate: boolean,
): void {
  graph.effect(factor.name, [x], (lowering) =>
    gram(lowering.gpu, {
      label: 'factor',
      x: lowering.region(x),
      rows,
      width,
      ones,
      factor: factor.fresh,
      padded: factor.padded,
      alpha,
      accumulate,
      scratch: (label, words) => lowering.scratch(label, words),
    }),
  );
}

function addClear(set: FactorSet, program: FactorProgram): void {
  const quads = set.fresh.bytes / 16;
  const grid = linearGrid(quads, 64);
  program.graph.effect('clear factors', [], () => [
    {
      label: 'clear factors',
      code: expandTemplate(clearSource, { ROW: grid.row }),
      bindings: [
        { name: 'fresh', type: 'array<vec4f>', region: set.fresh, write: true },
        { name: 'column', type: 'array<u32>', region: program.column, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(quads) },
      workgroups: grid.workgroups,
      flops: 0,
    },
  ]);
}

function addAverage(set: FactorSet, program: FactorProgram): void {
  const quads = set.fresh.bytes / 16;
  const grid = linearGrid(quads, 64);
  program.graph.effect('average factors', [], () => [
    {
      label: 'average factors',
      code: [stepScalarsSource, expandTemplate(averageSource, { ROW: grid.row })].join('\n'),
      bindings: [
        { name: 'fresh', type: 'array<vec4f>', region: set.fresh, write: false },
        { name: 'factors', type: 'array<vec4f>', region: set.averages, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(quads) },
      step: program.step,
      workgroups: grid.workgroups,
      flops: 3 * quads * 4,
    },
  ]);
}
