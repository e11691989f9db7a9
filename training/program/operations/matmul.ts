/**
 * Batched matrix products of tensors, either operand transposed: scores and mixtures of attention, mixing over tokens.
 * The kernels are those of `gpu-kernels/matmul`; gradients are products again, without transposing in memory.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { matmulLaunches, matmulUnit } from '../../../gpu-kernels/matmul/matmul.ts';
import { size, type Operation, type Tensor } from '../graph.ts';
import { sumTo } from './reduce.ts';
import { requireFloats } from './shape-rules.ts';

export interface MatmulOptions {
  /** A is stored [..., K, M] instead of [..., M, K]. */
  transposeA?: boolean;
  /** B is stored [..., N, K] instead of [..., K, N]. */
  transposeB?: boolean;
  alpha?: number;
}

interface Attributes extends Required<MatmulOptions> {
  m: number;
  n: number;
  k: number;
}

const operation: Operation<Attributes> = {
  name: 'matmul',
  fusedWrites: [0],
  gradient(node, [g], needed) {
    const [a, b] = node.inputs as [Tensor, Tensor];
    if (!g) return [];
    const { transposeA, transposeB, alpha } = node.attributes;
    // d op(A) = G op(B)^T and d op(B) = op(A)^T G, transposed where the operand is stored so.
    const dA = () =>
      transposeA
        ? matmul(b, g, { transposeA: transposeB, transposeB: true, alpha })
        : matmul(g, b, { transposeB: !transposeB, alpha });
    const dB = () =>
      transposeB
        ? matmul(g, a, { transposeA: true, transposeB: transposeA, alpha })
        : matmul(a, g, { transposeA: !transposeA, alpha });
    return [needed[0] ? sumTo(dA(), a.shape) : null, needed[1] ? sumTo(dB(), b.shape) : null];
  },
  lower(node, lowering) {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const output = node.outputs[0] as Tensor;
    const { m, n, k } = node.attributes;
    const product = {
      batch: batchOf(output),
      strideA: batchOf(a) === 1 ? 0 : m * k,
      strideB: batchOf(b) === 1 ? 0 : k * n,
      ...node.attributes,
    };
    return matmulLaunches(lowering, {
      label: 'matmul',
      a: lowering.region(a),
      b: lowering.region(b),
      c: lowering.writer('C', output, matmulUnit(product)),
      ...product,
    });
  },
};

/**
 * alpha op(A) op(B): [..., M, K] times [..., K, N] gives [..., M, N]. The leading axes are equal, or those of one operand
 * hold a single matrix, which meets every matrix of the other; its gradient is summed over them.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  requireFloats('matmul', { 'left operand': a, 'right operand': b });
  const [m, k] = matrixOf(a, transposeA);
  const [inner, n] = matrixOf(b, transposeB);
  const batch = leadingAxes(a, b);
  if (k !== inner) refuse(a, b, `inner sizes ${k} and ${inner} differ`);
  const attributes = { m, n, k, transposeA, transposeB, alpha };
  const output = { shape: [...batch, m, n], label: 'matmul' };
  if (batchOf(b) === 1 && batchOf(a) > 1 && !transposeA) {
    // One matrix on the right of many: the rows of all of them are one matrix, and B's gradient needs no sum.
    const [rows, columns] = b.shape.slice(-2) as [number, number];
    const stacked = a.graph.reshape(a, [size(batch) * m, k]);
    const product = matmul(stacked, a.graph.reshape(b, [rows, columns]), options);
    return a.graph.reshape(product, output.shape);
  }
  return a.graph.add1(operation, [a, b], output, attributes);
}

function batchOf(tensor: Tensor): number {
  return size(tensor.shape.slice(0, -2));
}

function matrixOf(tensor: Tensor, transposed: boolean): [number, number] {
  const [rows, columns] = tensor.shape.slice(-2);
  if (rows === undefined || columns === undefined) {
    throw new KronlabError(
      'internal',
      `matmul: ${tensor.label} of shape [${tensor.shape.join(', ')}] is no matrix`,
    );
  }
  return transposed ? [columns, rows] : [rows, columns];
}

function leadingAxes(a: Tensor, b: Tensor): readonly number[] {
  const [ofA, ofB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (size(ofA) !== 1 && size(ofB) !== 1 && ofA.join() !== ofB.join()) {
    refuse(a, b, 'leading axes are neither equal nor 1');
  }
  // Where both hold one matrix the longer shape wins, so that no axis is lost.
  if (size(ofA) === size(ofB)) return ofA.length >= ofB.length ? ofA : ofB;
  return size(ofA) === 1 ? ofB : ofA;
}

function refuse(a: Tensor, b: Tensor, why: string): never {
  const shapes = [a, b].map((t) => `[${t.shape.join(', ')}]`).join(' and ');
  throw new KronlabError('internal', `matmul of ${shapes}: ${why}`);
}
