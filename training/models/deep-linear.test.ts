/** A deep linear net has no place where it is not linear, and shares its weights where it says so. */
import { describe, expect, it } from 'vitest';
import {
  distance,
  exactBlock,
  kron,
  ReferenceNet,
  squaredErrorColumns,
  type Tape,
} from '../curvature/acceptance/test-reference-net.ts';
import { factorsOf, valueOf } from '../curvature/acceptance/test-factors.ts';
import { meanSquaredError } from '../program/operations/loss.ts';
import { noise } from '../program/test-program.ts';
import { deepLinear, type DeepLinearSpec } from './deep-linear.ts';
import { checkPass, type CheckedModel } from './test-check-model.ts';
import { nodeCounts, nodeValues, nodeWidth, testGraphs } from './test-graphs.ts';
import { describeLayers, traceOver } from './test-model.ts';

const spec: DeepLinearSpec = { kind: 'deep-linear', hidden: [4, 3], sharing: 'patches', patch: 2 };
const C = 2;
const N = nodeCounts.length;
const targets = noise(N * C, 3);

const onGraphs: CheckedModel = {
  build: (builder, leaf) => deepLinear(builder, spec, testGraphs(leaf, 4, 30), C),
  loss: (outputs, leaf) => meanSquaredError(outputs, leaf(targets, [N, C])),
};

const reference = new ReferenceNet((name, count) => valueOf({}, name, count), forward);

function forward(tape: Tape): Float64Array {
  let [x, width] = [nodeValues, nodeWidth];
  for (const [name, outputs] of [
    ['layers.0', 4],
    ['layers.1', 3],
    ['head', C],
  ] as const) {
    x = tape.linear(name, { data: x, width, counts: nodeCounts }, outputs);
    width = outputs;
  }
  const y = new Float64Array(N * C);
  const owner = nodeCounts.flatMap((count, n) => new Array<number>(count).fill(n));
  owner.forEach((n, row) => {
    for (let c = 0; c < C; c++) y[n * C + c]! += x[row * C + c]! / nodeCounts[n]!;
  });
  return y;
}

describe('deep linear net', () => {
  it('outputs and gradients are those of the definition, on nodes of graphs', () =>
    checkPass(
      onGraphs,
      forward,
      (outputs) => outputs.reduce((sum, value, i) => sum + (value - targets[i]!) ** 2, 0) / (N * C),
      1e-5,
    ));

  it('has blocks that reduce gives exactly and expand does not', async () => {
    const columns = squaredErrorColumns(reference.outputs, C);
    for (const flavour of ['reduce', 'expand'] as const) {
      const { of } = await factorsOf({
        build: (builder, leaf) => onGraphs.loss(onGraphs.build(builder, leaf), leaf),
        ...{ fisher: 'type2', flavour },
      });
      for (const [name, outputs] of [
        ['layers.0', 4],
        ['layers.1', 3],
        ['head', C],
      ] as const) {
        const exact = exactBlock(reference, name, outputs, columns, 1 / N);
        const error = distance(kron(of(`G of ${name}`), of(`A of ${name}`)), exact);
        if (flavour === 'reduce') expect(error, name).toBeLessThan(1e-5);
        else expect(error, name).toBeGreaterThan(0.05);
      }
    }
  });

  it.each([
    ['patches of an image', spec, { kind: 'images', channels: 3, height: 4, width: 6 }, '12 -> 4, shared 6'],
    [
      'a whole image',
      { ...spec, sharing: 'none' as const },
      { kind: 'images', channels: 3, height: 4, width: 6 },
      '72 -> 4, shared 1',
    ],
    ['rows of a table', spec, { kind: 'table', columns: 9 }, '9 -> 4, shared 1'],
    ['nodes', spec, { kind: 'graphs', nodeWidth: 5, edgeWidth: 1, nodes: 7, edges: 3 }, '5 -> 4, shared 7'],
  ] as const)('shares its weights over %s', (_, one, shape, first) => {
    const { builder, logits } = traceOver(one, shape, 10);
    expect(logits.shape).toEqual([1, 10]);
    expect(describeLayers(builder)[0]).toBe(`layers.0 ${first} times`);
    expect(builder.layers).toHaveLength(3);
  });

  it('does not read text', () => {
    expect(() => traceOver(spec, { kind: 'text', length: 3, vocabulary: 4 }, 4)).toThrow(
      'model.kind: deep-linear reads images or table or graphs; this data set has text',
    );
  });
});
