/**
 * L^-p and R^-p of every weight, p = 1/4 or 1/2, by eigendecomposition: with A = Q l Q^T the power is Q (l + e)^-p Q^T.
 * A coupled Newton iteration needs products alone, but four for each of some eighteen rounds at a condition number of
 * 1e5: measured on the software adapter at sides of 32 to 256, those take 4 to 9 times as long as the decomposition, which
 * also yields the largest eigenvalue that the shift refers to.
 */
import type { ShampooSpec } from '../../../contract/run-spec.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { floatBits, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { symmetricEigen } from '../../../gpu-kernels/eigen/symmetric-eigen.ts';
import { matmul } from '../../../gpu-kernels/matmul/matmul.ts';
import { placeInNewBuffer, Region, uploadTable, wholeBuffer } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import type { GroupInverses } from '../../curvature/inverses.ts';
import type { JointLayout } from '../../curvature/joint-layout.ts';
import type { Lowering } from '../../program/graph.ts';
import type { SideArena, SideClass, SideLayout } from '../side-layout.ts';
import type { WeightBlock } from '../weight-blocks.ts';
import publishSource from './publish-roots.wgsl';
import scaleSource from './scale-vectors.wgsl';
import takeSource from './take-sides.wgsl';

export class InversePowers {
  /** By joint group: R^-p as `a`, L^-p as `g`. */
  readonly groups: GroupInverses[];
  /** All of them as one region. */
  readonly all: Region;
  /** u32 per side matrix: decompositions that failed. */
  readonly failures: Region;
  private readonly sides: SideLayout<WeightBlock>;
  private readonly moments: SideArena;
  private readonly spec: Pick<ShampooSpec, 'power' | 'rootEpsilon'>;
  private readonly targets: Region;

  constructor(
    gpu: GpuContext,
    joint: JointLayout<WeightBlock>,
    sides: SideLayout<WeightBlock>,
    moments: SideArena,
    spec: Pick<ShampooSpec, 'power' | 'rootEpsilon'>,
  ) {
    this.sides = sides;
    this.moments = moments;
    this.spec = spec;
    this.groups = joint.groups.map((group) => ({
      a: new Region('roots of R', group.layers.length * group.columns ** 2 * 4),
      g: new Region('roots of L', group.layers.length * group.rows ** 2 * 4),
    }));
    const regions = this.groups.flatMap((g) => [g.a, g.g]);
    this.all = wholeBuffer('roots', placeInNewBuffer(gpu, 'roots', regions));
    this.failures = uploadTable(gpu, 'root failures', new Uint32Array(sides.matrices.length));
    const targets = sides.matrices.map(({ member, side, padded }) => {
      const index = joint.groups.findIndex((group) => group.layers.includes(member));
      const slot = joint.groups[index]?.layers.indexOf(member) ?? 0;
      return (this.groups[index]?.[side].offset ?? 0) / 4 + slot * padded ** 2;
    });
    this.targets = uploadTable(gpu, 'places of roots', Uint32Array.from(targets));
  }

  /** All launches that renew the roots, in order. */
  lower(lowering: Lowering): Dispatch[] {
    let first = 0;
    return this.sides.classes.flatMap((sideClass, index) => {
      const launches = this.lowerClass(lowering, sideClass, this.moments.classes[index] as Region, first);
      first += sideClass.matrices.length;
      return launches;
    });
  }

  private lowerClass(
    lowering: Lowering,
    { padded: n, stride, matrices }: SideClass<WeightBlock>,
    moments: Region,
    first: number,
  ): Dispatch[] {
    const { gpu } = lowering;
    const batch = matrices.length;
    const words = batch * n * n;
    const work = lowering.scratch('matrices to decompose', words);
    const vectors = lowering.scratch('eigenvectors', words);
    const values = lowering.scratch('eigenvalues', batch * n);
    const status = lowering.scratch('decomposition status', batch);
    const overNumbers: [number, number, number] = [Math.ceil((n * n) / 64), batch, 1];
    return [
      {
        label: 'take moments',
        code: takeSource,
        bindings: [
          { name: 'averages', type: 'array<f32>', region: moments, write: false },
          { name: 'work', type: 'array<f32>', region: work, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(stride, n * n) },
        workgroups: overNumbers,
        flops: 0,
      },
      ...symmetricEigen(gpu, {
        ...{ label: 'decompose', n, batch, matrices: work, vectors, values, status },
        scratch: (label, size) => lowering.scratch(label, size),
      }),
      {
        label: 'scale eigenvectors',
        code: expandTemplate(scaleSource, { HALF: this.spec.power === '1/2' }),
        bindings: [
          { name: 'values', type: 'array<f32>', region: values, write: false },
          { name: 'vectors', type: 'array<vec4f>', region: vectors, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(n, floatBits(this.spec.rootEpsilon)) },
        workgroups: [Math.ceil(n / 32), batch, 1],
        flops: words,
      },
      matmul(gpu, {
        ...{ label: 'inverse root', a: vectors, b: vectors, c: work, transposeA: true },
        ...{ m: n, n, k: n, batch },
      }),
      {
        label: 'publish roots',
        code: publishSource,
        bindings: [
          { name: 'status', type: 'array<u32>', region: status, write: false },
          { name: 'work', type: 'array<f32>', region: work, write: false },
          { name: 'targets', type: 'array<u32>', region: this.targets, write: false },
          { name: 'failures', type: 'array<u32>', region: this.failures, write: true },
          { name: 'roots', type: 'array<f32>', region: this.all, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(first, n * n) },
        workgroups: overNumbers,
        flops: 0,
      },
    ];
  }
}
