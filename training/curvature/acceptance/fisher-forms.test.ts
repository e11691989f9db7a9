/** What the kinds of Fisher are made of, on one example of one position, where nothing is approximated. */
import { describe, it } from 'vitest';
import type { Tensor } from '../../program/graph.ts';
import { binaryCrossEntropy } from '../../program/operations/binary-cross-entropy.ts';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy, meanSquaredError, type Loss } from '../../program/operations/loss.ts';
import { noise, type Leaf } from '../../program/test-program.ts';
import { matrix, type Matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import {
  crossEntropyColumns,
  exactBlock,
  kron,
  ReferenceNet,
  secondMoment,
  softmax,
  squaredErrorColumns,
} from './test-reference-net.ts';

const [D, H, C] = [4, 3, 4];
const x = noise(D, 1);
const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

interface LossCase {
  name: string;
  loss: (outputs: Tensor, leaf: Leaf) => Loss;
  /** Columns of the square root of the Hessian, and the gradient of the loss, by the outputs [C]. */
  columns: (outputs: Float64Array) => Float64Array[];
  gradient: (outputs: Float64Array) => Float64Array;
}

const values = noise(C, 3);
const bits = Float64Array.of(1, 0, 1, 1);
const counts = Float64Array.of(1, 1, 0, 1);

const losses: LossCase[] = [
  {
    name: 'cross-entropy',
    loss: (outputs, leaf) => crossEntropy(outputs, leaf(Uint32Array.of(2), [1])),
    columns: (outputs) => crossEntropyColumns(outputs, C),
    gradient: (outputs) => softmax(outputs, C).map((p, i) => p - (i === 2 ? 1 : 0)),
  },
  {
    name: 'cross-entropy with smoothing',
    loss: (outputs, leaf) => crossEntropy(outputs, leaf(Uint32Array.of(1), [1]), { smoothing: 0.2 }),
    columns: (outputs) => crossEntropyColumns(outputs, C),
    gradient: (outputs) => softmax(outputs, C).map((p, i) => p - 0.2 / C - (i === 1 ? 0.8 : 0)),
  },
  {
    name: 'squared error',
    loss: (outputs, leaf) => meanSquaredError(outputs, leaf(values, [1, C])),
    columns: (outputs) => squaredErrorColumns(outputs, C),
    gradient: (outputs) => outputs.map((f, i) => (2 / C) * (f - (values[i] ?? NaN))),
  },
  {
    name: 'binary cross-entropy with a target that is missing',
    loss: (outputs, leaf) => binaryCrossEntropy(outputs, leaf(bits, [1, C]), leaf(counts, [1, C])),
    columns: (outputs) =>
      Array.from(outputs, (z, k) => {
        const root = Math.sqrt(((counts[k] ?? NaN) / 3) * sigmoid(z) * (1 - sigmoid(z)));
        return outputs.map((_, i) => (i === k ? root : 0));
      }),
    gradient: (outputs) => outputs.map((z, i) => ((counts[i] ?? NaN) / 3) * (sigmoid(z) - (bits[i] ?? NaN))),
  },
];

const net = new ReferenceNet(
  (name, count) => valueOf({}, name, count),
  (tape) => {
    const h = tape.linear('first', { data: x, width: D, counts: [1] }, H).map(Math.tanh);
    return tape.linear('second', { data: h, width: H, counts: [1] }, C);
  },
);

const build =
  ({ loss }: LossCase): FactorCase['build'] =>
  (builder, leaf) => {
    const h = tanh(builder.linear('first', leaf(x, [1, D]), H));
    return loss(builder.linear('second', h, C), leaf);
  };

async function blocks(one: LossCase, fisher: FactorCase['fisher']): Promise<[Matrix, Matrix]> {
  const { of } = await factorsOf({ build: build(one), fisher, flavour: 'expand' });
  const block = (name: string) => kron(of(`G of ${name}`), of(`A of ${name}`));
  return [block('first'), block('second')];
}

const exact = (vectors: Float64Array[]) =>
  [exactBlock(net, 'first', H, vectors, 1), exactBlock(net, 'second', C, vectors, 1)] as const;

describe('acceptance 13: Fisher forms', () => {
  it('S S^T is diag(p) - p p^T', () => {
    const p = softmax(net.outputs, C);
    const columns = crossEntropyColumns(net.outputs, C);
    const rows = matrix(C, C, (k, i) => columns[k]?.[i] ?? NaN);
    const hessian = matrix(C, C, (i, j) => (i === j ? (p[i] ?? NaN) : 0) - (p[i] ?? NaN) * (p[j] ?? NaN));
    expectClose(secondMoment(rows, 1).data, hessian.data, 1e-12);
  });

  it.each(losses)('one example of one position has its exact block by type 2: $name', async (one) => {
    const got = await blocks(one, 'type2');
    exact(one.columns(net.outputs)).forEach((block, i) => expectClose(got[i]?.data ?? [], block.data, 1e-5));
  });

  it.each(losses)('and its exact empirical Fisher by the empirical kind: $name', async (one) => {
    const got = await blocks(one, 'empirical');
    exact([one.gradient(net.outputs)]).forEach((block, i) =>
      expectClose(got[i]?.data ?? [], block.data, 1e-5),
    );
  });
});
