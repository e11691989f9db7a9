/**
 * The linear layer z = x W^T + b over any number of middle axes: the operation that weight sharing and K-FAC are
 * about. W is [outputs, inputs] as in PyTorch; its gradient and the input's are matrix products without transposes.
 */
import { matmulLaunches, matmulUnit } from '../../../gpu-kernels/matmul/matmul.ts';
import { lastAxis, size, type Operation, type Tensor } from '../graph.ts';
import { sumAxes } from './reduce.ts';
import { requireAxes, requireFloats, requireShape } from './shape-rules.ts';

interface ProductAttributes {
  m: number;
  n: number;
  k: number;
}

const inputGradient: Operation<ProductAttributes> = {
  name: 'input gradient',
  fusedWrites: [0],
  lower(node, lowering) {
    const [g, weight] = node.inputs as [Tensor, Tensor];
    return matmulLaunches(lowering, {
      label: node.operation.name,
      a: lowering.region(g),
      b: lowering.region(weight),
      c: lowering.writer('C', node.outputs[0] as Tensor, matmulUnit(node.attributes)),
      ...node.attributes,
    });
  },
};

/** g^T x, and the sums of g's columns, which are the bias's gradient: both from one reading of g. */
const weightGradient: Operation<ProductAttributes> = {
  name: 'weight gradient',
  fusedWrites: [0],
  lower(node, lowering) {
    const [g, x] = node.inputs as [Tensor, Tensor];
    const [dWeight, dBias] = node.outputs as [Tensor, Tensor | undefined];
    const product = { ...node.attributes, transposeA: true };
    return matmulLaunches(lowering, {
      label: node.operation.name,
      a: lowering.region(g),
      b: lowering.region(x),
      c: lowering.writer('C', dWeight, matmulUnit(product)),
      ...(dBias ? { rowSums: lowering.region(dBias) } : {}),
      ...product,
    });
  },
};

const operation: Operation<null> = {
  name: 'linear',
  fusedWrites: [0],
  gradient(node, [g], needed) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor | undefined];
    if (!g) return [];
    const { graph } = g;
    const rows = size(g.shape) / lastAxis(g);
    const [outputs, inputs] = weight.shape as [number, number];
    const dx = (): Tensor => {
      const attributes = { m: rows, n: inputs, k: outputs };
      return graph.add1(inputGradient, [g, weight], { shape: x.shape, label: 'input gradient' }, attributes);
    };
    const withBias = bias !== undefined && (needed[2] ?? false);
    const dWeight = (): Tensor[] =>
      graph.add(weightGradient, [g, x], {
        attributes: { m: outputs, n: inputs, k: rows },
        outputs: [
          { shape: weight.shape, label: 'weight gradient' },
          ...(withBias ? [{ shape: bias.shape, label: 'bias gradient' }] : []),
        ],
      });
    const inputPart = needed[0] ? dx() : null;
    const [weightPart, biasPart] = needed[1] ? dWeight() : [];
    const biasAlone = () => sumAxes(graph.reshape(g, [rows, outputs]), 0, 0);
    return [inputPart, weightPart ?? null, biasPart ?? (withBias ? biasAlone() : null)];
  },
  lower(node, lowering) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor | undefined];
    const [outputs, inputs] = weight.shape as [number, number];
    const product = { m: size(x.shape) / lastAxis(x), n: outputs, k: inputs, transposeB: true };
    return matmulLaunches(lowering, {
      label: 'linear',
      a: lowering.region(x),
      b: lowering.region(weight),
      c: lowering.writer('C', node.outputs[0] as Tensor, matmulUnit(product)),
      ...(bias ? { bias: lowering.region(bias) } : {}),
      ...product,
    });
  },
};

/** z[..., outputs] = x[..., inputs] W^T + b. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  requireFloats('linear', { input: x, weight, bias });
  requireAxes('linear', 'input', x);
  requireShape('linear', 'weight', weight, ['outputs', lastAxis(x)]);
  const [outputs = 1] = weight.shape;
  if (bias) requireShape('linear', 'bias', bias, [outputs]);
  const shape = [...x.shape.slice(0, -1), outputs];
  return x.graph.add1(operation, bias ? [x, weight, bias] : [x, weight], { shape, label: 'linear' }, null);
}
