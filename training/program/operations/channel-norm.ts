/**
 * What group and batch normalisation share: statistics over the rows of [outer, rows, channels] and over groups of
 * channels, normalising by a mean and a variance per channel, and the gradients. Batch normalisation is the case of one
 * outer index and groups of one channel. All sums have two stages, slices and then their sum, in a fixed order.
 */
import { floatBits, type Access, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Operation, type Tensor, type Unit } from '../graph.ts';
import normSource from './channel-norm.wgsl';
import sumsSource from './channel-norm-sums.wgsl';
import totalsSource from './channel-norm-totals.wgsl';
import statisticsSource from './channel-statistics.wgsl';
import groupSource from './group-statistics.wgsl';

/** How a tensor is seen: [outer, rows, channels], the channels in groups that share their statistics. */
export interface NormLayout {
  outer: number;
  rows: number;
  channels: number;
  groups: number;
}

/** Per outer index and channel. */
export interface Statistics {
  mean: Tensor;
  /** Biased: divided by the number of values. */
  variance: Tensor;
}

interface NormAttributes {
  layout: NormLayout;
  eps: number;
  /** The statistics do not depend on x. */
  frozen: boolean;
}

/** Rows per thread when normalising. */
const rowsPerThread = 16;

const unitOf = ({ channels }: NormLayout): Unit => (channels % 4 === 0 ? 4 : 1);

/** Slices that give some thousand threads, as far as there are rows for them. */
function slicesOf(layout: NormLayout): number {
  const columns = (layout.outer * layout.channels) / unitOf(layout);
  return Math.min(128, Math.ceil(layout.rows / 32), Math.ceil(4096 / columns));
}

interface Kernel {
  label: string;
  source: string;
  layout: NormLayout;
  /** What a thread makes is one of these. */
  threads: number;
  /** Numbers per access, 4 where threads take a whole vec4 of channels. */
  unit: Unit;
  values?: Record<string, number | boolean>;
  /** Slices or blocks of the rows, then what else the kernel takes. */
  params: readonly number[];
  access: readonly Access[];
  flops: number;
}

function launch({ layout, access, unit, ...kernel }: Kernel): Dispatch {
  const grid = linearGrid(kernel.threads, 64);
  const template = expandTemplate(kernel.source, {
    TYPE: unit === 4 ? 'vec4f' : 'f32',
    ROW: grid.row,
    ...kernel.values,
  });
  return {
    label: kernel.label,
    code: [...access.map(({ code }) => code), template].join('\n'),
    bindings: access.flatMap(({ bindings }) => bindings),
    params: {
      type: 'Params',
      data: Uint32Array.of(layout.outer, layout.rows, layout.channels / unit, ...kernel.params),
    },
    workgroups: grid.workgroups,
    flops: kernel.flops,
  };
}

function memory(name: string, region: Region, unit: Unit, write = false): Access {
  const type = unit === 4 ? 'array<vec4f>' : 'array<f32>';
  return { code: '', bindings: [{ name, type, region, write }] };
}

const statisticsOperation: Operation<NormLayout> = {
  name: 'statistics',
  fusedReads: [0],
  lower(node, lowering) {
    const layout = node.attributes;
    const { outer, channels, groups } = layout;
    const [x] = node.inputs as [Tensor];
    const [mean, variance] = node.outputs as [Tensor, Tensor];
    const unit = unitOf(layout);
    const slices = slicesOf(layout);
    const parts = lowering.scratch('parts of statistics', outer * slices * 2 * channels);
    return [
      launch({
        label: 'channel statistics',
        source: statisticsSource,
        layout,
        threads: (outer * slices * channels) / unit,
        unit,
        params: [slices],
        access: [lowering.reader('x', x, unit), memory('parts', parts, unit, true)],
        flops: 6 * size(x.shape),
      }),
      launch({
        label: 'group statistics',
        source: groupSource,
        layout,
        threads: outer * groups,
        unit: 1,
        params: [slices, groups],
        access: [
          memory('parts', parts, 1),
          memory('mean', lowering.region(mean), 1, true),
          memory('variance', lowering.region(variance), 1, true),
        ],
        flops: 8 * outer * slices * channels,
      }),
    ];
  },
};

const normOperation: Operation<NormAttributes> = {
  name: 'normalise',
  fusedReads: [0],
  fusedWrites: [0],
  // All but the shift, which is a parameter.
  cheap: () => [0, 1, 2, 3],
  gradient(node, [g], needed) {
    const [x, mean, variance, gain] = node.inputs as [Tensor, Tensor, Tensor, Tensor];
    const { attributes } = node;
    if (!g) return [];
    const { graph } = g;
    const { outer, channels } = attributes.layout;
    const partsShape = [outer, slicesOf(attributes.layout), 2, channels];
    const parts = () =>
      graph.add1(
        sumsOperation,
        [g, x, mean, variance],
        { shape: partsShape, label: 'norm parts' },
        attributes,
      );
    const dx = (): Tensor => {
      const inputs = [g, x, mean, variance, gain];
      if (!attributes.frozen) {
        const output = { shape: [outer, 2, channels], label: 'group means' };
        inputs.push(graph.add1(groupMeansOperation, [parts(), gain], output, attributes.layout));
      }
      return graph.add1(inputGradient, inputs, { shape: x.shape, label: 'norm gradient' }, attributes);
    };
    const [dGain, dShift] =
      needed[3] || needed[4]
        ? graph.add(parameterGradients, [parts()], {
            attributes: attributes.layout,
            outputs: [
              { shape: [channels], label: 'gain gradient' },
              { shape: [channels], label: 'shift gradient' },
            ],
          })
        : [];
    // What goes to x through the statistics is in dx already.
    return [needed[0] ? dx() : null, null, null, dGain ?? null, dShift ?? null];
  },
  lower(node, lowering) {
    const [x, mean, variance, gain, shift] = node.inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const unit = unitOf(node.attributes.layout);
    return [
      launchNorm(node.attributes, {
        label: 'normalise',
        backward: false,
        access: [
          lowering.reader('x', x, unit),
          memory('mean', lowering.region(mean), unit),
          memory('variance', lowering.region(variance), unit),
          memory('gain', lowering.region(gain), unit),
          memory('shift', lowering.region(shift), unit),
          lowering.writer('y', node.outputs[0] as Tensor, unit),
        ],
      }),
    ];
  },
};

function launchNorm(
  { layout, eps, frozen }: NormAttributes,
  { label, backward, access }: { label: string; backward: boolean; access: Access[] },
): Dispatch {
  const { outer, rows, channels } = layout;
  const unit = unitOf(layout);
  const blocks = Math.ceil(rows / rowsPerThread);
  return launch({
    label,
    source: normSource,
    layout,
    threads: (outer * blocks * channels) / unit,
    unit,
    values: { ROWS: rowsPerThread, BACKWARD: backward, FROZEN: frozen },
    params: [blocks, floatBits(eps)],
    access,
    flops: (backward ? 6 : 3) * outer * rows * channels,
  });
}

const inputGradient: Operation<NormAttributes> = {
  name: 'normalise gradient',
  fusedReads: [0, 1],
  fusedWrites: [0],
  lower(node, lowering) {
    const [dy, x, mean, variance, gain, means] = node.inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor?,
    ];
    const unit = unitOf(node.attributes.layout);
    const statistics = means
      ? [
          lowering.reader('x', x, unit),
          memory('mean', lowering.region(mean), unit),
          memory('means', lowering.region(means), unit),
        ]
      : [memory('mean', lowering.region(mean), unit)];
    return [
      launchNorm(node.attributes, {
        label: node.operation.name,
        backward: true,
        access: [
          lowering.reader('dy', dy, unit),
          ...statistics,
          memory('variance', lowering.region(variance), unit),
          memory('gain', lowering.region(gain), unit),
          lowering.writer('dx', node.outputs[0] as Tensor, unit),
        ],
      }),
    ];
  },
};

const sumsOperation: Operation<NormAttributes> = {
  name: 'norm sums',
  fusedReads: [0, 1],
  lower(node, lowering) {
    const [dy, x, mean, variance] = node.inputs as [Tensor, Tensor, Tensor, Tensor];
    const { layout, eps } = node.attributes;
    const unit = unitOf(layout);
    const slices = slicesOf(layout);
    return [
      launch({
        label: node.operation.name,
        source: sumsSource,
        layout,
        threads: (layout.outer * slices * layout.channels) / unit,
        unit,
        params: [slices, floatBits(eps)],
        access: [
          lowering.reader('dy', dy, unit),
          lowering.reader('x', x, unit),
          memory('mean', lowering.region(mean), unit),
          memory('variance', lowering.region(variance), unit),
          memory('parts', lowering.region(node.outputs[0] as Tensor), unit, true),
        ],
        flops: 4 * size(x.shape),
      }),
    ];
  },
};

const groupMeansOperation: Operation<NormLayout> = {
  name: 'norm group means',
  lower(node, lowering) {
    const [parts, gain] = node.inputs as [Tensor, Tensor];
    const layout = node.attributes;
    return [
      launch({
        label: node.operation.name,
        source: totalsSource,
        layout,
        threads: layout.outer * layout.groups,
        unit: 1,
        values: { GROUPS: true },
        params: [slicesOf(layout), layout.groups],
        access: [
          memory('parts', lowering.region(parts), 1),
          memory('gain', lowering.region(gain), 1),
          memory('means', lowering.region(node.outputs[0] as Tensor), 1, true),
        ],
        flops: 2 * size(parts.shape),
      }),
    ];
  },
};

const parameterGradients: Operation<NormLayout> = {
  name: 'norm parameter gradients',
  lower(node, lowering) {
    const [parts] = node.inputs as [Tensor];
    const [gain, shift] = node.outputs as [Tensor, Tensor];
    const layout = node.attributes;
    return [
      launch({
        label: node.operation.name,
        source: totalsSource,
        layout,
        threads: layout.channels,
        unit: 1,
        values: { GROUPS: false },
        params: [slicesOf(layout), layout.groups],
        access: [
          memory('parts', lowering.region(parts), 1),
          memory('gain', lowering.region(gain), 1, true),
          memory('shift', lowering.region(shift), 1, true),
        ],
        flops: size(parts.shape),
      }),
    ];
  },
};

/** Mean and biased variance of every group, written for each of its channels: [outer, channels]. */
export function statisticsOf(x: Tensor, layout: NormLayout): Statistics {
  const shape = [layout.outer, layout.channels];
  const [mean, variance] = x.graph.add(statisticsOperation, [x], {
    attributes: layout,
    outputs: [
      { shape, label: 'mean' },
      { shape, label: 'variance' },
    ],
  }) as [Tensor, Tensor];
  return { mean, variance };
}

export interface NormOptions {
  layout: NormLayout;
  eps: number;
  /** True: the statistics are constants. False: they are x's own, and its gradient goes through them too. */
  frozen: boolean;
}

/** (x - mean) / sqrt(variance + eps) * gain + shift; gain and shift per channel. */
export function normalise(
  x: Tensor,
  { mean, variance }: Statistics,
  gain: Tensor,
  shift: Tensor,
  options: NormOptions,
): Tensor {
  const inputs = [x, mean, variance, gain, shift];
  return x.graph.add1(normOperation, inputs, { shape: x.shape, label: 'normalise' }, options);
}
