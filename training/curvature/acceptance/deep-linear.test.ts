/** Where the approximations are exact, and where they must not be: deep linear nets with squared error. */
import { describe, expect, it } from 'vitest';
import type { ModelBuilder } from '../../models/model-builder.ts';
import type { Tensor } from '../../program/graph.ts';
import { meanSquaredError } from '../../program/operations/loss.ts';
import { sumAxes } from '../../program/operations/reduce.ts';
import { noise } from '../../program/test-program.ts';
import type { Flavour } from '../flavour.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import {
  distance,
  exactBlock,
  kron,
  ReferenceNet,
  squaredErrorColumns,
  type Tape,
} from './test-reference-net.ts';

const [N, R] = [4, 3];
const widths = [3, 5, 4, 2];
const C = 2;
const x = noise(N * R * 3, 1);
const targets = noise(N * R * C, 2);

function build(scale: number | null): FactorCase['build'] {
  return (builder: ModelBuilder, leaf) => {
    let z: Tensor = leaf(x, [N, R, 3]);
    widths.slice(1).forEach((width, i) => (z = builder.linear(`layer${i}`, z, width)));
    if (scale === null) return meanSquaredError(z, leaf(targets, [N, R, C]));
    return meanSquaredError(sumAxes(z, 1, 1, scale), leaf(targets.slice(0, N * C), [N, C]));
  };
}

/** `scale`: what the sum over positions is multiplied by; null: a loss term per position. */
function reference(scale: number | null): ReferenceNet {
  const counts = new Array<number>(N).fill(R);
  return new ReferenceNet(
    (name, count) => valueOf({}, name, count),
    (tape: Tape) => {
      let z = x;
      widths.slice(1).forEach((width, i) => {
        z = tape.linear(`layer${i}`, { data: z, width: widths[i] ?? 1, counts }, width);
      });
      if (scale === null) return z;
      return Float64Array.from({ length: N * C }, (_, at) => {
        const [n, c] = [Math.floor(at / C), at % C];
        let sum = 0;
        for (let r = 0; r < R; r++) sum += z[(n * R + r) * C + c] ?? NaN;
        return scale * sum;
      });
    },
  );
}

async function errors(flavour: Flavour, scale: number | null): Promise<number[]> {
  const { of } = await factorsOf({ build: build(scale), fisher: 'type2', flavour });
  const net = reference(scale);
  const columns = squaredErrorColumns(net.outputs, C);
  return widths.slice(1).map((width, i) => {
    const exact = exactBlock(net, `layer${i}`, width, columns, C / net.outputs.length);
    return distance(kron(of(`G of layer${i}`), of(`A of layer${i}`)), exact);
  });
}

describe('acceptance 2: deep linear nets with a loss term per position', () => {
  it('have expand as their exact block', async () => {
    for (const error of await errors('expand', null)) expect(error).toBeLessThan(1e-5);
  });
});

describe('acceptance 3: deep linear nets whose positions are pooled', () => {
  it.each([
    ['mean', 1 / R],
    ['sum', 1],
  ])('have reduce as their exact block: %s', async (_, scale) => {
    for (const error of await errors('reduce', scale)) expect(error).toBeLessThan(1e-5);
  });
});

describe('acceptance 4: each flavour in the wrong setting', () => {
  it.each([
    ['reduce', null],
    ['expand', 1 / R],
  ] as const)('is far off: %s', async (flavour, scale) => {
    for (const error of await errors(flavour, scale)) expect(error).toBeGreaterThan(0.1);
  });
});
