/**
 * What model code calls: layers by name over symbolic tensors. Every linear and convolution layer is written down with
 * what it reads, its output and the positions that share its weight, because that is all K-FAC needs to know
 * (`layers.ts`). A name that is used again is the same layer with the same weight: its uses are kept together.
 */
import { KronlabError } from '../../contract/errors.ts';
import { embedding } from '../program/operations/embedding.ts';
import { batchNorm } from '../program/operations/batch-norm.ts';
import { groupNorm } from '../program/operations/group-norm.ts';
import { layerNorm } from '../program/operations/layer-norm.ts';
import { linear } from '../program/operations/linear.ts';
import { convolution } from '../program/operations/convolution.ts';
import { unfold } from '../program/operations/unfold.ts';
import type { Pair, Window } from '../../gpu-kernels/convolution/window.ts';
import { lastAxis, type Graph, type Tensor } from '../program/graph.ts';
import type { Parameter, Parameters, ParameterKind, Initialiser } from '../program/parameters.ts';
import { normal, ones, uniformFanIn, zeros } from './initialisers.ts';
import { densePositions, type LayerUse, type LinearLayer, type Positions } from './layers.ts';

export type { LinearLayer } from './layers.ts';

/** What a program is for: batch statistics are computed in training and remembered ones are used in evaluation. */
export type ModelMode = 'training' | 'evaluation';

export interface LinearOptions {
  /** Default: true. */
  bias?: boolean;
  isAttentionKey?: boolean;
  /** Of rows [rows, inputs] that are nodes, edges or other parts of examples: where each example's rows start, u32 [N + 1]. */
  offsets?: Tensor;
  /** Of an input [N, R..., inputs]: f32 [N, R], 0 where a position is padding. */
  mask?: Tensor;
  /** First values of weight and bias. Default: nn.Linear's. */
  initialise?: Initialiser;
}

export interface ConvolutionLayerOptions {
  bias?: boolean;
  /** First values of weight and bias. Default: nn.Conv2d's. */
  initialise?: Initialiser;
  groups?: number;
}

export interface BuilderOptions {
  /** Whether embeddings are layers to K-FAC; else they take the first-order update. Default: false. */
  embeddingsAreLayers?: boolean;
}

export class ModelBuilder {
  readonly graph: Graph;
  readonly layers: LinearLayer[] = [];
  readonly mode: ModelMode;
  private readonly parameters: Parameters;
  private readonly embeddingsAreLayers: boolean;

  constructor(
    graph: Graph,
    parameters: Parameters,
    mode: ModelMode = 'training',
    options: BuilderOptions = {},
  ) {
    this.graph = graph;
    this.parameters = parameters;
    this.mode = mode;
    this.embeddingsAreLayers = options.embeddingsAreLayers ?? false;
  }

  /** A parameter outside linear layers. */
  parameter(name: string, shape: readonly number[], initialise: Initialiser): Tensor {
    return this.leaf(this.obtain(name, shape, 'other', initialise));
  }

  /** Numbers that no training changes. */
  constant(name: string, shape: readonly number[], values: Float32Array): Tensor {
    return this.buffer(name, shape, values);
  }

  /** x[..., inputs] W^T + b; weight [outputs, inputs], bias [outputs], initialised as nn.Linear. */
  linear(name: string, x: Tensor, outputs: number, options: LinearOptions = {}): Tensor {
    const { bias: withBias = true, isAttentionKey = false, offsets, mask } = options;
    const inputs = lastAxis(x);
    const initialise = options.initialise ?? uniformFanIn(inputs);
    const weight = this.obtain(`${name}.weight`, [outputs, inputs], 'weight', initialise);
    const bias = withBias ? this.obtain(`${name}.bias`, [outputs], 'bias', initialise) : null;
    const matrix = this.graph.reshape(this.leaf(weight), [outputs, inputs]);
    const output = linear(x, matrix, bias ? this.leaf(bias) : null);
    const positions = offsets ? raggedPositions(name, x, offsets) : densePositions(x, mask ?? null);
    const use: LayerUse = {
      source: { kind: 'rows', rows: x },
      get input() {
        return x.graph.late(x);
      },
      ...{ output, positions },
    };
    this.note({ name, weight, bias, inputs, outputs, groups: 1, isTransposed: false, isAttentionKey }, use);
    return output;
  }

  /**
   * Convolution of an image [N, H, W, C]; weight [channels, C / groups, KH, KW] as in PyTorch, zero padding. The groups
   * are layers side by side, each with its own factors.
   */
  convolution(
    name: string,
    x: Tensor,
    channels: number,
    window: Window,
    options: ConvolutionLayerOptions = {},
  ): Tensor {
    const { bias: withBias = true, groups = 1 } = options;
    const inGroup = Math.floor(lastAxis(x) / groups);
    const { kernel: side, ...walk } = window;
    const kernel: Pair = typeof side === 'number' ? [side, side] : side;
    const inputs = inGroup * kernel[0] * kernel[1];
    const initialise = options.initialise ?? uniformFanIn(inputs);
    const weight = this.obtain(`${name}.weight`, [channels, inGroup, ...kernel], 'weight', initialise);
    const bias = withBias ? this.obtain(`${name}.bias`, [channels], 'bias', initialise) : null;
    const output = convolution(x, this.leaf(weight), bias ? this.leaf(bias) : null, { ...walk, groups });
    let patches: Tensor | null = null;
    const use: LayerUse = {
      source: { kind: 'image', image: x, window },
      get input() {
        return (patches ??= unfold(x.graph.late(x), window).patches);
      },
      output,
      positions: densePositions(output),
    };
    const [isTransposed, isAttentionKey] = [false, false];
    this.note({ name, weight, bias, inputs, outputs: channels, groups, isTransposed, isAttentionKey }, use);
    return output;
  }

  /** Rows of a table [count, width] by u32 ids [N, ...], initialised as nn.Embedding unless said otherwise. */
  embedding(
    name: string,
    ids: Tensor,
    count: number,
    width: number,
    options: { initialise?: Initialiser; mask?: Tensor } = {},
  ): Tensor {
    const kind = this.embeddingsAreLayers ? 'weight' : 'other';
    const weight = this.obtain(`${name}.weight`, [count, width], kind, options.initialise ?? normal(1));
    const output = embedding(this.leaf(weight), ids);
    if (this.embeddingsAreLayers) {
      const positions = densePositions(output, options.mask ?? null);
      const use: LayerUse = { source: { kind: 'ids', ids }, input: null, output, positions };
      const table = { isTransposed: true, isAttentionKey: false, groups: 1 };
      this.note({ name, weight, bias: null, inputs: count, outputs: width, ...table }, use);
    }
    return output;
  }

  layerNorm(name: string, x: Tensor): Tensor {
    const width = lastAxis(x);
    const gain = this.parameter(`${name}.weight`, [width], ones);
    const shift = this.parameter(`${name}.bias`, [width], zeros);
    return layerNorm(x, gain, shift);
  }

  /** Normalisation of x [N, ..., C] over groups of channels, as nn.GroupNorm. */
  groupNorm(name: string, x: Tensor, groups: number): Tensor {
    const channels = lastAxis(x);
    const gain = this.parameter(`${name}.weight`, [channels], ones);
    const shift = this.parameter(`${name}.bias`, [channels], zeros);
    return groupNorm(x, gain, shift, groups);
  }

  /** Normalisation of x [..., C] per channel over the batch, in evaluation by running statistics, as nn.BatchNorm2d. */
  batchNorm(name: string, x: Tensor): Tensor {
    const channels = lastAxis(x);
    const gain = this.parameter(`${name}.weight`, [channels], ones);
    const shift = this.parameter(`${name}.bias`, [channels], zeros);
    const running = {
      mean: this.buffer(`${name}.running_mean`, [channels], 0),
      variance: this.buffer(`${name}.running_var`, [channels], 1),
    };
    return batchNorm(x, gain, shift, running, { training: this.mode === 'training' });
  }

  /** Learned positions, normal with standard deviation 0.02. */
  positions(name: string, length: number, width: number): Tensor {
    return this.parameter(name, [1, length, width], normal(0.02));
  }

  /** A weight that is known already has one more use. */
  private note(layer: Omit<LinearLayer, 'uses'>, use: LayerUse): void {
    const known = this.layers.find(({ weight }) => weight === layer.weight);
    if (!known) {
      this.layers.push({ ...layer, uses: [use] });
      return;
    }
    const isAlike =
      known.bias === layer.bias &&
      known.groups === layer.groups &&
      known.isTransposed === layer.isTransposed &&
      known.isAttentionKey === layer.isAttentionKey;
    if (!isAlike) {
      throw new KronlabError(
        'internal',
        `${layer.name} is used twice in different ways; bias, groups, kind and role of a shared weight must be the same`,
      );
    }
    known.uses.push(use);
  }

  private buffer(name: string, shape: readonly number[], initial: number | Float32Array): Tensor {
    const { region } = this.parameters.obtainBuffer(name, shape, initial);
    return this.graph.leaf(name, shape, region);
  }

  private obtain(
    name: string,
    shape: readonly number[],
    kind: ParameterKind,
    initialise: Initialiser,
  ): Parameter {
    return this.parameters.obtain(name, shape, kind, initialise);
  }

  private leaf(parameter: Parameter): Tensor {
    const known = this.leaves.get(parameter);
    if (known) return known;
    const leaf = this.graph.leaf(parameter.name, parameter.shape, parameter.region);
    this.leaves.set(parameter, leaf);
    return leaf;
  }

  /** The symbolic tensor of each parameter in this graph. */
  readonly leaves = new Map<Parameter, Tensor>();
}

function raggedPositions(name: string, x: Tensor, offsets: Tensor): Positions {
  if (x.shape.length !== 2 || offsets.type !== 'u32' || offsets.shape.length !== 1) {
    throw new KronlabError(
      'internal',
      `${name} reads [${x.shape.join(', ')}] by ${offsets.type} offsets [${offsets.shape.join(', ')}]; ` +
        'ragged rows are [rows, inputs] with u32 offsets [N + 1]',
    );
  }
  return { kind: 'ragged', examples: (offsets.shape[0] ?? 2) - 1, offsets };
}
