import { describe, expect, it } from 'vitest';
import { backward } from './backward.ts';
import type { Graph, Tensor } from './graph.ts';
import { add, multiply, relu, scale, tanh } from './operations/elementwise.ts';
import { gather } from './operations/gather.ts';
import { linear } from './operations/linear.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise, type Leaf } from './test-program.ts';

interface Network {
  x: Tensor;
  first: Tensor;
  second: Tensor;
  hidden: Tensor;
  output: Tensor;
  seed: Tensor;
}

/** relu(x W1^T) W2^T with a cotangent of the output. */
function network(leaf: Leaf): Network {
  const x = leaf(noise(3 * 4, 1), [3, 4], 'x');
  const first = leaf(noise(5 * 4, 2), [5, 4], 'first');
  const second = leaf(noise(2 * 5, 3), [2, 5], 'second');
  const hidden = linear(x, first, null);
  const output = linear(relu(hidden), second, null);
  return { x, first, second, hidden, output, seed: leaf(noise(6, 4), [3, 2], 'seed') };
}

/** Names of the nodes that `build` appends. */
function appended(graph: Graph, build: () => void): string[] {
  const before = graph.nodes.length;
  build();
  return graph.nodes.slice(before).map((node) => node.outputs[0]?.label ?? node.operation.name);
}

describe('what is built', () => {
  it('is only the path to the wanted tensor', async () => {
    await evaluate((graph, leaf) => {
      const { x, first, second, output, seed } = network(leaf);
      const towards = (...wrt: Tensor[]) =>
        appended(graph, () => void backward(graph, [{ tensor: output, gradient: seed }], wrt));
      expect(towards(second)).toEqual(['weight gradient']);
      expect(towards(first)).toEqual(['input gradient', 'relu gradient', 'weight gradient']);
      expect(towards(x)).toEqual(['input gradient', 'relu gradient', 'input gradient']);
      expect(towards(first, second)).toEqual([
        'input gradient',
        'weight gradient',
        'relu gradient',
        'weight gradient',
      ]);
      return output;
    });
  });

  it('is nothing for tensors the seeds do not depend on', async () => {
    await evaluate((graph, leaf) => {
      const { output, hidden, second, seed } = network(leaf);
      const stranger = leaf(noise(2, 9), [2], 'stranger');
      const seeds = [{ tensor: output, gradient: seed }];
      let gradients = new Map<Tensor, Tensor>();
      expect(appended(graph, () => void (gradients = backward(graph, seeds, [stranger])))).toEqual([]);
      expect(gradients.size).toBe(0);
      // `hidden` does not depend on the second weight, only the output does.
      const inner = [{ tensor: hidden, gradient: leaf(noise(15, 5), [3, 5]) }];
      expect(appended(graph, () => void (gradients = backward(graph, inner, [second])))).toEqual([]);
      expect(gradients.size).toBe(0);
      return output;
    });
  });

  it('stands behind what is made of a gradient as soon as it is complete', async () => {
    await evaluate((graph, leaf) => {
      const { hidden, output, seed } = network(leaf);
      const told: Tensor[] = [];
      const visit = (tensor: Tensor, gradient: Tensor): void => {
        told.push(tensor);
        scale(gradient, told.length);
      };
      const seeds = [{ tensor: output, gradient: seed }];
      const nodes = appended(graph, () => void backward(graph, seeds, [hidden, output], visit));
      expect(told).toEqual([output, hidden]);
      expect(nodes).toEqual(['scale', 'input gradient', 'relu gradient', 'scale']);
      return output;
    });
  });

  it('ends at an inner tensor that is wanted', async () => {
    await evaluate((graph, leaf) => {
      const { hidden, output, seed } = network(leaf);
      const seeds = [{ tensor: output, gradient: seed }];
      expect(appended(graph, () => void backward(graph, seeds, [hidden]))).toEqual([
        'input gradient',
        'relu gradient',
      ]);
      return output;
    });
  });
});

describe('gradients', () => {
  it('add up where a tensor is used more than once', () =>
    checkOperation({
      inputs: [{ shape: [3, 3] }, { shape: [3, 3] }],
      build: (x, w) => {
        const h = tanh(linear(x, w, null));
        return add(multiply(h, h), add(linear(h, w, null), scale(x, 0.5)));
      },
      reference: (x, w) => {
        const product = (a: Float64Array): Float64Array =>
          a.map((_, i) => [0, 1, 2].reduce((sum, k) => sum + a[i - (i % 3) + k]! * w[(i % 3) * 3 + k]!, 0));
        const h = product(x).map(Math.tanh);
        const again = product(h);
        return x.map((value, i) => h[i]! ** 2 + again[i]! + 0.5 * value);
      },
      tolerance: f32Tolerance,
    }));

  it('pass through an inner tensor to what it was made from', async () => {
    const [throughHidden, direct] = await evaluate((graph, leaf) => {
      const { first, hidden, output, seed } = network(leaf);
      const whole = backward(graph, [{ tensor: output, gradient: seed }], [hidden, first]);
      const rest = backward(graph, [{ tensor: hidden, gradient: whole.get(hidden)! }], [first]);
      return [rest.get(first)!, whole.get(first)!];
    });
    expect(throughHidden).toEqual(direct);
  });

  it('start from several seeds at once, the wanted tensor itself included', async () => {
    const own = noise(15, 6);
    const [both, fromOutput] = await evaluate((graph, leaf) => {
      const { hidden, output, seed } = network(leaf);
      const fromOutputSeed = { tensor: output, gradient: seed };
      const ownSeed = { tensor: hidden, gradient: leaf(own, [3, 5]) };
      return [
        backward(graph, [fromOutputSeed, ownSeed], [hidden]).get(hidden)!,
        backward(graph, [fromOutputSeed], [hidden]).get(hidden)!,
      ];
    });
    expectClose(
      both!,
      own.map((value, i) => value + fromOutput![i]!),
      f32Tolerance,
    );
  });

  it('pass through another shape', async () => {
    const cotangent = noise(12, 2);
    const [gradient] = await evaluate((graph, leaf) => {
      const x = leaf(noise(12, 1), [3, 4]);
      const y = graph.reshape(scale(x, 2), [2, 6]);
      const gradients = backward(graph, [{ tensor: y, gradient: leaf(cotangent, [2, 6]) }], [x]);
      expect(gradients.get(x)?.shape).toEqual([3, 4]);
      return gradients.get(x)!;
    });
    expect([...gradient!]).toEqual([...cotangent.map((value) => 2 * value)]);
  });
});

it('names an operation that has no gradient', () =>
  expect(
    evaluate((graph, leaf) => {
      const table = leaf(noise(6, 1), [3, 2]);
      const rows = gather(table, leaf(Uint32Array.of(0, 2), [2]));
      const gradients = backward(graph, [{ tensor: rows, gradient: leaf(noise(4, 2), [2, 2]) }], [table]);
      return gradients.get(table)!;
    }),
  ).rejects.toThrow('operation gather has no gradient rule'));
