/**
 * What model code calls: layers by name over symbolic tensors. Every linear and convolution layer is written down with
 * its input, its output and how many positions share its weight, because that is all K-FAC needs to know.
 */
import { layerNorm } from '../program/operations/layer-norm.ts';
import { linear } from '../program/operations/linear.ts';
import { unfold, type Window } from '../program/operations/unfold.ts';
import { lastAxis, size, type Graph, type Tensor } from '../program/graph.ts';
import type { Parameter, Parameters, ParameterKind, Initialiser } from '../program/parameters.ts';
import { normal, ones, uniformFanIn, zeros } from './initialisers.ts';

/** A layer z = W a + b whose weight is applied at `sharing` positions of every example. */
export interface LinearLayer {
  readonly name: string;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  /** [N, R..., inputs]; for a convolution the patches. */
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

export class ModelBuilder {
  readonly graph: Graph;
  readonly layers: LinearLayer[] = [];
  private readonly parameters: Parameters;

  constructor(graph: Graph, parameters: Parameters) {
    this.graph = graph;
    this.parameters = parameters;
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

  /** Convolution of an image [N, H, W, C]; weight [channels, C, KH, KW] as in PyTorch, zero padding. */
  convolution(name: string, x: Tensor, channels: number, window: Window, bias = true): Tensor {
    const [n, , , c] = x.shape as [number, number, number, number];
    const shape = [channels, c, ...window.kernel];
    const weight = this.obtain(
      `${name}.weight`,
      shape,
      'weight',
      uniformFanIn(c * window.kernel[0] * window.kernel[1]),
    );
    const { patches, height, width } = unfold(x, window);
    const z = this.shared(name, patches, weight, bias, false);
    return this.graph.reshape(z, [n, height, width, channels]);
  }

  layerNorm(name: string, x: Tensor): Tensor {
    const width = lastAxis(x);
    const gain = this.parameter(`${name}.weight`, [width], ones);
    const shift = this.parameter(`${name}.bias`, [width], zeros);
    return layerNorm(x, gain, shift);
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
    this.layers.push({ name, weight, bias, input: x, output, inputs, outputs, sharing, isAttentionKey });
    return output;
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
