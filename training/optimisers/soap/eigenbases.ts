/**
 * The bases that SOAP works in: approximate eigenvectors of L and R of every weight. They start as the eigenvectors of
 * the first gradient's moments; from then on, one step of orthogonal iteration (multiply by the moments, orthonormalise)
 * follows the moments as they change. Rows of the stored matrices are the vectors, the largest eigenvalue first. A new
 * decomposition each time would cost about as much, but its vectors would not be the old ones moved a little, and
 * Adam's second moment belongs to them.
 */
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import type { Binding, Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { symmetricEigen } from '../../../gpu-kernels/eigen/symmetric-eigen.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { matmul } from '../../../gpu-kernels/matmul/matmul.ts';
import { orthonormalRows } from '../../../gpu-kernels/qr/orthonormal-rows.ts';
import { uploadTable, type Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import type { JointLayout } from '../../curvature/joint-layout.ts';
import layerSource from '../../curvature/kfac-layer.wgsl';
import { jointTables } from '../../curvature/pack-joint.ts';
import type { Lowering } from '../../program/graph.ts';
import takeSource from '../shampoo/take-sides.wgsl';
import { sideArena, writeIdentity, type SideArena, type SideClass, type SideLayout } from '../side-layout.ts';
import type { WeightBlock } from '../weight-blocks.ts';
import keysSource from './basis-keys.wgsl';
import ranksSource from './basis-ranks.wgsl';
import moveSource from './move-squares.wgsl';
import orderSource from './order-rows.wgsl';
import publishSource from './publish-basis.wgsl';

export class Eigenbases {
  readonly bases: SideArena;
  /** u32 per side matrix: how often there was no new basis. */
  readonly failures: Region;
  private readonly joint: JointLayout<WeightBlock>;
  private readonly sides: SideLayout<WeightBlock>;
  private readonly moments: SideArena;
  private readonly image: SideArena;
  private readonly keys: Region;
  private readonly ranks: Region;
  private readonly bad: Region;
  private readonly sidesOfLayers: Region;
  private readonly widest: number;

  constructor(
    gpu: GpuContext,
    joint: JointLayout<WeightBlock>,
    sides: SideLayout<WeightBlock>,
    moments: SideArena,
  ) {
    this.joint = joint;
    this.sides = sides;
    this.moments = moments;
    this.bases = sideArena(gpu, sides, 'eigenbases');
    this.image = sideArena(gpu, sides, 'images of bases');
    const count = sides.matrices.length;
    this.widest = Math.max(...sides.matrices.map((m) => m.padded));
    this.keys = uploadTable(gpu, 'basis keys', new Float32Array(count * this.widest));
    this.ranks = uploadTable(gpu, 'basis ranks', new Uint32Array(count * this.widest));
    this.bad = uploadTable(gpu, 'matrices without a basis', new Uint32Array(count));
    this.failures = uploadTable(gpu, 'basis failures', new Uint32Array(count));
    const indexOf = (member: WeightBlock, side: 'a' | 'g') =>
      sides.matrices.findIndex((m) => m.member === member && m.side === side);
    this.sidesOfLayers = uploadTable(
      gpu,
      'sides of layers',
      Uint32Array.from(joint.layers.flatMap((member) => [indexOf(member, 'a'), indexOf(member, 'g')])),
    );
    this.reset(gpu);
  }

  /** The identity: what a matrix keeps that could not be decomposed from the start. */
  reset(gpu: GpuContext): void {
    writeIdentity(gpu, this.sides, this.bases);
  }

  /** Eigenvectors of the moments as they are. */
  lowerStart(lowering: Lowering): Dispatch[] {
    return this.perClass((sideClass, index, first) => {
      const { gpu } = lowering;
      const { padded: n, stride, matrices } = sideClass;
      const batch = matrices.length;
      const work = lowering.scratch('matrices to decompose', batch * n * n);
      const basis = lowering.scratch('eigenvectors', batch * n * n);
      const eigenvalues = lowering.scratch('eigenvalues', batch * n);
      const status = lowering.scratch('decomposition status', batch);
      return [
        {
          label: 'take moments',
          code: takeSource,
          bindings: [reads('averages', this.moments.classes[index] as Region), writes('work', work)],
          params: { type: 'Params', data: Uint32Array.of(stride, n * n) },
          workgroups: [Math.ceil((n * n) / 64), batch, 1],
          flops: 0,
        },
        ...symmetricEigen(gpu, {
          ...{ label: 'decompose', n, batch, matrices: work, vectors: basis, values: eigenvalues, status },
          scratch: (label, words) => lowering.scratch(label, words),
        }),
        ...this.rank(sideClass, first, true, [
          reads('basis', basis),
          reads('eigenvalues', eigenvalues),
          reads('status', status, 'array<u32>'),
        ]),
        this.order(sideClass, first, basis, work, true),
        this.publish(sideClass, index, first, work),
      ];
    });
  }

  /** One step of orthogonal iteration, and `squares`, in the joint layout, moved with the vectors it belongs to. */
  lowerRefresh(lowering: Lowering, squares: Region): Dispatch[] {
    const moved = lowering.scratch('moved second moment', this.joint.length);
    return [
      ...this.perClass((sideClass, index, first) => {
        const { gpu } = lowering;
        const { padded: n, stride, matrices } = sideClass;
        const batch = matrices.length;
        const ordered = lowering.scratch('ordered images', batch * n * n);
        const basis = lowering.scratch('new bases', batch * n * n);
        const image = this.image.classes[index] as Region;
        return [
          matmul(gpu, {
            label: 'V A',
            a: this.bases.classes[index] as Region,
            b: this.moments.classes[index] as Region,
            c: image,
            ...{ m: n, n, k: n, batch, strideA: stride, strideB: stride, strideC: stride },
          }),
          ...this.rank(sideClass, first, false, [
            reads('basis', this.bases.whole),
            reads('image', this.image.whole),
          ]),
          this.order(sideClass, first, image, ordered, false),
          ...orthonormalRows(gpu, {
            ...{ label: 'orthonormalise', n, batch, rows: ordered, result: basis },
            scratch: (label, words) => lowering.scratch(label, words),
          }),
          this.publish(sideClass, index, first, basis),
        ];
      }),
      this.moveSquares('move second moment', squares, moved, true),
      this.moveSquares('keep second moment', moved, squares, false),
    ];
  }

  private perClass(
    lower: (sideClass: SideClass<WeightBlock>, index: number, first: number) => Dispatch[],
  ): Dispatch[] {
    let first = 0;
    return this.sides.classes.flatMap((sideClass, index) => {
      const launches = lower(sideClass, index, first);
      first += sideClass.matrices.length;
      return launches;
    });
  }

  private rank(
    { padded: n, matrices }: SideClass<WeightBlock>,
    first: number,
    isGiven: boolean,
    sources: Binding[],
  ): Dispatch[] {
    const shared = {
      params: { type: 'Params', data: Uint32Array.of(first, this.widest, n) },
      workgroups: [Math.ceil(n / 16), matrices.length, 1] as [number, number, number],
    };
    return [
      {
        ...shared,
        label: 'basis keys',
        code: expandTemplate(keysSource, { GIVEN: isGiven }),
        bindings: [
          reads('matrices', this.sides.table, 'array<Matrix>'),
          ...sources.filter(({ name }) => name !== 'status'),
          writes('keys', this.keys),
        ],
        flops: 4 * matrices.length * n * n,
      },
      {
        ...shared,
        label: 'basis ranks',
        code: expandTemplate(ranksSource, { GIVEN: isGiven }),
        bindings: [
          reads('keys', this.keys),
          ...sources.filter(({ name }) => name === 'status'),
          writes('ranks', this.ranks, 'array<u32>'),
          writes('bad', this.bad, 'array<u32>'),
        ],
        flops: matrices.length * n * n,
      },
    ];
  }

  private order(
    { padded: n, stride, matrices }: SideClass<WeightBlock>,
    first: number,
    source: Region,
    ordered: Region,
    isPacked: boolean,
  ): Dispatch {
    return {
      label: 'order rows',
      code: expandTemplate(orderSource, { PACKED: isPacked }),
      bindings: [
        reads('ranks', this.ranks, 'array<u32>'),
        reads('source', source),
        writes('ordered', ordered),
      ],
      params: { type: 'Params', data: Uint32Array.of(first, this.widest, n, stride) },
      workgroups: [Math.ceil((n * n) / 64), matrices.length, 1],
      flops: 0,
    };
  }

  private publish(
    { padded: n, stride, matrices }: SideClass<WeightBlock>,
    index: number,
    first: number,
    ordered: Region,
  ): Dispatch {
    return {
      label: 'publish bases',
      code: publishSource,
      bindings: [
        reads('bad', this.bad, 'array<u32>'),
        reads('ordered', ordered),
        writes('failures', this.failures, 'array<u32>'),
        writes('basis', this.bases.classes[index] as Region),
      ],
      params: { type: 'Params', data: Uint32Array.of(first, n, stride) },
      workgroups: [Math.ceil((n * n) / 64), matrices.length, 1],
      flops: 0,
    };
  }

  /** From `squares` to `moved`, by the ranks or number by number. */
  private moveSquares(label: string, squares: Region, moved: Region, byRank: boolean): Dispatch {
    const grid = linearGrid(this.joint.length, 64);
    return {
      label,
      code: [layerSource, expandTemplate(moveSource, { ROW: grid.row, RANKS: byRank })].join('\n'),
      bindings: [
        ...jointTables(this.joint),
        ...(byRank
          ? [reads('sides', this.sidesOfLayers, 'array<vec2<u32>>'), reads('ranks', this.ranks, 'array<u32>')]
          : []),
        reads('squares', squares),
        writes('moved', moved),
      ],
      params: { type: 'Params', data: Uint32Array.of(grid.count, this.widest) },
      workgroups: grid.workgroups,
      flops: 0,
    };
  }
}

const reads = (name: string, region: Region, type = 'array<f32>'): Binding => ({
  ...{ name, type, region },
  write: false,
});
const writes = (name: string, region: Region, type = 'array<f32>'): Binding => ({
  ...{ name, type, region },
  write: true,
});
