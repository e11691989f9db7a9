/** Programs drawn at random, for what must hold of every program. */
import fc from 'fast-check';
import { backward } from './backward.ts';
import type { Graph, Tensor } from './graph.ts';
import { add, broadcastTo, gelu, multiply, relu, scale, tanh } from './operations/elementwise.ts';
import { layerNorm } from './operations/layer-norm.ts';
import { linear } from './operations/linear.ts';
import { permute } from './operations/permute.ts';
import { meanAxes } from './operations/reduce.ts';
import { noise, type Leaf } from './test-program.ts';

/** What to do, and which earlier values to take. */
const move = fc.record({
  kind: fc.constantFrom(
    'add',
    'multiply',
    'relu',
    'tanh',
    'gelu',
    'scale',
    'linear',
    'norm',
    'row',
    'mean',
    'permute',
    'reshape',
  ),
  first: fc.nat(50),
  second: fc.nat(50),
});
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never;

export const moves = fc.array(move, { minLength: 3, maxLength: 9 });

/** A program over [rows, width] values, and the gradients of its last value by all leaves. */
export function randomProgram(
  graph: Graph,
  leaf: Leaf,
  rows: number,
  width: number,
  list: readonly Move[],
): Tensor[] {
  const leaves = [leaf(noise(rows * width, 1), [rows, width]), leaf(noise(rows * width, 2), [rows, width])];
  const parameters = [leaf(noise(width * width, 3), [width, width]), leaf(noise(width, 4), [width])];
  const [weight, bias] = parameters as [Tensor, Tensor];
  const values = [...leaves];
  const pick = (n: number): Tensor => values[n % values.length] as Tensor;
  for (const { kind, first, second } of list) {
    const [x, y] = [pick(first), pick(second)];
    const wide = graph.reshape(x, [1, rows * width]);
    const results: Record<Move['kind'], () => Tensor> = {
      add: () => add(x, y),
      multiply: () => multiply(x, y),
      relu: () => relu(x),
      tanh: () => tanh(x),
      gelu: () => gelu(x),
      scale: () => scale(x, 0.75),
      linear: () => scale(linear(x, weight, bias), 0.5),
      norm: () => layerNorm(x, bias, bias),
      row: () => add(x, bias),
      mean: () => broadcastTo(graph.reshape(meanAxes(x, 0, 0), [1, width]), [rows, width]),
      permute: () => graph.reshape(permute(x, [1, 0]), [rows, width]),
      reshape: () => graph.reshape(relu(wide), [rows, width]),
    };
    values.push(results[kind]());
  }
  // Every value counts, so that several are read by more than one.
  const total = values.reduce((sum, value) => add(sum, value));
  const seed = { tensor: total, gradient: leaf(noise(rows * width, 5), [rows, width]) };
  const wanted = [...leaves, ...parameters];
  const gradients = graph.inPhase('backward', () => backward(graph, [seed], wanted));
  return [total, ...gradients.values()];
}
