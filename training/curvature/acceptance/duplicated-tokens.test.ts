/** Copies of one token tell what each flavour does with positions that say the same. */
import { describe, expect, it } from 'vitest';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise } from '../../program/test-program.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, type FactorCase } from './test-factors.ts';
import { scaled } from './test-reference-net.ts';

const [N, R, D, C] = [5, 4, 3, 3];
const tokens = noise(N * D, 1);

/** Every example is one token, `copies` times. */
function build(copies: number): FactorCase['build'] {
  return (builder, leaf) => {
    const x = Float64Array.from(
      { length: N * copies * D },
      (_, i) => tokens[Math.floor(i / (copies * D)) * D + (i % D)] ?? NaN,
    );
    const h = tanh(builder.linear('first', leaf(x, [N, copies, D]), 6));
    const labels = Uint32Array.from({ length: N }, (_, n) => n % C);
    return crossEntropy(meanAxes(builder.linear('second', h, C), 1, 1), leaf(labels, [N]));
  };
}

describe('acceptance 5: duplicated tokens', () => {
  it('A is the same, G by reduce is R times that by expand, and reduce is that of the single token', async () => {
    const [expand, reduce, single] = await Promise.all([
      factorsOf({ build: build(R), fisher: 'type2', flavour: 'expand' }),
      factorsOf({ build: build(R), fisher: 'type2', flavour: 'reduce' }),
      factorsOf({ build: build(1), fisher: 'type2', flavour: 'expand' }),
    ]);
    for (const layer of ['first', 'second']) {
      const [a, g] = [`A of ${layer}`, `G of ${layer}`];
      expectClose(reduce.of(a).data, expand.of(a).data, 1e-5, a);
      expectClose(reduce.of(g).data, scaled(expand.of(g), R).data, 1e-5, g);
      expectClose(reduce.of(a).data, single.of(a).data, 1e-5, a);
      expectClose(reduce.of(g).data, single.of(g).data, 1e-5, g);
      expect(Math.max(...reduce.of(g).data)).toBeGreaterThan(1e-3);
    }
  });
});
