/**
 * What model code calls: layers by name over symbolic tensors. Every linear and convolution layer is written down with
 * its input, its output and how many positions share its weight, because that is all K-FAC needs to know.
 */
import { batchNorm } from '../program/operations/batch-norm.ts';
import { groupNorm } from '../program/operations/group-norm.ts';
import { layerNorm } from '../program/operations/layer-norm.ts';
import { linear } from '../program/operations/linear.ts';
import { convolution } from '../program/operations/convolution.ts';
import { unfold } from '../program/operations/unfold.ts';
import type { Pair, Window } from '../../gpu-kernels/convolution/window.ts';
import { lastAxis, size, type Graph, type Tensor } from '../program/graph.ts';
import type { Parameter, Parameters, ParameterKind, Initialiser } from '../program/parameters.ts';
import { normal, ones, uniformFanIn, zeros } from './initialisers.ts';

/** A layer z = W a + b whose weight is applied at `sharing` positions of every example. */
export interface LinearLayer {
  readonly name: string;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  /** What the layer reads; for a convolution the image [N, H, W, C]. */
  readonly source: Tensor;
  /** How a convolution walks over its source; null for a linear layer. */
  readonly window: Window | null;
  /**
   * [N, R..., inputs]; for a convolution the patches. They are added to the graph when first asked for, in the phase
   * that asks: the convolution itself does without them.
   */
  readonly input: Tensor;
  /** [N, R..., outputs] */
  readonly output: Tensor;
  readonly inputs: number;
  readonly outputs: number;
  /** R: positions per example; 1 after pooling. */
  readonly sharing: number;
  /** Softmax ignores a shift of the keys, which makes the reduce factor G of a key projection exactly zero. */
  readonly isAttentionKey: boolean;
}

/** What a program is for: batch statistics are computed in training and remembered ones are used in evaluation. */
export type ModelMode = 'training' | 'evaluation';

export class ModelBuilder {
  readonly graph: Graph;
  readonly layers: LinearLayer[] = [];
  readonly mode: ModelMode;
  private readonly parameters: Parameters;

  constructor(graph: Graph, parameters: Parameters, mode: ModelMode = 'training') {
    this.graph = graph;
    this.parameters = parameters;
    this.mode = mode;
  }

  /** A parameter outside linear layers. */
  parameter(name: string, shape: readonly number[], initialise: Initialiser): Tensor {
    return this.leaf(this.obtain(name, shape, 'other', initialise));
  }

  /** x[..., inputs] W^T + b; weight [outputs, inputs], bias [outputs], initialised as nn.Linear. */
  linear(
    name: string,
    x: Tensor,
    outputs: number,
    options: { bias?: boolean; isAttentionKey?: boolean } = {},
  ): Tensor {
    const inputs = lastAxis(x);
    const weight = this.obtain(`${name}.weight`, [outputs, inputs], 'weight', uniformFanIn(inputs));
    return this.shared(name, x, weight, options.bias ?? true, options.isAttentionKey ?? false);
  }

  /**
   * Convolution of an image [N, H, W, C]; weight [channels, C / groups, KH, KW] as in PyTorch, zero padding. K-FAC knows
   * convolutions of one group only: the weight of others takes the first-order update.
   */
  convolution(name: string, x: Tensor, channels: number, window: Window, bias = true, groups = 1): Tensor {
    const inGroup = Math.floor(lastAxis(x) / groups);
    const { kernel: side, ...walk } = window;
    const kernel: Pair = typeof side === 'number' ? [side, side] : side;
    const inputs = inGroup * kernel[0] * kernel[1];
    const initialise = uniformFanIn(inputs);
    const isLayer = groups === 1;
    const shape = [channels, inGroup, ...kernel];
    const weight = this.obtain(`${name}.weight`, shape, isLayer ? 'weight' : 'other', initialise);
    const shift = bias
      ? this.obtain(`${name}.bias`, [channels], isLayer ? 'bias' : 'other', initialise)
      : null;
    const output = convolution(x, this.leaf(weight), shift ? this.leaf(shift) : null, { ...walk, groups });
    if (isLayer) {
      let patches: Tensor | null = null;
      this.layers.push({
        name,
        weight,
        bias: shift,
        source: x,
        window,
        get input() {
          return (patches ??= unfold(x, window).patches);
        },
        output,
        inputs,
        outputs: channels,
        sharing: size(output.shape.slice(1, -1)),
        isAttentionKey: false,
      });
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

  private shared(
    name: string,
    x: Tensor,
    weight: Parameter,
    withBias: boolean,
    isAttentionKey: boolean,
  ): Tensor {
    const inputs = lastAxis(x);
    const outputs = weight.shape[0] ?? 1;
    const bias = withBias ? this.obtain(`${name}.bias`, [outputs], 'bias', uniformFanIn(inputs)) : null;
    const matrix = this.graph.reshape(this.leaf(weight), [outputs, inputs]);
    const output = linear(x, matrix, bias ? this.leaf(bias) : null);
    const sharing = size(x.shape.slice(1, -1));
    const reads = { source: x, window: null, input: x };
    this.layers.push({ name, weight, bias, ...reads, output, inputs, outputs, sharing, isAttentionKey });
    return output;
  }

  private buffer(name: string, shape: readonly number[], initial: number): Tensor {
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
