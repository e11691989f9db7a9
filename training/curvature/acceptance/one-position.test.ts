/** With one position per example there is nothing to expand or reduce. */
import { describe, it } from 'vitest';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise } from '../../program/test-program.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, type FactorCase } from './test-factors.ts';

const [N, D, C] = [6, 5, 3];
const labels = Uint32Array.from({ length: N }, (_, n) => n % C);
const nets: [name: string, build: FactorCase['build']][] = [
  [
    'without an axis of positions',
    (builder, leaf) => {
      const h = tanh(builder.linear('first', leaf(noise(N * D, 1), [N, D]), 7));
      return crossEntropy(builder.linear('second', h, C), leaf(labels, [N]));
    },
  ],
  [
    'with one position',
    (builder, leaf) => {
      const h = tanh(builder.linear('first', leaf(noise(N * D, 1), [N, 1, D]), 7));
      return crossEntropy(meanAxes(builder.linear('second', h, C), 1, 1), leaf(labels, [N]));
    },
  ],
  [
    'with ragged rows of one each',
    (builder, leaf) => {
      const offsets = leaf(
        Uint32Array.from({ length: N + 1 }, (_, n) => n),
        [N + 1],
      );
      const h = tanh(builder.linear('first', leaf(noise(N * D, 1), [N, D]), 7, { offsets }));
      return crossEntropy(builder.linear('second', h, C, { offsets }), leaf(labels, [N]));
    },
  ],
];

describe('acceptance 1: one position', () => {
  it.each(nets)('makes expand and reduce the same, %s', async (_, build) => {
    const [expand, reduce] = await Promise.all(
      (['expand', 'reduce'] as const).map((flavour) => factorsOf({ build, fisher: 'type2', flavour })),
    );
    for (const name of ['A of first', 'G of first', 'A of second', 'G of second']) {
      expectClose(reduce?.of(name).data ?? [], expand?.of(name).data ?? [], 1e-6, name);
    }
  });
});
