/**
 * Laplace's evidence: determinants against dense matrices, derivatives against differences, and all its factors against
 * Bayesian linear regression, where the evidence is known in closed form.
 */
import { describe, expect, it } from 'vitest';
import { openScope } from '../../../gpu-kernels/device.ts';
import { writeRegion } from '../../../gpu-kernels/region.ts';
import { choleskyFloat64, spdInverseFloat64 } from '../../../gpu-kernels/spd-inverse/test-support.ts';
import { emptyRegion, testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { ModelBuilder } from '../../models/model-builder.ts';
import { Graph } from '../../program/graph.ts';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy, meanSquaredError } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { Parameters } from '../../program/parameters.ts';
import { noise } from '../../program/test-program.ts';
import { createFactors } from '../factors.ts';
import { choosePrecisions, evidence, type LaplaceFit, type LaplaceLayer } from '../laplace/evidence.ts';
import { factorSpectra, laplaceLayers } from '../laplace/spectra.ts';
import { entry, matrix, product, type Matrix } from '../test-reference.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import { bothSides } from '../flavour.ts';
import { byExample, kron, secondMoment } from './test-reference-net.ts';

const transposed = (m: Matrix) => matrix(m.columns, m.rows, (i, j) => entry(m, j, i));
const squares = (values: Float64Array) => values.reduce((sum, x) => sum + x * x, 0);

/** log det(scale m + delta I), by a Cholesky factor in float64. */
function denseLogDeterminant(m: Matrix, scale: number, delta: number): number {
  const damped = matrix(m.rows, m.rows, (i, j) => scale * entry(m, i, j) + (i === j ? delta : 0));
  const root = choleskyFloat64(damped.data, m.rows);
  return Array.from({ length: m.rows }, (_, i) => 2 * Math.log(root[i * m.rows + i] ?? NaN)).reduce(
    (sum, x) => sum + x,
    0,
  );
}

/** A net of two layers, whose factors are averaged over batches. */
async function fitted(flavour: 'expand' | 'reduce') {
  const [N, R, C] = [8, 3, 4];
  const net: FactorCase['build'] = (builder, leaf) => {
    const hidden = tanh(builder.linear('first', leaf(noise(N * R * 5, 1), [N, R, 5]), 6));
    const logits = meanAxes(builder.linear('second', hidden, C, { bias: false }), 1, 1);
    return crossEntropy(
      logits,
      leaf(
        Uint32Array.from({ length: N }, (_, n) => n % C),
        [N],
      ),
    );
  };
  let layers: LaplaceLayer[] = [];
  const { of } = await factorsOf({
    ...{ build: net, fisher: 'type2', flavour },
    inspect: async (gpu, set) => {
      layers = await laplaceLayers(gpu, set);
    },
  });
  const dense = ['first', 'second'].map((name) => kron(of(`G of ${name}`), of(`A of ${name}`)));
  const fit: LaplaceFit = { terms: N, meanLoss: 1.1, layers };
  return { fit, dense };
}

describe('acceptance 15: Laplace', () => {
  // Factors of sines and cosines with two loss terms, whose determinants another implementation has worked out.
  it.each([
    ['expand', 5.7615472505],
    ['reduce', 0.0979256412],
  ] as const)('has the determinant of the golden layer: %s', async (flavour, expected) => {
    const [N, R] = [2, 3];
    const a = matrix(N * R, 3, (row, i) => (i < 2 ? Math.sin(0.5 + 0.7 * (2 * row + i)) : 1));
    const g = matrix(N * R, 2, (row, o) => Math.cos(0.3 + 1.1 * (2 * row + o)));
    const counts = [R, R];
    const [A, G] =
      flavour === 'expand'
        ? [secondMoment(a, 1 / (N * R)), secondMoment(g, 1 / N)]
        : [
            secondMoment(
              byExample(a, counts, () => 1 / R),
              1 / N,
            ),
            secondMoment(byExample(g, counts), 1 / N),
          ];
    const gpu = openScope(await testGpu());
    const builder = new ModelBuilder(new Graph(), new Parameters());
    builder.linear('layer', builder.graph.leaf('x', [1, 2], emptyRegion(gpu, 'x', 2)), 2);
    const set = createFactors(gpu, builder.layers, () => bothSides(flavour));
    const [layer] = set.layers;
    if (!layer) throw new Error('the net has one layer');
    for (const [factor, values] of [
      [layer.a, A],
      [layer.g, G],
    ] as const) {
      const padded = matrix(factor.padded, factor.padded, (i, j) =>
        i < factor.size && j < factor.size ? entry(values, i, j) : 0,
      );
      writeRegion(gpu, factor.average, Float32Array.from(padded.data));
    }
    const spectra = await factorSpectra(gpu, set.factors);
    const blocks = [{ a: spectra.get(layer.a) ?? [], g: spectra.get(layer.g) ?? [] }];
    const fit = { terms: N, meanLoss: 0, layers: [{ name: 'layer', blocks, squaredNorm: 0 }] };
    const { logDeterminants } = evidence(fit, { kind: 'categorical' }, [1]);
    expect(Math.abs((logDeterminants[0] ?? NaN) / expected - 1)).toBeLessThan(1e-5);
  });

  it.each(['expand', 'reduce'] as const)('has the determinants of dense blocks: %s', async (flavour) => {
    const { fit, dense } = await fitted(flavour);
    for (const [precisions, temperature] of [
      [[1, 1], 1],
      [[0.01, 30], 0.2],
    ] as const) {
      const { logDeterminants } = evidence(fit, { kind: 'categorical', temperature }, precisions);
      dense.forEach((block, i) => {
        const expected = denseLogDeterminant(block, fit.terms / temperature, precisions[i] ?? NaN);
        expect(Math.abs((logDeterminants[i] ?? NaN) - expected)).toBeLessThan(1e-3 * Math.abs(expected));
      });
    }
  });

  it('knows how it changes with every prior precision and the noise', async () => {
    const { fit, dense } = await fitted('expand');
    const precisions = [0.3, 4];
    const at = (logs: number[], noise: number) =>
      // By determinants of dense blocks, in the units of a mean squared error over three outputs.
      logs.reduce(
        (sum, log, i) => {
          const block = dense[i] as Matrix;
          const { squaredNorm } = fit.layers[i] as LaplaceLayer;
          const determinant = denseLogDeterminant(block, (1.5 * fit.terms) / noise ** 2, Math.exp(log));
          return sum - 0.5 * (determinant - block.rows * log + Math.exp(log) * squaredNorm);
        },
        -fit.terms * ((1.5 * fit.meanLoss) / noise ** 2 + 3 * Math.log(noise * Math.sqrt(2 * Math.PI))),
      );
    const logs = precisions.map(Math.log);
    const got = evidence(fit, { kind: 'gaussian', outputs: 3, noise: 0.7 }, precisions);
    expect(Math.abs(got.logMarginal / at(logs, 0.7) - 1)).toBeLessThan(1e-4);
    const h = 1e-4;
    precisions.forEach((_, i) => {
      const moved = (by: number) =>
        at(
          logs.map((log, k) => log + (k === i ? by : 0)),
          0.7,
        );
      const slope = (moved(h) - moved(-h)) / (2 * h);
      expect(Math.abs((got.byLogPrecision[i] ?? NaN) / slope - 1)).toBeLessThan(1e-3);
    });
    const slope = (at(logs, 0.7 * Math.exp(h)) - at(logs, 0.7 * Math.exp(-h))) / (2 * h);
    expect(Math.abs((got.byLogNoise ?? NaN) / slope - 1)).toBeLessThan(1e-3);
  });

  it('is the evidence of Bayesian linear regression, and its best prior has no slope', async () => {
    const [N, inputs, C, delta, noiseLevel] = [12, 3, 2, 0.7, 0.4];
    const x = noise(N * inputs, 3);
    const targets = noise(N * C, 4);
    const rows = matrix(N, inputs + 1, (n, i) => (i < inputs ? (x[n * inputs + i] ?? NaN) : 1));
    const y = matrix(N, C, (n, c) => targets[n * C + c] ?? NaN);
    // The most probable weights: (X^T X + noise^2 delta I)^-1 X^T y.
    const normal = matrix(inputs + 1, inputs + 1, (i, j) => {
      return entry(secondMoment(rows, 1), i, j) + (i === j ? noiseLevel ** 2 * delta : 0);
    });
    const inverse = { ...normal, data: spdInverseFloat64(normal.data, normal.rows) };
    const best = product(inverse, product(transposed(rows), y));
    const fitOf = async (flavour: 'expand' | 'reduce'): Promise<LaplaceFit> => {
      let layers: LaplaceLayer[] = [];
      await factorsOf({
        build: (builder, leaf) =>
          meanSquaredError(builder.linear('only', leaf(x, [N, inputs]), C), leaf(targets, [N, C])),
        fisher: 'type2',
        flavour,
        values: {
          'only.weight': matrix(C, inputs, (o, i) => entry(best, i, o)).data,
          'only.bias': Float64Array.from({ length: C }, (_, o) => entry(best, inputs, o)),
        },
        inspect: async (gpu, set) => {
          layers = await laplaceLayers(gpu, set);
        },
      });
      const predicted = product(rows, best);
      const meanLoss = squares(predicted.data.map((z, i) => z - (y.data[i] ?? NaN))) / (N * C);
      return { terms: N, meanLoss, layers };
    };
    // y of every output is normal with covariance noise^2 I + X X^T / delta.
    const outer = product(rows, transposed(rows));
    const covariance = matrix(N, N, (i, j) => entry(outer, i, j) / delta + (i === j ? noiseLevel ** 2 : 0));
    const precision = { ...covariance, data: spdInverseFloat64(covariance.data, N) };
    const quadratic = product(transposed(y), product(precision, y));
    const expected =
      -0.5 *
      (entry(quadratic, 0, 0) +
        entry(quadratic, 1, 1) +
        C * (denseLogDeterminant(covariance, 1, 0) + N * Math.log(2 * Math.PI)));
    const likelihood = { kind: 'gaussian', outputs: C, noise: noiseLevel } as const;
    for (const flavour of ['expand', 'reduce'] as const) {
      const fit = await fitOf(flavour);
      const { logMarginal } = evidence(fit, likelihood, [delta]);
      expect(Math.abs(logMarginal / expected - 1)).toBeLessThan(1e-5);
      const precisions = choosePrecisions(fit, likelihood);
      const chosen = evidence(fit, likelihood, precisions);
      expect(Math.abs(chosen.byLogPrecision[0] ?? NaN)).toBeLessThan(1e-5);
      for (const factor of [0.8, 1.25]) {
        const other = evidence(fit, likelihood, [factor * (precisions[0] ?? NaN)]);
        expect(other.logMarginal).toBeLessThan(chosen.logMarginal);
      }
    }
  });

  it('adds up over batches: the average factors of all of them belong to all their terms', async () => {
    const { fit } = await fitted('reduce');
    const likelihood = { kind: 'categorical' } as const;
    const twice = evidence({ ...fit, terms: 2 * fit.terms }, likelihood, [2, 2]);
    const once = evidence(fit, likelihood, [1, 1]);
    // Twice the data under twice the prior: every eigenvalue doubles.
    fit.layers.forEach(({ blocks }, i) => {
      const count = blocks.reduce((sum, { a, g }) => sum + a.length * g.length, 0);
      const added = (twice.logDeterminants[i] ?? NaN) - (once.logDeterminants[i] ?? NaN);
      expect(Math.abs(added - count * Math.LN2)).toBeLessThan(1e-9 * count);
    });
  });

  it('refuses what is no precision, noise or temperature', async () => {
    const { fit } = await fitted('expand');
    expect(() => evidence(fit, { kind: 'categorical' }, [1])).toThrow('prior precision of second is NaN');
    expect(() => evidence(fit, { kind: 'categorical', temperature: 0 }, [1, 1])).toThrow('temperature is 0');
    expect(() => evidence(fit, { kind: 'gaussian', outputs: 1, noise: -1 }, [1, 1])).toThrow('noise is -1');
  });
});

describe('acceptance 15: factors are second moments', () => {
  it.each(['expand', 'reduce'] as const)('symmetric, without negative eigenvalues: %s', async (flavour) => {
    const values = { 'layer.weight': valueOf({}, 'layer.weight', 5 * 7) };
    const { set, of } = await factorsOf({
      build: (builder, leaf) => {
        const z = builder.linear('layer', leaf(noise(6 * 3 * 7, 1), [6, 3, 7]), 5);
        return crossEntropy(meanAxes(z, 1, 1), leaf(Uint32Array.from([0, 1, 2, 3, 4, 0]), [6]));
      },
      ...{ fisher: 'type2', flavour, values },
    });
    for (const { name } of set.factors) {
      const factor = of(name);
      const largest = Math.max(...factor.data.map(Math.abs));
      const skew = factor.data.map((x, at) => x - (transposed(factor).data[at] ?? NaN));
      expect(Math.max(...skew.map(Math.abs))).toBeLessThanOrEqual(1e-6 * largest);
      // A Cholesky factor exists once a millionth of the largest eigenvalue, at most the trace, is added.
      const trace = Array.from({ length: factor.rows }, (_, i) => entry(factor, i, i)).reduce(
        (s, v) => s + v,
        0,
      );
      expect(() => denseLogDeterminant(factor, 1, (1e-6 * trace) / factor.rows)).not.toThrow();
    }
  });
});
