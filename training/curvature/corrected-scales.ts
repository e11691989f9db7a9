/**
 * EKFAC (George et al. 2018, "Fast approximate natural gradient descent in a Kronecker-factored eigenbasis", equation 11):
 * in the eigenbases of K-FAC's factors the curvature of every number is measured instead of taken for the product of two
 * eigenvalues,
 *
 *   S_ij = 1/M sum_n [ (Ug^T G_n Ua)_ij ]^2,     G_n = sum over r of g_nr a_nr^T
 *
 * with the true gradient G_n of each example, whatever the flavour of the factors. Activations and output gradients are
 * turned into the bases first; a kernel then adds up an example's outer products and squares the sum, so that no gradient
 * of a single example is ever written down. The sum of S is the exact trace of the Fisher block.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { matmul } from '../../gpu-kernels/matmul/matmul.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { LayerUse, LinearLayer } from '../models/layers.ts';
import { lastAxis, size, type Graph, type Lowering, type Tensor } from '../program/graph.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import addSource from './add-projections.wgsl';
import type { Eigenbases } from './eigenbases.ts';
import averageSource from './factor-average.wgsl';
import type { FactorSet, KfacLayer } from './factors.ts';
import { jointArena, type JointLayout } from './joint-layout.ts';
import squaresSource from './squared-projections.wgsl';
import takeSource from './take-rows.wgsl';

/** Numbers of turned rows that are in memory at once; more examples are handled in chunks. */
const usualChunkWords = 2 ** 22;

/** Gradients of the outputs of one layer, one per use, and what their squares are multiplied by. */
export interface OutputGradients {
  layer: LinearLayer;
  gradients: readonly (readonly [LayerUse, Tensor])[];
  alpha: number;
  scale: Tensor | null;
  accumulate: boolean;
}

export class CorrectedScales {
  private readonly set: FactorSet;
  private readonly layout: JointLayout;
  private readonly bases: Eigenbases;
  /** In the joint layout: the scales of the newest batch. */
  readonly fresh: Region;
  private readonly chunkWords: number;

  /** Throws `invalid` for a layer whose single gradients it cannot make. */
  constructor(
    gpu: GpuContext,
    set: FactorSet,
    layout: JointLayout,
    bases: Eigenbases,
    chunkWords = usualChunkWords,
  ) {
    for (const { layer } of set.layers) requireSupported(layer.whole);
    this.set = set;
    this.layout = layout;
    this.bases = bases;
    this.chunkWords = chunkWords;
    this.fresh = jointArena(gpu, layout, 'fresh scales').whole;
  }

  get state(): Region[] {
    return [this.fresh];
  }

  /** Zeroes the fresh scales before a loop adds to them. */
  clear(graph: Graph): void {
    const quads = this.fresh.bytes / 16;
    const grid = linearGrid(quads, 64);
    graph.effect('clear scales', [], () => [
      {
        label: 'clear scales',
        code: `struct Params { quads: u32 }
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${grid.row}u + id.x;
  if (i < params.quads) { fresh[i] = vec4f(); }
}`,
        bindings: [{ name: 'fresh', type: 'array<vec4f>', region: this.fresh, write: true }],
        params: { type: 'Params', data: Uint32Array.of(quads) },
        workgroups: grid.workgroups,
        flops: 0,
      },
    ]);
  }

  /** Measures the scales of all blocks of a layer. */
  add(output: OutputGradients): void {
    const { layer, gradients, scale } = output;
    for (const block of this.set.layers.filter(({ layer: { whole } }) => whole === layer)) {
      const tensors = gradients.flatMap(([{ input, positions }, gradient]) => [
        ...(input ? [input] : []),
        gradient,
        ...(positions.kind === 'ragged' ? [positions.offsets] : positions.mask ? [positions.mask] : []),
      ]);
      const { graph } = gradients[0]?.[1] ?? tensors[0] ?? {};
      graph?.effect(`scales of ${block.layer.name}`, [...tensors, ...(scale ? [scale] : [])], (lowering) =>
        this.lower(lowering, block, output),
      );
    }
  }

  /** Moving average of the scales, with the same weights as the factors'. */
  average(graph: Graph, step: StepUniform): void {
    const quads = this.fresh.bytes / 16;
    const grid = linearGrid(quads, 64);
    graph.effect('average scales', [], () => [
      {
        label: 'average scales',
        code: [stepScalarsSource, expandTemplate(averageSource, { ROW: grid.row })].join('\n'),
        bindings: [
          { name: 'fresh', type: 'array<vec4f>', region: this.fresh, write: false },
          { name: 'factors', type: 'array<vec4f>', region: this.bases.scales.whole, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(quads) },
        step,
        workgroups: grid.workgroups,
        flops: 3 * quads * 4,
      },
    ]);
  }

  private lower(lowering: Lowering, block: KfacLayer, output: OutputGradients): Dispatch[] {
    const { uses, examples, positions, offsets } = rowsOf(output);
    const widths = block.a.padded + block.g.padded;
    const perChunk = offsets ? examples : Math.max(1, Math.floor(this.chunkWords / (widths * positions)));
    const rows = offsets ? (uses[0]?.rows ?? 0) : Math.min(perChunk, examples) * positions;
    const memory = {
      taken: lowering.scratch('rows', rows * Math.max(block.a.padded, block.g.padded)),
      a: lowering.scratch('turned inputs', rows * block.a.padded),
      g: lowering.scratch('turned gradients', rows * block.g.padded),
    };
    const launches: Dispatch[] = [];
    for (let first = 0; first < examples; first += perChunk) {
      const count = Math.min(perChunk, examples - first);
      const chunk = offsets ? { first: 0, rows } : { first, rows: count * positions };
      launches.push(
        ...this.turned(lowering, block, output, 'a', chunk, memory.taken, memory.a),
        ...this.turned(lowering, block, output, 'g', chunk, memory.taken, memory.g),
        ...this.squares(lowering, block, output, count, memory, first > 0),
      );
    }
    return launches;
  }

  /** to = rows of one side in the eigenbasis: x U. */
  private turned(
    lowering: Lowering,
    block: KfacLayer,
    output: OutputGradients,
    side: 'a' | 'g',
    chunk: { first: number; rows: number },
    taken: Region,
    to: Region,
  ): Dispatch[] {
    const { uses, positions } = rowsOf(output);
    const factor = block[side];
    const columns = this.columnsOf(block, side);
    const basis = this.bases.jobs.find((job) => job.factor === factor)?.basis as Region;
    let shift = 0;
    const takes = uses.map((use): Dispatch => {
      const x = side === 'a' ? use.input : use.gradient;
      const rows = (chunk.rows / positions) * use.positions;
      const quads = factor.padded / 4;
      const grid = linearGrid(rows * quads, 64);
      // Padding must not count: its ones would, even where its gradient is zero.
      const mask = side === 'a' ? use.mask : null;
      const launch: Dispatch = {
        label: 'take rows',
        code: expandTemplate(takeSource, { ROW: grid.row, MASKED: mask !== null, ONES: columns.ones }),
        bindings: [
          { name: 'x', type: 'array<f32>', region: lowering.region(x), write: false },
          ...(mask
            ? [{ name: 'weights', type: 'array<f32>', region: lowering.region(mask), write: false }]
            : []),
          { name: 'taken', type: 'array<vec4f>', region: taken, write: true },
        ],
        params: {
          type: 'Params',
          data: Uint32Array.of(
            rows * quads,
            quads,
            chunk.first * use.positions,
            use.positions,
            positions,
            shift,
            lastAxis(x),
            columns.first,
            columns.width,
          ),
        },
        workgroups: grid.workgroups,
        flops: 0,
      };
      shift += use.positions;
      return launch;
    });
    const product = matmul(lowering.gpu, {
      label: 'rows in the eigenbasis',
      a: taken,
      b: basis,
      c: to,
      m: chunk.rows,
      n: factor.padded,
      k: factor.padded,
      transposeB: true,
    });
    return [...takes, product];
  }

  private squares(
    lowering: Lowering,
    block: KfacLayer,
    output: OutputGradients,
    examples: number,
    { a, g }: { a: Region; g: Region },
    isLaterChunk: boolean,
  ): Dispatch[] {
    const { positions, offsets } = rowsOf(output);
    const [rowQuads, columnQuads] = [block.g.padded / 4, block.a.padded / 4];
    const tiles = rowQuads * columnQuads;
    const isGpu = lowering.gpu.adapterClass === 'gpu';
    const threads = isGpu ? 32 : 4;
    const slices = isGpu ? Math.max(1, Math.min(64, Math.floor(4096 / tiles), examples)) : 1;
    const quads = tiles * 4;
    const sums = lowering.scratch('squares by slices', slices * quads * 4);
    const { scale, alpha } = output;
    const accumulate = output.accumulate || isLaterChunk;
    return [
      {
        label: 'squares of single gradients',
        code: expandTemplate(squaresSource, { T: threads, RAGGED: offsets !== null }),
        bindings: [
          { name: 'A', type: 'array<vec4f>', region: a, write: false },
          { name: 'G', type: 'array<vec4f>', region: g, write: false },
          ...(offsets
            ? [{ name: 'offsets', type: 'array<u32>', region: lowering.region(offsets), write: false }]
            : []),
          { name: 'sums', type: 'array<vec4f>', region: sums, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(examples, positions, rowQuads, columnQuads, slices) },
        workgroups: [Math.ceil(tiles / threads), slices, 1],
        flops: 32 * tiles * examples * (positions + 1),
      },
      {
        label: 'add squares',
        code: expandTemplate(addSource, { SCALED: scale !== null, ACCUMULATE: accumulate }),
        bindings: [
          { name: 'sums', type: 'array<vec4f>', region: sums, write: false },
          ...(scale
            ? [{ name: 'scale', type: 'array<f32>', region: lowering.region(scale), write: false }]
            : []),
          { name: 'fresh', type: 'array<vec4f>', region: this.fresh, write: true },
        ],
        params: {
          type: 'Params',
          data: Uint32Array.of(quads, slices, this.offsetOf(block) / 4, floatBits(alpha)),
        },
        workgroups: [Math.ceil(quads / 64), 1, 1],
        flops: quads * 4 * slices,
      },
    ];
  }

  /** Which columns of a side's rows a block's factor is made of. */
  private columnsOf(block: KfacLayer, side: 'a' | 'g') {
    const moments = side === 'a' ? this.set.inputs : this.set.outputs;
    const found = moments.flatMap(({ factors }) => factors).find(({ factor }) => factor === block[side]);
    if (found) return found.columns;
    throw new KronlabError('internal', `${block[side].name} belongs to no side of a layer`);
  }

  private offsetOf(block: KfacLayer): number {
    const group = this.layout.groups.find(({ layers }) => layers.includes(block));
    return (group?.offset ?? 0) + (group?.layers.indexOf(block) ?? 0) * (group?.stride ?? 0);
  }
}

interface UseRows {
  input: Tensor;
  gradient: Tensor;
  rows: number;
  positions: number;
  mask: Tensor | null;
}

/** The rows of all uses as one list per example. Ragged rows stay as they are: such a layer has one use. */
function rowsOf({ layer, gradients }: OutputGradients): {
  uses: UseRows[];
  examples: number;
  positions: number;
  offsets: Tensor | null;
} {
  const uses = gradients.map(([use, gradient]): UseRows => {
    const { input, positions } = use;
    if (!input) throw new KronlabError('internal', `${layer.name} has no rows to turn`);
    const rows = size(gradient.shape) / lastAxis(gradient);
    const isDense = positions.kind === 'dense';
    return {
      ...{ input, gradient, rows },
      positions: isDense ? positions.perExample : 1,
      mask: isDense ? positions.mask : null,
    };
  });
  const first = layer.uses[0]?.positions;
  return {
    uses,
    examples: first?.examples ?? 1,
    positions: uses.reduce((sum, use) => sum + use.positions, 0),
    offsets: first?.kind === 'ragged' ? first.offsets : null,
  };
}

function requireSupported(layer: LinearLayer): void {
  const isTable = layer.uses.some(({ source }) => source.kind === 'ids');
  const isRagged = layer.uses.some(({ positions }) => positions.kind === 'ragged');
  if (isTable) {
    throw new KronlabError(
      'invalid',
      `preconditioner: ekfac has no scales for ${layer.name}, a table of embeddings; take kronecker`,
    );
  }
  if (isRagged && layer.uses.length > 1) {
    throw new KronlabError(
      'invalid',
      `preconditioner: ekfac has no scales for ${layer.name}, which is applied more than once to ragged rows; take kronecker`,
    );
  }
}
