/** Labels drawn from the model give type 2 in the mean, and the same ones for the same seed. */
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../program/graph.ts';
import { binaryCrossEntropy } from '../../program/operations/binary-cross-entropy.ts';
import { crossEntropy, meanSquaredError, type Loss } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise, type Leaf } from '../../program/test-program.ts';
import { factorsOf, type FactorCase } from './test-factors.ts';
import { distance } from './test-reference-net.ts';

const [N, R, D, C] = [4, 2, 5, 3];
type MakeLoss = (z: Tensor, leaf: Leaf) => Loss;
const losses: [name: string, loss: MakeLoss][] = [
  ['cross-entropy', (z, leaf) => crossEntropy(z, leaf(Uint32Array.of(0, 1, 2, 1), [N]))],
  [
    'cross-entropy with ignored labels',
    (z, leaf) => crossEntropy(z, leaf(Uint32Array.of(0, 9, 2, 9), [N]), { ignored: 9 }),
  ],
  ['squared error', (z, leaf) => meanSquaredError(z, leaf(noise(N * C, 2), [N, C]))],
  [
    'binary cross-entropy',
    (z, leaf) => {
      const bits = noise(N * C, 3).map((value) => (value > 0 ? 1 : 0));
      return binaryCrossEntropy(
        z,
        leaf(bits, [N, C]),
        leaf(
          bits.map((_, i) => (i % 5 === 0 ? 0 : 1)),
          [N, C],
        ),
      );
    },
  ],
];

const build =
  (loss: MakeLoss): FactorCase['build'] =>
  (builder, leaf) =>
    loss(meanAxes(builder.linear('layer', leaf(noise(N * R * D, 1), [N, R, D]), C), 1, 1), leaf);

describe('acceptance 12: Monte Carlo', () => {
  it.each(losses)('ten thousand draws are within three per cent of type 2: %s', async (_, loss) => {
    const one = { build: build(loss), flavour: 'reduce' } as const;
    const { of } = await factorsOf({ ...one, fisher: 'type2' });
    const drawn = await factorsOf({ ...one, fisher: 'mc', samples: 200, steps: 50, seed: 4 });
    expect(distance(drawn.of('G of layer'), of('G of layer'))).toBeLessThan(0.03);
    const single = await factorsOf({ ...one, fisher: 'mc', samples: 1, seed: 4 });
    expect(distance(single.of('G of layer'), of('G of layer'))).toBeGreaterThan(0.03);
  });

  it('draws again what it drew, and something else for another seed', async () => {
    const [, loss] = losses[2] as (typeof losses)[number];
    const draw = async (seed: number, samples: number) => {
      const { of } = await factorsOf({ build: build(loss), flavour: 'expand', fisher: 'mc', samples, seed });
      return of('G of layer').data;
    };
    const first = await draw(7, 3);
    expect(await draw(7, 3)).toEqual(first);
    expect(await draw(8, 3)).not.toEqual(first);
    // The draws of a step differ from each other.
    expect(await draw(7, 1)).not.toEqual(first);
  });
});
