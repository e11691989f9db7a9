/**
 * Kronecker factors of every linear and convolution layer, as part of the tensor program: A from what the layer reads, G
 * from the gradient of its output, both in the expand or the reduce flavour, from one of several Fishers. Formulas:
 * Eschenhagen et al. 2023, equations 7 and 10, for a loss that averages M terms:
 *
 *   expand   A = 1/(sum_n R_n) sum_n sum_r a a^T     G = 1/M sum_c sum_n sum_r g g^T
 *   reduce   A = 1/N sum_n abar abar^T               G = 1/M sum_c sum_n ghat ghat^T
 *            abar = mean over r of a                 ghat = sum over r of g
 *
 * with a carrying a trailing 1 when the layer has a bias, and g the gradient of the un-averaged loss terms. What counts as
 * a row is said in `factor-rows.ts`, what is sent back for each Fisher in `docs/kfac.md`.
 */
import type { KfacSpec } from '../../contract/run-spec.ts';
import { imagePadding } from '../../gpu-kernels/convolution/padding.ts';
import { placeWindow, type ConvolutionShape } from '../../gpu-kernels/convolution/window.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { floatBits } from '../../gpu-kernels/dispatch.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { LayerUse, LinearLayer, Source } from '../models/layers.ts';
import { backward } from '../program/backward.ts';
import { lastAxis, size, type Graph, type Tensor } from '../program/graph.ts';
import { padForConvolution } from '../program/operations/convolution.ts';
import {
  divisorOf,
  lossSeed,
  type Loss,
  type SeedMode,
  type TermPlaces,
} from '../program/operations/loss.ts';
import { invertIndex } from '../program/operations/inverse-index.ts';
import { placesInSegments } from '../program/operations/segments.ts';
import { sumAxes } from '../program/operations/reduce.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import type { Columns } from './blocks.ts';
import type { CorrectedScales } from './corrected-scales.ts';
import clearSource from './clear.wgsl';
import diagonalSource from './diagonal-factor.wgsl';
import averageSource from './factor-average.wgsl';
import {
  inputMoment,
  inverseCount,
  outputMoment,
  positionCounts,
  staticPositions,
  type Moment,
} from './factor-rows.ts';
import type { Factor, FactorSet, LayerMoment } from './factors.ts';
import type { FactorTarget } from './factor-writer.ts';
import { backwardPasses, termsPerExample } from './fisher-passes.ts';
import { gram } from './gram.ts';
import { patchGram, takesPatches } from './gram-lanes.ts';

/** The settings of a run, and the empirical Fisher with every loss term sent back on its own. */
export type FisherKind = KfacSpec['fisher'] | 'empirical-per-term';

export interface FactorProgram {
  graph: Graph;
  loss: Loss;
  fisher: FisherKind;
  step: StepUniform;
  /** One u32 that counts the backward passes of a factor step. */
  column: Region;
  /** Measures EKFAC's scales from the same gradients. */
  scales?: CorrectedScales;
  /** Labels drawn per loss term for `mc`. Default: 1. */
  samples?: number;
  /** For `mc`: labels [samples, ...] in the place of draws, to repeat a draw that was made elsewhere. */
  labels?: Tensor;
}

/** The factor phase of a program, begun behind its forward pass. */
export interface FactorUpdate {
  /**
   * Takes the gradient of the mean loss by a layer's output, while the backward pass is being added: A of what the layer reads,
   * and what the empirical Fisher makes of the gradient, stand right behind it, so that neither need outlive it.
   */
  accept: (output: Tensor, gradient: Tensor) => void;
  /** Adds the rest behind the backward pass. */
  finish: () => void;
}

/** Begins the factor phase of a program that has its forward pass and no backward pass yet. */
export function startFactors(set: FactorSet, program: FactorProgram): FactorUpdate {
  const { graph } = program;
  const phase = new FactorPhase(set, program);
  graph.inPhase('factors', () => phase.start());
  return {
    accept: (output, gradient) => {
      graph.inPhase('factors', () => phase.accept(output, gradient));
    },
    finish: () => {
      graph.inPhase('factors', () => phase.finish());
    },
  };
}

export interface WholeFactorProgram extends FactorProgram {
  /** Gradients of the mean loss by every layer's output; needed for the empirical Fisher only. */
  outputGradients: ReadonlyMap<Tensor, Tensor>;
}

/** Adds the factor phase to a program that has its forward (and, for `empirical`, backward) pass already. */
export function addFactors(set: FactorSet, program: WholeFactorProgram): void {
  const update = startFactors(set, program);
  for (const [output, gradient] of program.outputGradients) update.accept(output, gradient);
  update.finish();
}

/** What all backward passes of a Fisher have in common. */
interface Passes {
  count: number;
  seed(round: Tensor): SeedMode;
  /** The seed's own factor. */
  factor: number;
  alpha: number;
  scale: Tensor | null;
}

/** Takes the gradients of layers' outputs as they are made. */
interface OutputFactors {
  accept: (output: Tensor, gradient: Tensor) => void;
  finish: () => void;
}

class FactorPhase {
  private readonly set: FactorSet;
  private readonly program: FactorProgram;
  private readonly graph: Graph;
  /** Several backward passes, whose factors add up; else each factor's average moves in the launch that makes the factor. */
  private readonly hasRounds: boolean;
  private readonly averaged = new Set<Factor>();
  private readonly added = new Set<LayerMoment>();
  /** What takes the gradients of the backward pass itself, for the Fisher that is made of them. */
  private readonly ofStep: OutputFactors | null;

  constructor(set: FactorSet, program: FactorProgram) {
    this.set = set;
    this.program = program;
    this.graph = program.graph;
    const { fisher, samples = 1, labels } = program;
    this.hasRounds = fisher !== 'empirical' && !(fisher === 'mc' && samples === 1 && !labels);
    const { alpha, scale } = this.termCount();
    this.ofStep = fisher === 'empirical' ? this.outputs(alpha, scale) : null;
  }

  start(): void {
    if (this.hasRounds) this.addClear();
  }

  accept(output: Tensor, gradient: Tensor): void {
    for (const side of this.set.inputs) {
      if (side.layer.uses.some((use) => use.output === output)) this.addInput(side);
    }
    this.ofStep?.accept(output, gradient);
  }

  finish(): void {
    // Of layers that the loss does not depend on.
    this.set.inputs.forEach((side) => this.addInput(side));
    if (this.ofStep) this.ofStep.finish();
    else this.addOwnPasses();
    this.addAverage();
  }

  private addOwnPasses(): void {
    const { fisher, step, loss } = this.program;
    if (fisher === 'empirical') return;
    if (this.hasRounds) {
      this.addRounds(this.passes(fisher));
    } else {
      this.sendBack({ kind: 'sample', step }, 1, this.outputs(1 / divisorOf(loss), null));
    }
  }

  private passes(fisher: Exclude<FisherKind, 'empirical'>): Passes {
    const { loss, step, labels, samples = 1 } = this.program;
    const square = { factor: 1, alpha: 1 / divisorOf(loss), scale: null };
    const terms = this.termPlaces();
    switch (fisher) {
      case 'mc': {
        const count = labels?.shape[0] ?? samples;
        const alpha = square.alpha / count;
        const seed = (round: Tensor): SeedMode =>
          labels ? { kind: 'labels', labels, round } : { kind: 'sample', step, round };
        return { ...square, count, alpha, seed };
      }
      case 'type2-shared':
        return { ...square, count: loss.classes, seed: (round) => ({ kind: 'column', round }) };
      case 'type2': {
        if (terms.most === 1) return this.passes('type2-shared');
        const count = backwardPasses(fisher, { classes: loss.classes, terms: terms.most, samples });
        return { ...square, count, seed: (round) => ({ kind: 'column', round, terms }) };
      }
      case 'empirical-per-term': {
        const seed = (round: Tensor): SeedMode => ({ kind: 'gradient', round, terms });
        return { count: terms.most, seed, factor: 1 / divisorOf(loss), ...this.termCount() };
      }
      default:
        return fisher satisfies never;
    }
  }

  /** Gradients of a mean loss carry 1/M: 1/M sum g g^T = M sum (g/M) (g/M)^T. M are the terms that count. */
  private termCount(): { alpha: number; scale: Tensor | null } {
    const { countedTerms } = this.program.loss;
    return countedTerms
      ? { alpha: 1, scale: countedTerms }
      : { alpha: divisorOf(this.program.loss), scale: null };
  }

  private termPlaces(): TermPlaces {
    const { loss } = this.program;
    const most = termsPerExample(loss);
    return { most, places: loss.rows && placesInSegments(loss.rows.offsets, loss.termCount) };
  }

  /** Adds A of what layers read; once, however often it is asked for. */
  private addInput(side: LayerMoment): void {
    if (this.added.has(side)) return;
    this.added.add(side);
    if (side.layer.uses.some(({ source }) => source.kind === 'ids')) this.addCounts(side);
    else if (this.readsPatches(side)) this.addPatches(side);
    else this.addMoment(side, inputMoment(side.layer, side.flavour, this.set.convention), false);
  }

  /** Adds the factors of a layer's outputs as soon as the gradients of all its uses are there. */
  private outputs(alpha: number, scale: Tensor | null): OutputFactors {
    const gradients = new Map<LayerUse, Tensor>();
    const accumulate = this.hasRounds;
    const add = (side: LayerMoment): void => {
      const known = side.layer.uses.flatMap((use): (readonly [LayerUse, Tensor])[] => {
        const gradient = gradients.get(use);
        gradients.delete(use);
        return gradient ? [[use, gradient]] : [];
      });
      if (known.length === 0) return;
      const moment = outputMoment(side.layer, known, side.flavour, this.set.convention);
      this.addMoment(side, { ...moment, alpha: moment.alpha * alpha, scale }, accumulate);
      this.program.scales?.add({ layer: side.layer, gradients: known, alpha, scale, accumulate });
    };
    return {
      accept: (output, gradient) => {
        for (const side of this.set.outputs) {
          const use = side.layer.uses.find((candidate) => candidate.output === output);
          if (!use) continue;
          gradients.set(use, gradient);
          if (side.layer.uses.every((other) => gradients.has(other))) add(side);
        }
      },
      // Uses that the loss does not depend on never get a gradient.
      finish: () => this.set.outputs.forEach(add),
    };
  }

  private sendBack(mode: SeedMode, factor: number, factors: OutputFactors): void {
    const { loss } = this.program;
    const seed = lossSeed(loss, mode, factor);
    const outputs = this.set.outputs.flatMap(({ layer }) => layer.uses.map((use) => use.output));
    const seeds = [{ tensor: loss.outputs, gradient: seed }];
    backward(this.graph, seeds, outputs, factors.accept);
    factors.finish();
  }

  private addRounds({ count, seed, factor, alpha, scale }: Passes): void {
    const round = this.graph.leaf('round', [1], this.program.column, 'u32');
    this.graph.repeated(count, () => {
      this.sendBack(seed(round), factor, this.outputs(alpha, scale));
      this.graph.effect('next round', [round], (lowering) => [
        {
          label: 'next round',
          code: '@compute @workgroup_size(1) fn main() { round[0] += 1u; }',
          bindings: [{ name: 'round', type: 'array<u32>', region: lowering.region(round), write: true }],
          workgroups: [1, 1, 1],
          flops: 0,
        },
      ]);
    });
  }

  private addMoment({ factors }: LayerMoment, moment: Moment, accumulate: boolean): void {
    moment.parts.forEach((part, i) => {
      const isLast = i === moment.parts.length - 1;
      for (const { factor, columns } of factors) {
        this.addGram(this.target(factor, accumulate || i > 0, isLast), factor, columns, part, moment);
      }
    });
  }

  /** Where the value of one launch goes; the last one of an update moves the average. */
  private target(factor: Factor, accumulate: boolean, isLast: boolean): FactorTarget {
    if (this.hasRounds || !isLast) return { factor: factor.fresh, accumulate };
    this.averaged.add(factor);
    const average = { region: factor.average, step: this.program.step };
    return { factor: factor.fresh, accumulate, average };
  }

  private addGram(
    target: FactorTarget,
    { name, padded }: Factor,
    columns: Columns,
    { x, rows, limit, weights }: Moment['parts'][number],
    { alpha, scale }: Moment,
  ): void {
    const inputs = [x, ...[limit, weights, scale].filter((tensor) => tensor !== null)];
    this.graph.effect(name, inputs, (lowering) =>
      gram(lowering.gpu, {
        label: 'factor',
        ...target,
        x: lowering.region(x),
        rows,
        stride: lastAxis(x),
        ...columns,
        ...(limit ? { limit: { region: lowering.region(limit), at: size(limit.shape) - 1 } } : {}),
        ...(weights ? { weights: lowering.region(weights) } : {}),
        ...(scale ? { scale: lowering.region(scale) } : {}),
        padded,
        alpha,
        scratch: (label, words) => lowering.scratch(label, words),
      }),
    );
  }

  /** Whether the patches of an expanded convolution need not be written down. */
  private readsPatches({ layer, flavour, factors }: LayerMoment): boolean {
    if (flavour !== 'expand' || factors.length > 1) return false;
    return layer.uses.every(({ source }) => {
      if (source.kind !== 'image') return false;
      return takesPatches(this.set.gpu, shapeOf(layer, source));
    });
  }

  /** A of convolutions, from the images with zeros around them that the convolutions themselves read. */
  private addPatches({ layer, factors }: LayerMoment): void {
    const positions = staticPositions(layer.uses) ?? NaN;
    const examples = layer.uses[0]?.positions.examples ?? 1;
    layer.uses.forEach(({ source }, i) => {
      if (source.kind !== 'image') return;
      const shape = shapeOf(layer, source);
      const image = padForConvolution(this.graph.late(source.image), imagePadding(shape));
      for (const { factor, columns } of factors) {
        const target = this.target(factor, i > 0, i === layer.uses.length - 1);
        this.graph.effect(factor.name, [image], (lowering) =>
          patchGram({
            label: 'factor',
            ...target,
            x: lowering.region(image),
            shape,
            ones: columns.ones,
            padded: factor.padded,
            alpha: 1 / (examples * positions),
            scratch: (label, words) => lowering.scratch(label, words),
          }),
        );
      }
    });
  }

  /** A of one-hot vectors: how often each number occurs, on the diagonal. */
  private addCounts({ layer, factors }: LayerMoment): void {
    const positions = staticPositions(layer.uses);
    const examples = layer.uses[0]?.positions.examples ?? 1;
    const scale = positions === null ? inverseCount(sumAxes(positionCounts(layer.uses), 0, 0)) : null;
    const alpha = positions === null ? 1 : 1 / (examples * positions);
    layer.uses.forEach(({ source, positions: where }, i) => {
      if (source.kind !== 'ids') return;
      const { offsets, order } = invertIndex(source.ids, layer.inputs);
      const mask = where.kind === 'dense' ? where.mask : null;
      const inputs = [offsets, order, ...[mask, scale].filter((tensor) => tensor !== null)];
      for (const { factor, columns } of factors) {
        this.graph.effect(factor.name, inputs, (lowering) => [
          {
            label: 'diagonal factor',
            code: expandTemplate(diagonalSource, {
              WEIGHTED: mask !== null,
              SCALED: scale !== null,
              ACCUMULATE: i > 0,
            }),
            bindings: [
              { name: 'offsets', type: 'array<u32>', region: lowering.region(offsets), write: false },
              ...(mask
                ? [
                    { name: 'order', type: 'array<u32>', region: lowering.region(order), write: false },
                    { name: 'weights', type: 'array<f32>', region: lowering.region(mask), write: false },
                  ]
                : []),
              ...(scale
                ? [{ name: 'scale', type: 'array<f32>', region: lowering.region(scale), write: false }]
                : []),
              { name: 'F', type: 'array<f32>', region: factor.fresh, write: true },
            ],
            params: {
              type: 'Params',
              data: Uint32Array.of(columns.first, columns.width, factor.padded, floatBits(alpha)),
            },
            workgroups: [Math.ceil(columns.width / 64), 1, 1],
            flops: columns.width,
          },
        ]);
      }
    });
  }

  private addClear(): void {
    this.program.scales?.clear(this.graph);
    const { fresh } = this.set;
    const quads = fresh.bytes / 16;
    const grid = linearGrid(quads, 64);
    this.graph.effect('clear factors', [], () => [
      {
        label: 'clear factors',
        code: expandTemplate(clearSource, { ROW: grid.row }),
        bindings: [
          { name: 'fresh', type: 'array<vec4f>', region: fresh, write: true },
          { name: 'round', type: 'array<u32>', region: this.program.column, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(quads) },
        workgroups: grid.workgroups,
        flops: 0,
      },
    ]);
  }

  /** Moves the averages that have not moved as their factors were made. */
  private addAverage(): void {
    this.program.scales?.average(this.graph, this.program.step);
    const { factors, fresh, averages } = this.set;
    if (this.averaged.size === 0) {
      this.addAverageOf(fresh, averages);
      return;
    }
    for (const factor of factors) {
      if (!this.averaged.has(factor)) this.addAverageOf(factor.fresh, factor.average);
    }
  }

  private addAverageOf(fresh: Region, averages: Region): void {
    const quads = fresh.bytes / 16;
    const grid = linearGrid(quads, 64);
    this.graph.effect('average factors', [], () => [
      {
        label: 'average factors',
        code: [stepScalarsSource, expandTemplate(averageSource, { ROW: grid.row })].join('\n'),
        bindings: [
          { name: 'fresh', type: 'array<vec4f>', region: fresh, write: false },
          { name: 'factors', type: 'array<vec4f>', region: averages, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(quads) },
        step: this.program.step,
        workgroups: grid.workgroups,
        flops: 3 * quads * 4,
      },
    ]);
  }
}

function shapeOf(
  layer: LinearLayer,
  { image, window }: Extract<Source, { kind: 'image' }>,
): ConvolutionShape {
  const [images, height, width, channels] = image.shape as [number, number, number, number];
  const placed = placeWindow('convolution', [height, width], window);
  return { images, channels, outputs: layer.outputs, groups: layer.groups, window: placed };
}
