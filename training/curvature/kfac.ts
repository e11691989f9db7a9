/**
 * K-FAC for one model: factors, inverses and preconditioner on one set of layers, and how they enter a training
 * program. Two recipes share the parts (`docs/kfac.md`): `grafted` preconditions Adam's first moment and gives the
 * result Adam's length, `classic` preconditions the gradient and lets heavy-ball momentum follow.
 */
import type { KfacSpec } from '../../contract/run-spec.ts';
import type { LayerReport } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import type { LinearLayer } from '../models/model-builder.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { LayerOptimiser, MatrixFailures, Slices, WarmStarts } from '../optimisers/layer-optimiser.ts';
import type { Graph } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import { createFactors, layerReports, startFactors, type FactorSet, type FactorUpdate } from './factors.ts';
import type { FlavoursOf } from './flavour.ts';
import { CorrectedScales } from './corrected-scales.ts';
import { createCurvature, productsOf, type Curvature } from './curvature.ts';
import type { DampingSettings } from './damping.ts';
import { Eigenbases } from './eigenbases.ts';
import { layOutJoint, type JointLayout } from './joint-layout.ts';
import { LevenbergMarquardt, meanLoss } from './levenberg-marquardt.ts';
import { Preconditioner } from './precondition.ts';
import { inversionCosts, sliceLayers, type Slicing } from './slices.ts';

export class Kfac implements LayerOptimiser {
  readonly factors: FactorSet;
  readonly layout: JointLayout;
  readonly curvature: Curvature;
  /** Measured scales of EKFAC. */
  readonly scales: CorrectedScales | null;
  readonly preconditioner: Preconditioner;
  private readonly spec: KfacSpec;
  private readonly gpu: GpuContext;
  private readonly column: Region;
  private readonly slicing: Slicing | null;
  private marquardt: LevenbergMarquardt | null = null;
  private loss: Loss | null = null;
  private step: StepUniform | null = null;
  private update: FactorUpdate | null = null;

  /** Parameters must be allocated: tables hold their positions. */
  constructor(gpu: GpuContext, layers: LinearLayer[], spec: KfacSpec, flavoursOf: FlavoursOf) {
    this.spec = spec;
    this.factors = createFactors(gpu, layers, flavoursOf, {
      maxSide: spec.maxFactorSide,
      convention: spec.reduceConvention,
    });
    this.layout = layOutJoint(gpu, this.factors.layers);
    this.gpu = gpu;
    const isCorrected = spec.preconditioner === 'ekfac';
    this.slicing = slicingOf(spec, this.factors);
    this.curvature = createCurvature(gpu, this.factors, this.layout, dampingOf(spec), {
      keepsScales: isCorrected,
      slicing: this.slicing,
      inversion: spec.inversion,
    });
    this.scales =
      isCorrected && this.curvature instanceof Eigenbases
        ? new CorrectedScales(gpu, this.factors, this.layout, this.curvature)
        : null;
    this.preconditioner = new Preconditioner(gpu, this.layout, productsOf(gpu, this.layout, this.curvature));
    this.column = uploadTable(gpu, 'column', new Uint32Array(4));
  }

  /** What a fresh run starts from as zero: the inverses too, or a first inversion that fails would keep another run's. */
  get state(): Region[] {
    const { factors, preconditioner, curvature, scales } = this;
    return [factors.averages, preconditioner.velocity, ...curvature.state, ...(scales?.state ?? [])];
  }

  get failures(): MatrixFailures {
    const { curvature } = this;
    return {
      counts: curvature.failures.counts,
      latest: curvature.failures.latest,
      code: 'pivot-failed',
      describe: (place, times, newest) => curvature.failures.describe(place, times, newest),
    };
  }

  get movingDamping(): Region | null {
    const { curvature, spec } = this;
    const isConstant = spec.dampingAdaptation === 'none' && curvature.damping.settings.scale !== 'loss';
    return isConstant ? null : curvature.damping.used;
  }

  get warmStarts(): WarmStarts | null {
    const { curvature } = this;
    return curvature instanceof Eigenbases ? null : curvature.warmStarts;
  }

  /** Null without adaptation, and before the update was added. */
  get adaptation(): LevenbergMarquardt | null {
    return this.marquardt;
  }

  get slices(): Slices | null {
    const { curvature, slicing, step } = this;
    if (!slicing || !step) return null;
    return {
      count: slicing.count,
      add: (graph, slice) => {
        graph.effect('inverses', [], (lowering) => curvature.lower(lowering, step, slice));
      },
    };
  }

  /** Damping as the run asked for, no longer raised by earlier failures. */
  reset(gpu: GpuContext): void {
    this.curvature.reset(gpu);
  }

  get reports(): LayerReport[] {
    return layerReports(this.factors);
  }

  /** Begins the factor phase. */
  watchGradients(graph: Graph, loss: Loss, step: StepUniform): FactorUpdate['accept'] {
    const { scales, column } = this;
    const { fisher, fisherSamples: samples } = this.spec;
    const program = { graph, loss, fisher, samples, step, column, ...(scales ? { scales } : {}) };
    this.update = startFactors(this.factors, program);
    return this.update.accept;
  }

  /** The rest of the factor phase, and the inverses. */
  addCurvature(graph: Graph, loss: Loss, step: StepUniform): void {
    const { curvature } = this;
    this.loss = loss;
    this.step = step;
    this.update?.finish();
    graph.inPhase('inverses', () => {
      if (curvature.damping.settings.scale === 'loss') {
        graph.effect('damping by loss', [loss.terms], (lowering) => {
          const mean = lowering.scratch('mean loss', 4);
          return [...meanLoss(lowering, loss, mean), curvature.damping.scaleByLoss(mean)];
        });
      }
      graph.effect('inverses', [], (lowering) => curvature.lower(lowering, step));
    });
  }

  /** Preconditioning and the update of the layers' parameters; Adam's moments must be up to date. */
  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void {
    this.preconditioner.addUpdate(graph, arenas, step, this.spec);
  }

  /** Loss and parameters before the update, for the adaptation of damping. */
  addMemory(graph: Graph, arenas: OptimiserArenas): void {
    const { curvature, loss, layout, gpu } = this;
    const { dampingAdaptation, adaptationInterval: interval, adaptationDecay: decay } = this.spec;
    if (!loss || dampingAdaptation === 'none') return;
    const amounts = curvature instanceof Eigenbases ? curvature.amounts : curvature.trackAmounts(gpu, layout);
    const known = { damping: curvature.damping, amounts };
    const marquardt = new LevenbergMarquardt(gpu, layout, known, arenas.length, { interval, decay });
    this.marquardt = marquardt;
    graph.inPhase('precondition', () => {
      marquardt.addMemory(graph, loss, arenas);
    });
  }
}

/**
 * Slices of the settings' budget, in millions of operations, none of them due after the next round begins; null where a round
 * is the work of one step.
 */
function slicingOf(spec: KfacSpec, set: FactorSet): Slicing | null {
  const { inversion, inversionBudget: budget } = spec;
  if (budget === null) return null;
  const isExact = spec.preconditioner === 'ekfac' || spec.dampingRule === 'exact';
  const cost = isExact ? inversionCosts.eigenbasis : inversionCosts[inversion];
  const slicing = sliceLayers(set, cost, budget * 1e6, spec.inverseInterval);
  return slicing.count > 1 ? slicing : null;
}

/** What a run's settings say about damping. EKFAC's scales are always damped as eigenvalues. */
function dampingOf(spec: KfacSpec): DampingSettings {
  const { damping, dampingRule: rule, dampingScale: scale, dampingFloor: floor } = spec;
  if (spec.preconditioner !== 'ekfac') return { damping, rule, scale, floor };
  return { damping, rule: 'exact', scale: rule === 'relative' ? 'relative' : scale, floor };
}
