/**
 * Second moments of every weight's gradient matrix by its two sides, which Shampoo takes roots of and SOAP's bases
 * diagonalise: L = average of G G^T on side `g` (outputs), R = average of G^T G on side `a` (inputs). The averages are
 * corrected for their start. Gradients are taken as they are, unclipped: statistics are not a step.
 */
import { linearGrid } from '../../gpu-kernels/grid.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Dispatch } from '../../gpu-kernels/dispatch.ts';
import { matmul } from '../../gpu-kernels/matmul/matmul.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import averageSource from '../curvature/factor-average.wgsl';
import { jointArena, type JointLayout } from '../curvature/joint-layout.ts';
import { packJoint } from '../curvature/pack-joint.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import { sideArena, type SideArena, type SideLayout } from './side-layout.ts';
import type { WeightBlock } from './weight-blocks.ts';

export class GradientMoments {
  readonly averages: SideArena;
  private readonly gpu: GpuContext;
  private readonly joint: JointLayout<WeightBlock>;
  private readonly sides: SideLayout<WeightBlock>;
  private readonly fresh: SideArena;
  private readonly packed: { whole: Region; groups: Region[] };

  constructor(gpu: GpuContext, joint: JointLayout<WeightBlock>, sides: SideLayout<WeightBlock>) {
    this.gpu = gpu;
    this.joint = joint;
    this.sides = sides;
    this.averages = sideArena(gpu, sides, 'gradient moments');
    this.fresh = sideArena(gpu, sides, 'fresh gradient moments');
    this.packed = jointArena(gpu, joint, 'joint gradients');
  }

  /** Takes the gradients in; their weight in the averages is the step's `factorMix`. */
  lower(gradients: Region, step: StepUniform): Dispatch[] {
    return [
      packJoint(this.joint, gradients, this.packed.whole),
      ...this.joint.groups.flatMap((_, index) => [this.moment(index, 'g'), this.moment(index, 'a')]),
      this.average(step),
    ];
  }

  private moment(index: number, side: 'a' | 'g'): Dispatch {
    const { rows, columns, stride } = this.joint.groups[index] as JointLayout<WeightBlock>['groups'][number];
    const matrices = this.packed.groups[index] as Region;
    const chunk = this.sides.chunk(index, side);
    const [n, k] = side === 'g' ? [rows, columns] : [columns, rows];
    return matmul(this.gpu, {
      label: side === 'g' ? 'G G^T' : 'G^T G',
      ...{ a: matrices, b: matrices, c: this.fresh.of(index, side) },
      ...{ m: n, n, k, batch: chunk.count },
      ...(side === 'g' ? { transposeB: true } : { transposeA: true }),
      ...{ strideA: stride, strideB: stride, strideC: chunk.stride },
    });
  }

  private average(step: StepUniform): Dispatch {
    const quads = this.sides.length / 4;
    const grid = linearGrid(quads, 64);
    return {
      label: 'average gradient moments',
      code: [stepScalarsSource, expandTemplate(averageSource, { ROW: grid.row })].join('\n'),
      bindings: [
        { name: 'fresh', type: 'array<vec4f>', region: this.fresh.whole, write: false },
        { name: 'factors', type: 'array<vec4f>', region: this.averages.whole, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(quads) },
      step,
      workgroups: grid.workgroups,
      flops: 3 * this.sides.length,
    };
  }
}
