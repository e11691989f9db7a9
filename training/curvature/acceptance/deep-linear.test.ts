/** Where the approximations are exact, and where they must not be: deep linear nets with squared error. */
import { describe, expect, it } from 'vitest';
import type { ModelBuilder } from '../../models/model-builder.ts';
import type { Tensor } from '../../program/graph.ts';
import { multiply, scale } from '../../program/operations/elementwise.ts';
import { meanSquaredError } from '../../program/operations/loss.ts';
import { matmul } from '../../program/operations/matmul.ts';
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
/** L of the precision Sigma^-1 = L L^T of a Gaussian likelihood whose outputs depend on each other. */
const precisionRoot = Float64Array.of(1.25, 0, -0.75, 0.5);

interface Setting {
  /** What positions are weighed by when they are summed; null: a loss term per position. */
  weights: readonly number[] | null;
  hasFullCovariance?: boolean;
}

const [mean, sum, unequal] = [
  [1 / R, 1 / R, 1 / R],
  [1, 1, 1],
  [0.7, 0.2, 0.1],
];

/** |L^T (f - y)|^2 is the negative log-likelihood up to a factor, which C/2 takes out of the mean over outputs. */
function build({ weights, hasFullCovariance = false }: Setting): FactorCase['build'] {
  return (builder: ModelBuilder, leaf) => {
    let z: Tensor = leaf(x, [N, R, 3]);
    widths.slice(1).forEach((width, i) => (z = builder.linear(`layer${i}`, z, width)));
    if (weights) z = sumAxes(multiply(z, leaf(Float64Array.from(weights), [1, R, 1])), 1, 1);
    if (hasFullCovariance) z = scale(matmul(z, leaf(precisionRoot, [C, C])), Math.sqrt(C / 2));
    const count = weights ? N * C : N * R * C;
    return meanSquaredError(z, leaf(targets.slice(0, count), weights ? [N, C] : [N, R, C]));
  };
}

function reference({ weights }: Setting): ReferenceNet {
  const counts = new Array<number>(N).fill(R);
  return new ReferenceNet(
    (name, count) => valueOf({}, name, count),
    (tape: Tape) => {
      let z = x;
      widths.slice(1).forEach((width, i) => {
        z = tape.linear(`layer${i}`, { data: z, width: widths[i] ?? 1, counts }, width);
      });
      if (weights === null) return z;
      return Float64Array.from({ length: N * C }, (_, at) => {
        const [n, c] = [Math.floor(at / C), at % C];
        return weights.reduce((total, weight, r) => total + weight * (z[(n * R + r) * C + c] ?? NaN), 0);
      });
    },
  );
}

/** Columns of L for every term and output: Sigma^-1 = sum_c L_c L_c^T. */
function covarianceColumns(outputs: Float64Array): Float64Array[] {
  return Array.from(outputs, (_, k) =>
    outputs.map((__, i) =>
      Math.floor(i / C) === Math.floor(k / C) ? (precisionRoot[(i % C) * C + (k % C)] ?? NaN) : 0,
    ),
  );
}

/** Of G (x) A against the exact block of every layer. */
async function errors(flavour: Flavour, setting: Setting): Promise<number[]> {
  const { of } = await factorsOf({ build: build(setting), fisher: 'type2', flavour });
  const net = reference(setting);
  const { outputs } = net;
  const columns = setting.hasFullCovariance ? covarianceColumns(outputs) : squaredErrorColumns(outputs, C);
  return widths.slice(1).map((width, i) => {
    const exact = exactBlock(net, `layer${i}`, width, columns, C / outputs.length);
    return distance(kron(of(`G of layer${i}`), of(`A of layer${i}`)), exact);
  });
}

describe('acceptance 2: deep linear nets with a loss term per position', () => {
  it.each([
    ['a covariance of one number', false],
    ['a full covariance', true],
  ])('have expand as their exact block: %s', async (_, hasFullCovariance) => {
    for (const error of await errors('expand', { weights: null, hasFullCovariance })) {
      expect(error).toBeLessThan(1e-5);
    }
  });
});

describe('acceptance 3: deep linear nets whose positions are pooled', () => {
  it.each([
    ['mean', { weights: mean }],
    ['sum', { weights: sum }],
    ['mean, a full covariance', { weights: mean, hasFullCovariance: true }],
    ['sum, a full covariance', { weights: sum, hasFullCovariance: true }],
  ])('have reduce as their exact block: %s', async (_, setting) => {
    for (const error of await errors('reduce', setting)) expect(error).toBeLessThan(1e-5);
  });
});

describe('acceptance 4: each flavour in the wrong setting', () => {
  it.each([
    ['reduce', 'a loss term per position', { weights: null }],
    ['expand', 'mean', { weights: mean }],
    ['expand', 'sum', { weights: sum }],
    ['reduce', 'weights .7, .2, .1', { weights: unequal }],
    ['expand', 'weights .7, .2, .1', { weights: unequal }],
    ['reduce', 'a loss term per position, a full covariance', { weights: null, hasFullCovariance: true }],
    ['expand', 'mean, a full covariance', { weights: mean, hasFullCovariance: true }],
  ] as const)('is far off: %s, %s', async (flavour, _, setting) => {
    for (const error of await errors(flavour, setting)) expect(error).toBeGreaterThan(0.1);
  });
});
