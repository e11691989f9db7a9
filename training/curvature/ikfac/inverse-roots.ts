/**
 * Roots of inverse factors that are never inverted: K with K K^T about (A + damping I)^-1 and C with C C^T about
 * (G + damping I)^-1 are moved a little by every new pair of factors, by matrix products alone. That needs no
 * factorisation and survives low precision. Two updates share the work, both for dense matrices:
 *
 *   IKFAC  K <- K - b K m,  m = 1/2 (K^T A K + damping K^T K - I)
 *          (inverse-free K-FAC: Lin et al. 2023, arXiv 2302.09738; in this form Lin et al. 2024, arXiv 2312.05705)
 *   SINGD  m <- a m + 1/2 (tr(H_C)/d_C H_K + damping tr(C^T C)/d_C K^T K - I), H_K = K^T A K, H_C = C^T G C
 *          (structured inverse-free natural gradient descent, the same paper)
 *
 * and for C the same with the sides exchanged.
 */
import type { InverseFreeSpec } from '../../../contract/run-spec.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { floatBits, type Binding, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { matmul } from '../../../gpu-kernels/matmul/matmul.ts';
import { placeInNewBuffer, Region, uploadTable } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import {
  layOutSides,
  overSides,
  sideArena,
  writeIdentity,
  type SideArena,
  type SideLayout,
} from '../../optimisers/side-layout.ts';
import type { FactorSet, KfacLayer } from '../factors.ts';
import type { GroupInverses } from '../inverses.ts';
import type { JointLayout } from '../joint-layout.ts';
import tracesSource from './mean-traces.wgsl';
import moveSource from './move-roots.wgsl';
import nextSource from './next-velocity.wgsl';
import ratesSource from './rates.wgsl';
import rowSumsSource from './row-sums.wgsl';
import takeSource from './take-factors.wgsl';

export class InverseRoots {
  /** K K^T and C C^T, by joint group. */
  readonly inverses: GroupInverses[];
  readonly sides: SideLayout<KfacLayer>;
  readonly roots: SideArena;
  readonly velocity: SideArena;
  /** u32 per side matrix: updates that were not finite and therefore left out. */
  readonly failures: Region;
  private readonly gpu: GpuContext;
  private readonly layout: JointLayout;
  private readonly set: FactorSet;
  private readonly spec: InverseFreeSpec;
  private readonly work: Record<'factors' | 'half' | 'projected' | 'squares' | 'next', SideArena>;
  private readonly sources: Region;
  private readonly traces: Region;
  private readonly rowSums: Region;
  private readonly rates: Region;
  private readonly widest: number;

  constructor(gpu: GpuContext, set: FactorSet, layout: JointLayout, spec: InverseFreeSpec) {
    this.gpu = gpu;
    this.set = set;
    this.layout = layout;
    this.spec = spec;
    const sides = layOutSides(gpu, layout);
    this.sides = sides;
    const arena = (label: string) => sideArena(gpu, sides, label);
    this.roots = arena('inverse roots');
    this.velocity = arena('velocity of roots');
    this.work = {
      factors: arena('factors by size'),
      half: arena('F K'),
      projected: arena('K^T F K'),
      squares: arena('K^T K'),
      next: arena('next velocity'),
    };
    this.inverses = layout.groups.map((group) => ({
      a: new Region('K K^T', group.layers.length * group.columns ** 2 * 4),
      g: new Region('C C^T', group.layers.length * group.rows ** 2 * 4),
    }));
    placeInNewBuffer(
      gpu,
      'inverse factors',
      this.inverses.flatMap((g) => [g.a, g.g]),
    );
    const count = sides.matrices.length;
    this.widest = Math.max(...sides.matrices.map((m) => m.padded));
    this.sources = uploadTable(
      gpu,
      'places of factors',
      Uint32Array.from(sides.matrices, ({ member, side }) => member[side].average.offset / 4),
    );
    this.traces = uploadTable(gpu, 'mean traces', new Float32Array(4 * count));
    this.rowSums = uploadTable(gpu, 'row sums', new Float32Array(this.widest * count));
    this.rates = uploadTable(gpu, 'rates of roots', new Float32Array(count));
    this.failures = uploadTable(gpu, 'failed updates of roots', new Uint32Array(count));
    this.reset(gpu);
  }

  /** K = C = I: what every run starts from. */
  reset(gpu: GpuContext): void {
    writeIdentity(gpu, this.sides, this.roots);
  }

  /** One update of all roots by the factors, and the inverse factors they stand for. */
  lower(): Dispatch[] {
    const { factors, half, projected, squares, next } = this.work;
    return [
      this.takeFactors(),
      ...this.products('F K', factors, this.roots, half),
      ...this.products('K^T F K', this.roots, half, projected, true),
      ...this.products('K^T K', this.roots, this.roots, squares, true),
      ...this.velocities(),
      ...this.products('K m', this.roots, next, half),
      this.move(),
      ...this.outerProducts(),
    ];
  }

  private products(label: string, a: SideArena, b: SideArena, c: SideArena, transposeA = false): Dispatch[] {
    return this.sides.classes.map(({ padded, stride, matrices }, i) =>
      matmul(this.gpu, {
        ...{ label, transposeA, batch: matrices.length },
        a: a.classes[i] as Region,
        b: b.classes[i] as Region,
        c: c.classes[i] as Region,
        ...{ m: padded, n: padded, k: padded },
        ...{ strideA: stride, strideB: stride, strideC: stride },
      }),
    );
  }

  private takeFactors(): Dispatch {
    return overSides(this.sides, {
      label: 'take factors',
      code: takeSource,
      bindings: [
        reads('factors', this.set.averages),
        reads('sources', this.sources, 'array<u32>'),
        writes('F', this.work.factors.whole),
      ],
      flops: 0,
    });
  }

  private velocities(): Dispatch[] {
    const { sides, spec, work } = this;
    const count = sides.matrices.length;
    const coupled = spec.name === 'singd';
    const momentum = coupled ? spec.curvatureMomentum : 0;
    // With its length limited the velocity is an average, or momentum alone would make it longer and longer.
    const scale = spec.curvatureClip === 'on' ? 0.5 * (1 - momentum) : 0.5;
    const matrices = reads('matrices', sides.table, 'array<Matrix>');
    const [H, S] = [reads('H', work.projected.whole), reads('S', work.squares.whole)];
    return [
      {
        label: 'mean traces',
        code: tracesSource,
        bindings: [
          ...[matrices, H, S, reads('F', work.factors.whole)],
          writes('traces', this.traces, 'array<vec4f>'),
        ],
        params: { type: 'Params', data: Uint32Array.of(count) },
        workgroups: [Math.ceil(count / 16), 1, 1],
        flops: 0,
      },
      overSides(sides, {
        label: 'velocity of roots',
        code: expandTemplate(nextSource, { COUPLED: coupled, RELATIVE: spec.dampingRule === 'relative' }),
        bindings: [
          ...[H, S, reads('traces', this.traces, 'array<vec4f>')],
          ...(coupled ? [reads('velocity', this.velocity.whole)] : []),
          writes('next', work.next.whole),
        ],
        params: [spec.damping, scale, momentum].map(floatBits),
        flops: 6 * sides.length,
      }),
      {
        label: 'row sums',
        code: rowSumsSource,
        bindings: [matrices, reads('next', work.next.whole), writes('sums', this.rowSums)],
        params: { type: 'Params', data: Uint32Array.of(this.widest) },
        workgroups: [Math.ceil(this.widest / 32), count, 1],
        flops: sides.length,
      },
      {
        label: 'rates of roots',
        code: expandTemplate(ratesSource, { CLIPPED: spec.curvatureClip === 'on' }),
        bindings: [
          reads('sums', this.rowSums),
          writes('rates', this.rates),
          writes('failures', this.failures, 'array<u32>'),
        ],
        params: { type: 'Params', data: Uint32Array.of(count, this.widest, floatBits(spec.curvatureLr)) },
        workgroups: [Math.ceil(count / 16), 1, 1],
        flops: 0,
      },
    ];
  }

  private move(): Dispatch {
    const momentum = this.spec.name === 'singd';
    return overSides(this.sides, {
      label: 'move roots',
      code: expandTemplate(moveSource, { MOMENTUM: momentum }),
      bindings: [
        reads('rates', this.rates),
        reads('product', this.work.half.whole),
        ...(momentum ? [reads('next', this.work.next.whole), writes('velocity', this.velocity.whole)] : []),
        writes('roots', this.roots.whole),
      ],
      flops: 2 * this.sides.length,
    });
  }

  private outerProducts(): Dispatch[] {
    return this.layout.groups.flatMap((group, index) =>
      (['a', 'g'] as const).map((side) => {
        const roots = this.roots.of(index, side);
        const { stride, count } = this.sides.chunk(index, side);
        const n = side === 'a' ? group.columns : group.rows;
        return matmul(this.gpu, {
          ...{ label: 'K K^T', a: roots, b: roots, transposeB: true, batch: count },
          c: this.inverses[index]?.[side] as Region,
          ...{ m: n, n, k: n, strideA: stride, strideB: stride },
        });
      }),
    );
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
