/** The three kinds of Fisher on a layer small enough to know G by hand: softmax over pooled outputs. */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../../gpu-kernels/readback.ts';
import type { ModelBuilder } from '../models/model-builder.ts';
import type { Tensor } from '../program/graph.ts';
import { binaryCrossEntropy } from '../program/operations/binary-cross-entropy.ts';
import { crossEntropy } from '../program/operations/loss.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { factorsOf } from './acceptance/test-factors.ts';
import { expectClose, f32Tolerance, noise } from '../program/test-program.ts';
import type { Factor } from './factors.ts';
import { batchOf, kfacSpec, netShape, prepareStep, type TestStep } from './test-net.ts';
import { matrix, type Matrix } from './test-reference.ts';

const { examples, positions, inputs, classes } = netShape;
const values = new Map([
  ['softmax.weight', noise(classes * inputs, 1)],
  ['softmax.bias', noise(classes, 2)],
]);
const batch = batchOf(1);
const phasesOfFactors = ['forward', 'backward', 'factors'] as const;
type Flavour = 'expand' | 'reduce';

/** logits = mean over r of W x + b. */
function softmaxLayer(builder: ModelBuilder, x: Tensor): Tensor {
  return meanAxes(builder.linear('softmax', x, classes), 1, 1);
}

function prepared(settings: object): Promise<TestStep> {
  return prepareStep(kfacSpec(settings), values, softmaxLayer);
}

const gOf = (engine: TestStep) => engine.kfac.factors.layers[0]?.g as Factor;

async function read(engine: TestStep, which: 'fresh' | 'average'): Promise<Float64Array> {
  const { size, padded, [which]: region } = gOf(engine);
  const all = await readFloats(engine.gpu, region);
  return matrix(size, size, (i, j) => all[i * padded + j] ?? NaN).data;
}

/** [examples, classes], in float64. */
function probabilities(): Matrix {
  const logit = (n: number, c: number) => {
    let sum = values.get('softmax.bias')?.[c] ?? NaN;
    for (let r = 0; r < positions; r++)
      for (let j = 0; j < inputs; j++) {
        const w = values.get('softmax.weight')?.[c * inputs + j] ?? NaN;
        sum += (w * (batch.x[(n * positions + r) * inputs + j] ?? NaN)) / positions;
      }
    return sum;
  };
  const all = Array.from({ length: classes }, (_, c) => c);
  return matrix(examples, classes, (n, c) => {
    return Math.exp(logit(n, c)) / all.reduce((sum, d) => sum + Math.exp(logit(n, d)), 0);
  });
}

/** G from one vector per example and draw: each position gets its share 1/R of the vector. */
function byHand(flavour: Flavour, vectors: (n: number) => number[][]): Float64Array {
  const g = new Float64Array(classes * classes);
  for (let n = 0; n < examples; n++)
    for (const vector of vectors(n)) {
      // Expand adds the outer products of R equal shares; reduce takes that of their sum.
      const times = flavour === 'expand' ? positions / positions ** 2 : 1;
      for (let i = 0; i < classes; i++)
        for (let j = 0; j < classes; j++) {
          const at = i * classes + j;
          g[at] = (g[at] ?? NaN) + (times * (vector[i] ?? NaN) * (vector[j] ?? NaN)) / examples;
        }
    }
  return g;
}

const p = probabilities();
const unit = (i: number, c: number) => (i === c ? 1 : 0);
const row = (n: number) => Array.from({ length: classes }, (_, c) => p.data[n * classes + c] ?? NaN);

/** Columns sqrt(p_c) (e_c - p) of the square root of the loss Hessian. */
const columns = (n: number) =>
  row(n).map((pc, c) => row(n).map((pi, i) => Math.sqrt(pc) * (unit(i, c) - pi)));
/** Gradient p - onehot(label) of the loss of an example. */
const gradients = (n: number) => [row(n).map((pi, i) => pi - unit(i, batch.labels[n] ?? NaN))];

function frobenius(x: ArrayLike<number>, y: ArrayLike<number> = new Float64Array(x.length)): number {
  return Math.hypot(...Array.from(x, (value, i) => value - (y[i] ?? NaN)));
}

describe.each(['expand', 'reduce'] as const)('G by %s', (flavour) => {
  it('for type-2 is the sum over the columns of the loss Hessian, however often it is made', async () => {
    const engine = await prepared({ flavour, fisher: 'type2' });
    for (let round = 0; round < 3; round++) {
      engine.run(batch, { factorMix: 1 }, phasesOfFactors);
      expectClose(await read(engine, 'fresh'), byHand(flavour, columns), f32Tolerance, `round ${round}`);
    }
  });

  it('for type-2 makes diag(p) - p p^T', async () => {
    const engine = await prepared({ flavour, fisher: 'type2' });
    engine.run(batch, { factorMix: 1 }, phasesOfFactors);
    const share = flavour === 'expand' ? 1 / positions : 1;
    const hessian = matrix(classes, classes, (i, j) => {
      let sum = 0;
      for (let n = 0; n < examples; n++) {
        const [pi, pj] = [row(n)[i] ?? NaN, row(n)[j] ?? NaN];
        sum += (share * (unit(i, j) * pi - pi * pj)) / examples;
      }
      return sum;
    });
    expectClose(await read(engine, 'fresh'), hessian.data, f32Tolerance);
  });

  it('for the empirical Fisher is the second moment of the gradients of the loss terms', async () => {
    const engine = await prepared({ flavour, fisher: 'empirical' });
    engine.run(batch, { factorMix: 1 }, phasesOfFactors);
    expectClose(await read(engine, 'fresh'), byHand(flavour, gradients), f32Tolerance);
  });

  it('for Monte Carlo converges to type-2 over many steps', async () => {
    const engine = await prepared({ flavour, fisher: 'mc' });
    const draws = 400;
    // With a weight of 1/k the average is the mean of all draws.
    for (let k = 1; k <= draws; k++)
      engine.run(batch, { index: k, seed: 3, factorMix: 1 / k }, phasesOfFactors);
    const expected = byHand(flavour, columns);
    const got = await read(engine, 'average');
    // 2400 labels in all leave about 1 / sqrt(2400) = 2 percent; one draw alone is far off.
    expect(frobenius(got, expected) / frobenius(expected)).toBeLessThan(0.1);
    expect(frobenius(await read(engine, 'fresh'), expected) / frobenius(expected)).toBeGreaterThan(0.1);
  });
});

describe('Monte-Carlo draws', () => {
  it('are the same bits for the same seed and step, and others for another seed or step', async () => {
    const engine = await prepared({ flavour: 'expand', fisher: 'mc' });
    const draw = async (seed: number, index: number) => {
      engine.run(batch, { seed, index, factorMix: 1 }, phasesOfFactors);
      return (await read(engine, 'fresh')).join();
    };
    const first = await draw(5, 7);
    const others = [await draw(5, 8), await draw(5, 9), await draw(6, 7), await draw(7, 7)];
    expect(await draw(5, 7)).toBe(first);
    // Six labels of three classes may coincide once, not in every draw.
    expect(others.filter((other) => other !== first).length).toBeGreaterThanOrEqual(3);
  });
});

describe('the moving average', () => {
  it('is bias-corrected: with a decay of .5 the weights of three factors are 1 : 2 : 4', async () => {
    const engine = await prepared({ flavour: 'expand', fisher: 'empirical' });
    const fresh: Float64Array[] = [];
    let weight = 0;
    for (let step = 1; step <= 3; step++) {
      weight = 0.5 * weight + 1;
      engine.run(batchOf(step), { factorMix: 1 / weight }, phasesOfFactors);
      fresh.push(await read(engine, 'fresh'));
    }
    const expected = Float64Array.from({ length: classes ** 2 }, (_, i) => {
      return fresh.reduce((sum, f, step) => sum + (2 ** step * (f[i] ?? NaN)) / 7, 0);
    });
    expectClose(await read(engine, 'average'), expected, f32Tolerance);
  });
});

describe('loss terms that do not count', () => {
  const [M, D, C] = [5, 4, 3];
  const x = noise(M * D, 11);
  const ignored = 7;
  const labels = Uint32Array.of(0, ignored, 2, 1, ignored);
  /** One example has no target at all, one misses a single one. */
  const mask = Float64Array.from({ length: M * C }, (_, i) => (Math.floor(i / C) === 1 || i === 6 ? 0 : 1));
  const bits = noise(M * C, 12).map((value) => (value > 0 ? 1 : 0));
  const weight = noise(C * D, 13);

  const logits = matrix(M, C, (m, c) => {
    let sum = 0;
    for (let j = 0; j < D; j++) sum += (x[m * D + j] ?? NaN) * (weight[c * D + j] ?? NaN);
    return sum;
  });
  const softmaxOf = (m: number, c: number) => {
    const exp = (k: number) => Math.exp(logits.data[m * C + k] ?? NaN);
    return exp(c) / [0, 1, 2].reduce((sum, k) => sum + exp(k), 0);
  };
  const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

  /** Second moment of the rows that count, each the gradient of its term, over their number. */
  function expected(
    counts: (m: number) => boolean,
    gradient: (m: number, c: number) => number,
  ): Float64Array {
    const rows = Array.from({ length: M }, (_, m) => m).filter(counts);
    return matrix(C, C, (i, j) =>
      rows.reduce((sum, m) => sum + (gradient(m, i) * gradient(m, j)) / rows.length, 0),
    ).data;
  }

  it.each(['empirical', 'empirical-per-term'] as const)(
    'are no terms of cross-entropy: %s',
    async (fisher) => {
      const { of } = await factorsOf({
        build: (builder, leaf) => {
          const z = builder.linear('layer', leaf(x, [M, D]), C, { bias: false });
          return crossEntropy(z, leaf(labels, [M]), { ignored });
        },
        ...{ fisher, flavour: 'expand', values: { 'layer.weight': weight } },
      });
      const G = expected(
        (m) => labels[m] !== ignored,
        (m, c) => softmaxOf(m, c) - (labels[m] === c ? 1 : 0),
      );
      expectClose(of('G of layer').data, G, f32Tolerance);
    },
  );

  it.each(['empirical', 'empirical-per-term'] as const)(
    'are no terms of binary cross-entropy, whose mean is over targets: %s',
    async (fisher) => {
      const { of } = await factorsOf({
        build: (builder, leaf) => {
          const z = builder.linear('layer', leaf(x, [M, D]), C, { bias: false });
          return binaryCrossEntropy(z, leaf(bits, [M, C]), leaf(mask, [M, C]));
        },
        ...{ fisher, flavour: 'expand', values: { 'layer.weight': weight } },
      });
      const targets = mask.reduce((sum, counts) => sum + counts, 0);
      const terms = M - 1;
      // The mean over targets is the mean over terms of terms / targets times a term's sum.
      const G = expected(
        (m) => m !== 1,
        (m, c) => {
          const at = m * C + c;
          const slope = sigmoid(logits.data[at] ?? NaN) - (bits[at] ?? NaN);
          return ((mask[at] ?? NaN) * slope * terms) / targets;
        },
      );
      expectClose(of('G of layer').data, G, f32Tolerance);
    },
  );
});
