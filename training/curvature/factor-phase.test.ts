/** How much memory factors keep alive: activations, which the backward passes read, and no gradient of a layer's output. */
import { describe, expect, it } from 'vitest';
import { tanh } from '../program/operations/elementwise.ts';
import { meanSquaredError } from '../program/operations/loss.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { noise } from '../program/test-program.ts';
import type { Tensor } from '../program/graph.ts';
import { factorsOf, type FactorCase } from './acceptance/test-factors.ts';

const [N, R, D] = [2, 64, 16];

/** A deep net of `depth` layers of one width, whose backward pass reads the activations. */
const build =
  (depth: number): FactorCase['build'] =>
  (builder, leaf) => {
    let z: Tensor = leaf(noise(N * R * D, 1), [N, R, D]);
    for (let i = 0; i < depth; i++) z = tanh(builder.linear(`layer${i}`, z, D));
    return meanSquaredError(meanAxes(z, 1, 1), leaf(noise(N * D, 2), [N, D]));
  };

describe('launches of the factor phase', () => {
  it('move averages where factors are made, and apart from that only where passes add up', async () => {
    const kernels = async (fisher: 'mc' | 'empirical' | 'type2') =>
      (await factorsOf({ build: build(2), fisher, flavour: 'expand' })).kernels;
    expect(await kernels('mc')).not.toContain('average factors');
    expect(await kernels('empirical')).not.toContain('average factors');
    expect((await kernels('type2')).filter((label) => label === 'average factors')).toHaveLength(1);
  });
});

describe('memory of the factor phase', () => {
  /** Bytes of one layer's rows. */
  const rows = N * R * D * 4;

  it.each(
    (['type2', 'mc', 'empirical'] as const).flatMap((fisher) =>
      (['expand', 'reduce'] as const).map((flavour) => ({ fisher, flavour })),
    ),
  )(
    'holds the activations of the net and two gradients, however deep it is: $fisher, $flavour',
    async ({ fisher, flavour }) => {
      const bytes = async (depth: number) =>
        (await factorsOf({ build: build(depth), fisher, flavour })).liveBytes;
      const [shallow, deep] = [await bytes(3), await bytes(9)];
      // Each further layer keeps its activation through all rounds, and no gradient of its output.
      expect((deep - shallow) / 6).toBeLessThanOrEqual(rows * 1.1);
    },
  );
});
