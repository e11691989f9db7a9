/** EKFAC against exact blocks in float64: the right trace, a smaller error than K-FAC's, and the step that follows from it. */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../../../gpu-kernels/readback.ts';
import type { Eigenbases } from '../eigenbases.ts';
import {
  batchOf,
  kfacSpec,
  netShape,
  netValues,
  prepareStep,
  type Batch,
  type TestStep,
} from '../test-net.ts';
import { entry, matrix, pass, product, referenceFactors, type Matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';

const { examples: N, positions: R } = netShape;
const curvature = ['forward', 'backward', 'factors', 'inverses'] as const;
const transposed = (m: Matrix) => matrix(m.columns, m.rows, (i, j) => entry(m, j, i));
const sum = (m: Matrix) => m.data.reduce((total, x) => total + x, 0);

/** Gradient of every example's loss by [W b] of a layer. */
function singleGradients(batch: Batch, layer: number): Matrix[] {
  const { inputs, outputGradients } = pass(netValues(), batch);
  const [a, g] = [inputs[layer] as Matrix, outputGradients[layer] as Matrix];
  return Array.from({ length: N }, (_, n) =>
    matrix(g.columns, a.columns, (o, j) => {
      let total = 0;
      for (let r = 0; r < R; r++) total += entry(g, n * R + r, o) * entry(a, n * R + r, j);
      return total;
    }),
  );
}

/** The empirical Fisher block of a layer, in the order of its rows. */
function exactBlock(batch: Batch, layer: number): Matrix {
  const gradients = singleGradients(batch, layer).map(({ data }) => data);
  const size = gradients[0]?.length ?? 0;
  return matrix(size, size, (i, j) =>
    gradients.reduce((total, g) => total + ((g[i] ?? NaN) * (g[j] ?? NaN)) / N, 0),
  );
}

const kron = (g: Matrix, a: Matrix) =>
  matrix(
    g.rows * a.rows,
    g.columns * a.columns,
    (r, c) =>
      entry(g, Math.floor(r / a.rows), Math.floor(c / a.columns)) * entry(a, r % a.rows, c % a.columns),
  );

const distance = (one: Matrix, two: Matrix) =>
  Math.sqrt(one.data.reduce((total, x, i) => total + (x - (two.data[i] ?? NaN)) ** 2, 0));

interface LayerBases {
  /** Eigenvectors as rows. */
  a: Matrix;
  g: Matrix;
  scales: Matrix;
}

/** What the GPU holds of both layers. */
async function basesOf(engine: TestStep): Promise<LayerBases[]> {
  const { kfac, gpu } = engine;
  const bases = kfac.curvature as Eigenbases;
  const scales = await readFloats(gpu, bases.scales.whole);
  return Promise.all(
    ['first', 'second'].map(async (name): Promise<LayerBases> => {
      const group = kfac.layout.groups.find(({ layers }) => layers.some(({ layer }) => layer.name === name));
      const slot = group?.layers.findIndex(({ layer }) => layer.name === name) ?? 0;
      const layer = group?.layers[slot];
      if (!group || !layer) throw new Error(`${name} is a layer`);
      const basis = async (factor: typeof layer.a) => {
        const region = bases.jobs.find((job) => job.factor === factor)?.basis;
        const all = region ? await readFloats(gpu, region) : [];
        return matrix(factor.size, factor.size, (i, j) => all[i * factor.padded + j] ?? NaN);
      };
      const first = group.offset + slot * group.stride;
      return {
        a: await basis(layer.a),
        g: await basis(layer.g),
        scales: matrix(layer.g.size, layer.a.size, (i, j) => scales[first + i * group.columns + j] ?? NaN),
      };
    }),
  );
}

/** Bases of one batch, and scales of the same batch in them. */
async function measured(settings: object = {}): Promise<TestStep> {
  const spec = kfacSpec({ preconditioner: 'ekfac', fisher: 'empirical', recipe: 'classic', ...settings });
  const engine = await prepareStep(spec);
  engine.run(batchOf(1), { factorMix: 1 }, curvature);
  engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors']);
  return engine;
}

/** What every type-2 column of every example's loss sends back to [W b]: sqrt(p_c) times the gradient at the label c. */
function columnGradients(batch: Batch, layer: number): Matrix[] {
  const { classes } = netShape;
  const labelled = (c: number): Batch => ({ ...batch, labels: new Uint32Array(N).fill(c) });
  const [, g] = pass(netValues(), labelled(0)).outputGradients;
  // The last layer's gradients at the label 0 are (p - e_0) / R.
  const share = (n: number, c: number) => R * entry(g, n * R, c) + (c === 0 ? 1 : 0);
  return Array.from({ length: classes }, (_, c) =>
    singleGradients(labelled(c), layer).map((m, n) =>
      matrix(m.rows, m.columns, (i, j) => Math.sqrt(share(n, c)) * entry(m, i, j)),
    ),
  ).flat();
}

describe('acceptance 15: EKFAC', () => {
  it.each(['expand', 'reduce'])(
    'has the exact trace and scales of type 2, in the basis of %s',
    async (flavour) => {
      const engine = await measured({ flavour, fisher: 'type2' });
      (await basesOf(engine)).forEach(({ a, g, scales }, layer) => {
        const columns = columnGradients(batchOf(1), layer);
        const turned = columns.map((m) => product(product(g, m), transposed(a)));
        const expected = matrix(g.rows, a.rows, (i, j) =>
          turned.reduce((total, m) => total + entry(m, i, j) ** 2 / N, 0),
        );
        const trace = columns.reduce((total, { data }) => data.reduce((t, x) => t + (x * x) / N, total), 0);
        expect(Math.abs(sum(scales) / trace - 1)).toBeLessThan(1e-5);
        expectClose(scales.data, expected.data, 1e-5);
        const empirical = exactBlock(batchOf(1), layer);
        const other = sum(matrix(1, empirical.rows, (_, i) => entry(empirical, i, i)));
        expect(Math.abs(trace / other - 1)).toBeGreaterThan(0.01);
      });
    },
  );

  it.each(['expand', 'reduce'])('has the exact trace and scales in the basis of %s', async (flavour) => {
    const engine = await measured({ flavour });
    (await basesOf(engine)).forEach(({ a, g, scales }, layer) => {
      const turned = singleGradients(batchOf(1), layer).map((m) => product(product(g, m), transposed(a)));
      const expected = matrix(g.rows, a.rows, (i, j) =>
        turned.reduce((total, m) => total + entry(m, i, j) ** 2 / N, 0),
      );
      const exact = exactBlock(batchOf(1), layer);
      const trace = matrix(1, exact.rows, (_, i) => entry(exact, i, i));
      expect(Math.abs(sum(scales) / sum(trace) - 1)).toBeLessThan(1e-5);
      const largest = Math.max(...expected.data);
      expectClose(
        scales.data.map((x) => x / largest),
        expected.data.map((x) => x / largest),
        1e-5,
      );
    });
  });

  it.each(['expand', 'reduce'] as const)(
    'is closer to the exact block than K-FAC is, in the basis of %s',
    async (flavour) => {
      const engine = await measured({ flavour });
      const factors = referenceFactors(netValues(), batchOf(1), flavour);
      (await basesOf(engine)).forEach(({ a, g, scales }, layer) => {
        const exact = exactBlock(batchOf(1), layer);
        const [A, G] = factors[layer] as [Matrix, Matrix];
        const basis = kron(g, a);
        const scaled = matrix(
          basis.rows,
          basis.columns,
          (i, j) => (scales.data[i] ?? NaN) * entry(basis, i, j),
        );
        const [ours, theirs] = [product(transposed(basis), scaled), kron(G, A)].map((m) =>
          distance(m, exact),
        );
        expect(ours).toBeLessThan(theirs ?? NaN);
      });
    },
  );

  it.each([
    ['absolute', { dampingRule: 'exact', damping: 1e-3 }],
    ['relative', { dampingRule: 'relative', damping: 0.1 }],
  ])('divides the turned gradient by scales and damping: %s', async (scale, settings) => {
    const engine = await measured(settings);
    engine.run(batchOf(1), {}, ['forward', 'backward', 'precondition']);
    const direction = await readFloats(engine.gpu, engine.kfac.preconditioner.direction);
    const factors = referenceFactors(netValues(), batchOf(1), 'expand');
    const { layout } = engine.kfac;
    (await basesOf(engine)).forEach(({ a, g, scales }, layer) => {
      const mean = (m: Matrix) => sum(matrix(1, m.rows, (_, i) => entry(m, i, i))) / m.rows;
      const [A, G] = factors[layer] as [Matrix, Matrix];
      const lambda = settings.damping * (scale === 'relative' ? mean(A) * mean(G) : 1);
      const gradient = singleGradients(batchOf(1), layer).reduce((one, two) =>
        matrix(one.rows, one.columns, (i, j) => entry(one, i, j) + entry(two, i, j)),
      );
      const turned = product(product(g, gradient), transposed(a));
      const divided = matrix(
        turned.rows,
        turned.columns,
        (i, j) => entry(turned, i, j) / N / (entry(scales, i, j) + lambda),
      );
      const expected = product(product(transposed(g), divided), a);
      const name = layer === 0 ? 'first' : 'second';
      const group = layout.groups.find(({ layers }) => layers.some((l) => l.layer.name === name));
      const slot = group?.layers.findIndex((l) => l.layer.name === name) ?? 0;
      const first = (group?.offset ?? 0) + slot * (group?.stride ?? 0);
      const got = matrix(
        expected.rows,
        expected.columns,
        (i, j) => direction[first + i * (group?.columns ?? 0) + j] ?? NaN,
      );
      const largest = Math.max(...expected.data.map(Math.abs));
      expectClose(
        got.data.map((x) => x / largest),
        expected.data.map((x) => x / largest),
        1e-4,
      );
    });
  });

  it('begins with the eigenvalues of the factors', async () => {
    const engine = await prepareStep(kfacSpec({ preconditioner: 'ekfac', fisher: 'empirical' }));
    engine.run(batchOf(1), { factorMix: 1 }, curvature);
    const factors = referenceFactors(netValues(), batchOf(1), 'expand');
    (await basesOf(engine)).forEach(({ a, g, scales }, layer) => {
      const [A, G] = factors[layer] as [Matrix, Matrix];
      const [da, dg] = [product(product(a, A), transposed(a)), product(product(g, G), transposed(g))];
      const expected = matrix(g.rows, a.rows, (i, j) => entry(dg, i, i) * entry(da, j, j));
      const largest = Math.max(...expected.data);
      expectClose(
        scales.data.map((x) => x / largest),
        expected.data.map((x) => x / largest),
        1e-5,
      );
    });
  });

  it('carries scales over to new bases without changing their sum', async () => {
    const engine = await measured();
    const before = await basesOf(engine);
    engine.run(batchOf(2), { factorMix: 1 }, ['forward', 'backward', 'factors']);
    const measuredAgain = await basesOf(engine);
    engine.run(batchOf(2), {}, ['inverses']);
    const after = await basesOf(engine);
    after.forEach(({ a, g, scales }, layer) => {
      const old = measuredAgain[layer] as LayerBases;
      const squared = (newer: Matrix, older: Matrix) => {
        const overlap = product(newer, transposed(older));
        return matrix(overlap.rows, overlap.columns, (i, j) => entry(overlap, i, j) ** 2);
      };
      const expected = product(product(squared(g, old.g), old.scales), transposed(squared(a, old.a)));
      const largest = Math.max(...expected.data);
      expectClose(
        scales.data.map((x) => x / largest),
        expected.data.map((x) => x / largest),
        1e-5,
      );
      expect(Math.abs(sum(scales) / sum(old.scales) - 1)).toBeLessThan(1e-5);
      expect(distance(a, (before[layer] as LayerBases).a)).toBeGreaterThan(0.1);
    });
  });

  it('averages scales by the weight of the factors', async () => {
    const engine = await measured();
    const first = await basesOf(engine);
    engine.run(batchOf(2), { factorMix: 0.25 }, ['forward', 'backward', 'factors']);
    const mixed = await basesOf(engine);
    engine.run(batchOf(2), { factorMix: 1 }, ['forward', 'backward', 'factors']);
    const second = await basesOf(engine);
    mixed.forEach(({ scales }, layer) => {
      const [one, two] = [first[layer] as LayerBases, second[layer] as LayerBases];
      const expected = scales.data.map(
        (_, i) => 0.75 * (one.scales.data[i] ?? NaN) + 0.25 * (two.scales.data[i] ?? NaN),
      );
      expectClose(scales.data, expected, 1e-6);
      expect(distance(one.scales, two.scales)).toBeGreaterThan(0.01);
    });
  });

  it.each(['type2', 'mc'])('sends back the vectors of the Fisher %s', async (fisher) => {
    const engine = await measured({ fisher });
    // Of a layer whose output gradients are the same at every position G_n = g sum_r a: the trace is that of products.
    const [, second] = await basesOf(engine);
    const { inputs } = pass(netValues(), batchOf(1));
    const h = inputs[1];
    const G = engine.kfac.factors.factors.find(({ name }) => name === 'G of second');
    if (!second || !G) throw new Error('the net has two layers');
    const average = await readFloats(engine.gpu, G.fresh);
    const trace = Array.from({ length: G.size }, (_, i) => average[i * (G.padded + 1)] ?? NaN).reduce(
      (x, y) => x + y,
    );
    // tr G = 1/N sum_n sum_c sum_r |g|^2, so its share of every example is between the smallest and the largest |sum a|^2.
    const lengths = Array.from({ length: N }, (_, n) => {
      const total = matrix(1, h.columns, (_row, j) => {
        let x = 0;
        for (let r = 0; r < R; r++) x += entry(h, n * R + r, j);
        return x;
      });
      return total.data.reduce((x, y) => x + y * y, 0) / R;
    });
    const ratio = sum(second.scales) / trace;
    expect(ratio).toBeGreaterThan(Math.min(...lengths));
    expect(ratio).toBeLessThan(Math.max(...lengths));
  });
});
