/** How much damping every layer has right now: what was added to A and G, or to the eigenvalues of G (x) A. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Dispatch } from '../../gpu-kernels/dispatch.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import { dampingSource, type Damping } from './damping.ts';
import type { FactorSet, KfacLayer } from './factors.ts';
import type { JointLayout } from './joint-layout.ts';
import source from './layer-damping.wgsl';

export class LayerAmounts {
  /** f32 [layers, 4] in the order of the layout: added to A, to G, to the eigenvalues of G (x) A, unused. */
  readonly region: Region;
  private readonly damping: Damping;
  private readonly boosts: Region;
  private readonly table: Region;
  private readonly count: number;

  /** `jobOf` says which number of `boosts` belongs to a side of a layer. */
  constructor(
    gpu: GpuContext,
    set: FactorSet,
    layout: JointLayout,
    damping: Damping,
    boosts: Region,
    jobOf: (layer: KfacLayer, side: 'a' | 'g') => number,
  ) {
    this.damping = damping;
    this.boosts = boosts;
    this.count = layout.layers.length;
    this.region = uploadTable(gpu, 'damping of layers', new Float32Array(4 * this.count));
    this.table = uploadTable(
      gpu,
      'factors of layers',
      Uint32Array.from(
        layout.layers.flatMap((layer) => [
          set.factors.indexOf(layer.a),
          set.factors.indexOf(layer.g),
          jobOf(layer, 'a'),
          jobOf(layer, 'g'),
        ]),
      ),
    );
  }

  /** Writes the amounts by the damping, mean eigenvalues and boosts of now. */
  lower(): Dispatch {
    return {
      label: 'damping of layers',
      code: [dampingSource, source].join('\n'),
      bindings: [
        this.damping.binding,
        { name: 'table', type: 'array<vec4<u32>>', region: this.table, write: false },
        { name: 'boosts', type: 'array<f32>', region: this.boosts, write: false },
        { name: 'amounts', type: 'array<vec4f>', region: this.region, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(this.count, ...this.damping.numbers) },
      workgroups: [Math.ceil(this.count / 16), 1, 1],
      flops: 0,
    };
  }
}
