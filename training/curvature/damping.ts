/**
 * How much is added to the curvature: lambda, which lies on the GPU because it may change with the loss there, the mean
 * eigenvalues it is measured by, and the rule that turns it into damping of factors (`damping.wgsl`).
 */
import type { KfacSpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { floatBits, type Binding, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { Region, uploadTable, writeRegion } from '../../gpu-kernels/region.ts';
import largestSource from '../../gpu-kernels/reduce/largest.wgsl';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import scaleSource from './damping-by-loss.wgsl';
import dampingSource from './damping.wgsl';
import levelsSource from './factor-levels.wgsl';
import type { FactorSet } from './factors.ts';
import { raisedSource, type FailureLog } from './failure-log.ts';

export interface DampingSettings {
  rule: KfacSpec['dampingRule'];
  damping: number;
  /** Default: absolute. */
  scale?: KfacSpec['dampingScale'];
  /** The least lambda that loss scaling and adaptation lead to. Default: none. */
  floor?: number;
}

const ruleNumbers: Record<DampingSettings['rule'], number> = {
  relative: 0,
  pi: 1,
  sqrt: 2,
  plain: 3,
  exact: 4,
};

/** WGSL of `damping`, which `levels` and `settings` belong to. */
export { dampingSource };

export class Damping {
  readonly settings: Readonly<DampingSettings>;
  /**
   * f32: lambda, lambda in effect (scaled by the loss, not below its floor), lambda of the last inversions, one unused, the
   * factors' mean eigenvalues.
   */
  readonly levels: Region;
  private readonly set: FactorSet;
  private readonly table: Region;

  constructor(gpu: GpuContext, set: FactorSet, settings: DampingSettings) {
    this.settings = settings;
    this.set = set;
    this.levels = uploadTable(gpu, 'damping levels', new Float32Array(4 + set.factors.length));
    this.table = uploadTable(
      gpu,
      'factor table',
      Uint32Array.from(set.factors.flatMap((f) => [f.average.offset / 4, f.size, f.padded, 0])),
    );
    this.reset(gpu);
  }

  /** Lambda as the run asked for. */
  reset(gpu: GpuContext): void {
    const { damping, floor = 0 } = this.settings;
    const inEffect = Math.max(floor, damping);
    writeRegion(gpu, this.levels, Float32Array.of(damping, inEffect, inEffect));
  }

  /** One f32: the lambda that the inverses of now were made with. */
  get used(): Region {
    const { label, buffer, offset } = this.levels;
    const used = new Region(label, 4);
    used.locate(buffer, offset + 8);
    return used;
  }

  /** Whether the damping of a factor depends on the other factor of the layer, too. */
  get needsPartner(): boolean {
    const { rule, scale } = this.settings;
    return scale === 'relative' ? rule === 'sqrt' || rule === 'exact' : rule === 'pi';
  }

  /** Rule and scale, as parameters of kernels that call `damping`. */
  get numbers(): [number, number] {
    const { rule, scale } = this.settings;
    return [ruleNumbers[rule], scale === 'relative' ? 1 : 0];
  }

  get binding(): Binding {
    return { name: 'levels', type: 'array<f32>', region: this.levels, write: false };
  }

  /**
   * Mean eigenvalues of all factors. Renews averages that are not finite from the newest batch and puts them into the log.
   */
  measure(gpu: GpuContext, failures: FailureLog, step: StepUniform): Dispatch {
    const { set } = this;
    const lanes = gpu.adapterClass === 'software' && gpu.fourLaneSubgroups;
    return {
      label: 'mean eigenvalues',
      code: [
        stepScalarsSource,
        raisedSource,
        expandTemplate([largestSource, levelsSource].join('\n'), { LANES: lanes, T: lanes ? 4 : 64 }),
      ].join('\n'),
      bindings: [
        { name: 'factors', type: 'array<f32>', region: set.averages, write: true },
        { name: 'fresh', type: 'array<f32>', region: set.fresh, write: false },
        { name: 'table', type: 'array<vec4<u32>>', region: this.table, write: false },
        { name: 'levels', type: 'array<f32>', region: this.levels, write: true },
        ...failures.bindings,
      ],
      params: { type: 'Params', data: Uint32Array.of(failures.firstFactor) },
      step,
      workgroups: [set.factors.length, 1, 1],
      flops: 2 * set.factors.reduce((sum, { padded }) => sum + padded ** 2, 0),
    };
  }

  /** Lambda in effect = lambda times the mean of the batch's loss, `loss[0]`. */
  scaleByLoss(loss: Region): Dispatch {
    return {
      label: 'damping by loss',
      code: scaleSource,
      bindings: [
        { name: 'loss', type: 'array<f32>', region: loss, write: false },
        { name: 'levels', type: 'array<f32>', region: this.levels, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(floatBits(this.settings.floor ?? 0)) },
      workgroups: [1, 1, 1],
      flops: 0,
    };
  }
}
