/**
 * The linear layer z = x W^T + b over any number of middle axes: the operation that weight sharing and K-FAC are
 * about. W is [outputs, inputs] as in PyTorch; its gradient and the input's are matrix products without transposes.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { matmul } from '../../../gpu-kernels/matmul/matmul.ts';
import { lastAxis, size, type Operation, type Tensor } from '../graph.ts';
import { sumAxes } from './reduce.ts';

interface ProductAttributes {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
}

const product: Operation<ProductAttributes> = {
  name: 'matmul',
  lower(node, lowering) {
    const [a, b] = node.inputs as [Tensor, Tensor];
    return [
      matmul(lowering.gpu, {
        label: 'matmul',
        a: lowering.region(a),
        b: lowering.region(b),
        c: lowering.region(node.outputs[0] as Tensor),
        ...node.attributes,
      }),
    ];
  },
};

const operation: Operation<null> = {
  name: 'linear',
  gradient(node, [g], needed) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor | undefined];
    if (!g) return [];
    const { graph } = g;
    const rows = size(g.shape) / lastAxis(g);
    const [outputs, inputs] = weight.shape as [number, number];
    const dx = (): Tensor => {
      const attributes = { m: rows, n: inputs, k: outputs, transposeA: false, transposeB: false };
      return graph.add1(product, [g, weight], { shape: x.shape, label: 'input gradient' }, attributes);
    };
    const dWeight = (): Tensor => {
      const attributes = { m: outputs, n: inputs, k: rows, transposeA: true, transposeB: false };
      return graph.add1(product, [g, x], { shape: weight.shape, label: 'weight gradient' }, attributes);
    };
    return [
      needed[0] ? dx() : null,
      needed[1] ? dWeight() : null,
      bias && needed[2] ? sumAxes(graph.reshape(g, [rows, outputs]), 0, 0) : null,
    ];
  },
  lower(node, lowering) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor | undefined];
    const [outputs, inputs] = weight.shape as [number, number];
    return [
      matmul(lowering.gpu, {
        label: 'linear',
        a: lowering.region(x),
        b: lowering.region(weight),
        c: lowering.region(node.outputs[0] as Tensor),
        ...(bias ? { bias: lowering.region(bias) } : {}),
        m: size(x.shape) / lastAxis(x),
        n: outputs,
        k: inputs,
        transposeB: true,
      }),
    ];
  },
};

/** z[..., outputs] = x[..., inputs] W^T + b. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const [outputs, inputs] = weight.shape;
  if (inputs !== lastAxis(x) || outputs === undefined) {
    throw new KronlabError(
      'internal',
      `${weight.label} is [${weight.shape.join(', ')}]; its input has ${lastAxis(x)} features`,
    );
  }
  const shape = [...x.shape.slice(0, -1), outputs];
  return x.graph.add1(operation, bias ? [x, weight, bias] : [x, weight], { shape, label: 'linear' }, null);
}
