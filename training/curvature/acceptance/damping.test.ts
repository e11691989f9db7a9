/** What damping means, held to dense solves in float64; and that preconditioning does not depend on coordinates. */
import { describe, expect, it } from 'vitest';
import { noise } from '../../program/test-program.ts';
import { dampedInverse, entry, matrix, meanEigenvalue, product, type Matrix } from '../test-reference.ts';
import { preconditioned, type LayerProblem } from './test-layer.ts';

const transposed = (m: Matrix) => matrix(m.columns, m.rows, (i, j) => entry(m, j, i));

/** Second moment of random rows; fewer rows than columns make it singular, as most factors are. */
function secondMoment(size: number, rows: number, seed: number): Matrix {
  const data = noise(rows * size, seed);
  const x = matrix(rows, size, (i, j) => data[i * size + j] ?? NaN);
  const sums = product(transposed(x), x);
  return matrix(size, size, (i, j) => entry(sums, i, j) / rows);
}

function problem(inputs: number, outputs: number, rows: number, seed: number): LayerProblem {
  const data = noise(outputs * (inputs + 1), seed);
  return {
    A: secondMoment(inputs + 1, rows, seed + 1),
    G: secondMoment(outputs, rows, seed + 2),
    gradient: matrix(outputs, inputs + 1, (i, j) => data[i * (inputs + 1) + j] ?? NaN),
  };
}

const scaled = (m: Matrix, factor: number) => matrix(m.rows, m.columns, (i, j) => factor * entry(m, i, j));

/** (G (x) A + lambda I)^-1 vec(gradient) by one dense solve. */
function exactSolve({ A, G, gradient }: LayerProblem, lambda: number): Matrix {
  const n = A.rows;
  const size = G.rows * n;
  const whole = matrix(
    size,
    size,
    (r, c) => entry(G, Math.floor(r / n), Math.floor(c / n)) * entry(A, r % n, c % n),
  );
  const solved = product(dampedInverse(whole, lambda), { rows: size, columns: 1, data: gradient.data });
  return { rows: G.rows, columns: n, data: solved.data };
}

/** (G + g I)^-1 gradient (A + a I)^-1 */
function factoredSolve({ A, G, gradient }: LayerProblem, a: number, g: number): Matrix {
  return product(product(dampedInverse(G, g), gradient), dampedInverse(A, a));
}

function expectRelative(got: Matrix, expected: Matrix, tolerance: number): void {
  const largest = Math.max(...expected.data.map(Math.abs));
  const error = Math.max(...got.data.map((x, i) => Math.abs(x - (expected.data[i] ?? NaN))));
  expect(error / largest).toBeLessThanOrEqual(tolerance);
}

const shapes = [
  { inputs: 3, outputs: 2, rows: 40 },
  { inputs: 9, outputs: 5, rows: 30 },
  { inputs: 11, outputs: 10, rows: 4 },
];

describe('acceptance 9: damping', () => {
  it.each(shapes)('exact is the dense solve of G (x) A + lambda I: $inputs to $outputs', async (shape) => {
    const layer = problem(shape.inputs, shape.outputs, shape.rows, 10);
    const { direction } = await preconditioned(layer, { rule: 'exact', damping: 0.01 });
    expectRelative(direction, exactSolve(layer, 0.01), 1e-3);
  });

  it.each(shapes)(
    'exact, relative: lambda in units of the mean eigenvalue: $inputs to $outputs',
    async (shape) => {
      const layer = problem(shape.inputs, shape.outputs, shape.rows, 20);
      const mean = meanEigenvalue(layer.A) * meanEigenvalue(layer.G);
      for (const scale of [1, 1e-4]) {
        const small = { ...layer, G: scaled(layer.G, scale) };
        const { direction } = await preconditioned(small, {
          rule: 'exact',
          damping: 0.05,
          scale: 'relative',
        });
        expectRelative(direction, exactSolve(small, 0.05 * scale * mean), 1e-3);
      }
    },
  );

  it.each(shapes)('pi is the dense solve of the damped factors: $inputs to $outputs', async (shape) => {
    const layer = problem(shape.inputs, shape.outputs, shape.rows, 30);
    const { direction } = await preconditioned(layer, { rule: 'pi', damping: 0.01 });
    const pi = Math.sqrt(meanEigenvalue(layer.A) / meanEigenvalue(layer.G));
    expectRelative(direction, factoredSolve(layer, pi * 0.1, 0.1 / pi), 1e-3);
  });

  it('pi does not see how A and G share a scale, plain does', async () => {
    const layer = problem(6, 5, 20, 40);
    const other = { ...layer, A: scaled(layer.A, 7), G: scaled(layer.G, 1 / 7) };
    const both = (rule: 'pi' | 'plain' | 'exact') =>
      Promise.all([layer, other].map((l) => preconditioned(l, { rule, damping: 0.01 })));
    for (const rule of ['pi', 'exact'] as const) {
      const [one, two] = await both(rule);
      if (one && two) expectRelative(two.direction, one.direction, 1e-4);
    }
    const [one, two] = await both('plain');
    expect(() => {
      if (one && two) expectRelative(two.direction, one.direction, 0.1);
    }).toThrow('to be less than');
  });

  it.each(['sqrt', 'plain'] as const)('%s in relative units scales with the factors', async (rule) => {
    const layer = problem(6, 5, 20, 50);
    const [a, g] = [meanEigenvalue(layer.A), meanEigenvalue(layer.G)];
    const amounts = {
      sqrt: [Math.sqrt(0.01 * a * g), Math.sqrt(0.01 * a * g)] as const,
      plain: [0.01 * a, 0.01 * g] as const,
    };
    const { direction } = await preconditioned(layer, { rule, damping: 0.01, scale: 'relative' });
    expectRelative(direction, factoredSolve(layer, ...amounts[rule]), 1e-3);
  });
});

describe('acceptance 10: change of coordinates', () => {
  /** Well conditioned and not symmetric. */
  function mixing(size: number, seed: number, keepsLast: boolean): Matrix {
    const data = noise(size * size, seed);
    return matrix(size, size, (i, j) => {
      // Inputs change, their homogeneous coordinate does not.
      if (keepsLast && i === size - 1) return i === j ? 1 : 0;
      return (i === j ? 1.5 : 0) + 0.25 * (data[i * size + j] ?? NaN);
    });
  }

  it('moves the step with it where damping is negligible', async () => {
    const layer = problem(7, 5, 60, 60);
    const [omega, phi] = [mixing(8, 1, true), mixing(5, 2, false)];
    // a -> omega a, g -> phi g; the gradient, a mean of g a^T, moves with both.
    const moved = {
      A: product(product(omega, layer.A), transposed(omega)),
      G: product(product(phi, layer.G), transposed(phi)),
      gradient: product(product(phi, layer.gradient), transposed(omega)),
    };
    for (const rule of ['exact', 'pi'] as const) {
      const [before, after] = await Promise.all(
        [layer, moved].map((l) => preconditioned(l, { rule, damping: rule === 'exact' ? 1e-9 : 1e-16 })),
      );
      if (!before || !after) throw new Error('both were made');
      const back = product(product(transposed(phi), after.direction), omega);
      expectRelative(back, before.direction, 1e-3);
      expect(() => {
        expectRelative(after.direction, before.direction, 0.1);
      }).toThrow('to be less than');
    }
  });
});

describe('reference numbers', () => {
  // a[n,r,i] = sin(0.5 + 0.7 k), g[n,r,o] = cos(0.3 + 1.1 k), k running over all of n, r and the feature; N = 2, R = 3.
  const [N, R] = [2, 3];
  const a = matrix(N * R, 3, (t, i) => (i < 2 ? Math.sin(0.5 + 0.7 * (2 * t + i)) : 1));
  const g = matrix(N * R, 2, (t, o) => Math.cos(0.3 + 1.1 * (2 * t + o)));
  const perExample = (m: Matrix, factor: number) =>
    matrix(N, m.columns, (n, j) => {
      let sum = 0;
      for (let r = 0; r < R; r++) sum += factor * entry(m, n * R + r, j);
      return sum;
    });
  const moment = (m: Matrix, divisor: number) => scaled(product(transposed(m), m), 1 / divisor);
  const gradient = scaled(product(transposed(g), a), 1 / N);
  const layers: Record<string, LayerProblem> = {
    expand: { A: moment(a, N * R), G: moment(g, N), gradient },
    reduce: { A: moment(perExample(a, 1 / R), N), G: moment(perExample(g, 1), N), gradient },
  };
  const expected: Record<string, { exact: number[]; pi: number[]; nu: number }> = {
    expand: {
      exact: [-0.813749391, 0.332622213, 0.122887728, 0.8797533, -0.647018475, 0.051239624],
      pi: [-0.415846044, 0.131536743, 0.079650022, 0.403174147, -0.292753027, 0.036293157],
      nu: 0.4652216885,
    },
    reduce: {
      exact: [-3.319843438, -1.716653339, 1.246593779, 1.449214255, -1.496747463, 1.144622871],
      pi: [-2.785467571, -1.083744776, 0.867680579, 1.659699901, -0.987216507, 0.485077272],
      nu: 0.2150466098,
    },
  };

  it.each(['expand', 'reduce'])(
    '%s: exact and pi damping, and the clip of the divergence',
    async (flavour) => {
      const layer = layers[flavour];
      const numbers = expected[flavour];
      if (!layer || !numbers) throw new Error('both flavours have numbers');
      for (const rule of ['exact', 'pi'] as const) {
        const { direction } = await preconditioned(layer, { rule, damping: 0.1 });
        expectRelative(direction, { ...direction, data: Float64Array.from(numbers[rule]) }, 2e-6);
      }
      const rule = {
        recipe: 'classic',
        momentum: 0.9,
        eps: 1e-8,
        weightDecay: 0,
        klClip: 1e-3,
        lr: 0.1,
      } as const;
      const { direction, change } = await preconditioned(layer, { rule: 'exact', damping: 0.1 }, rule);
      change.data.forEach((x, i) => {
        expect(x / (-0.1 * (direction.data[i] ?? NaN))).toBeCloseTo(numbers.nu, 5);
      });
    },
  );
});
