import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { StepUniform } from '../step-scalars.ts';
import { evaluate, expectClose, f32Tolerance, noise, prepare, type Leaf } from '../test-program.ts';
import { crossEntropy, lossSeed, meanSquaredError, type Loss } from './loss.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const classes = 5;
const count = 37;
const logits = noise(count * classes, 1).map((x) => 4 * x);
const labels = Uint32Array.from({ length: count }, (_, i) => (i * 7 + 3) % classes);

function softmax(z: Float64Array): Float64Array {
  const powers = z.map((x) => Math.exp(x - Math.max(...z)));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total);
}

const rowOf = (values: Float64Array, row: number): Float64Array =>
  values.slice(row * classes, (row + 1) * classes);
const probabilities = Array.from({ length: count }, (_, row) => softmax(rowOf(logits, row)));

function crossEntropyOf(leaf: Leaf): Loss {
  return crossEntropy(leaf(logits, [count, classes]), leaf(labels, [count]));
}

describe('cross-entropy', () => {
  it('gives terms, probabilities and hits', async () => {
    const [terms, p, hits] = await evaluate((_, leaf) => {
      const loss = crossEntropyOf(leaf);
      expect(loss).toMatchObject({ kind: 'cross-entropy', termCount: count, classes });
      return [loss.terms, loss.probabilities!, loss.hits!];
    });
    expectClose(
      terms!,
      probabilities.map((row, i) => -Math.log(row[labels[i]!]!)),
      f32Tolerance,
    );
    expectClose(
      p!,
      probabilities.flatMap((row) => [...row]),
      f32Tolerance,
    );
    const right = probabilities.map((row, i) => (row.indexOf(Math.max(...row)) === labels[i] ? 1 : 0));
    expect([...hits!]).toEqual(right);
    expect(right).toContain(1);
    expect(right).toContain(0);
  });

  it('takes a label per position', async () => {
    const [terms] = await evaluate((_, leaf) => {
      const loss = crossEntropy(leaf(logits.slice(0, 30), [2, 3, classes]), leaf(labels.slice(0, 6), [2, 3]));
      expect(loss.termCount).toBe(6);
      return loss.terms;
    });
    expectClose(
      terms!,
      probabilities.slice(0, 6).map((row, i) => -Math.log(row[labels[i]!]!)),
      f32Tolerance,
    );
  });

  it('stays finite and exact for logits far apart', async () => {
    const [terms, p] = await evaluate((_, leaf) => {
      const loss = crossEntropy(
        leaf([500, -500, 0, -1000, -1000, -990], [2, 3]),
        leaf(Uint32Array.of(1, 2), [2]),
      );
      return [loss.terms, loss.probabilities!];
    });
    expectClose(terms!, [1000, Math.log(1 + 2 * Math.exp(-10))], 1e-6);
    expectClose(p!, [1, 0, 0, ...softmax(Float64Array.of(-1000, -1000, -990))], f32Tolerance);
  });

  it('has the gradient p - onehot(label), times the factor', async () => {
    const [seed] = await evaluate((_, leaf) =>
      lossSeed(crossEntropyOf(leaf), { kind: 'gradient' }, 1 / count),
    );
    expectClose(seed!, crossEntropySlope(), f32Tolerance);
  });

  it('refuses another number of labels', () =>
    expect(
      evaluate(
        (_, leaf) => crossEntropy(leaf(noise(10, 0), [2, 5]), leaf(Uint32Array.of(1, 2, 3), [3])).terms,
      ),
    ).rejects.toThrow('cross-entropy: labels (input) of shape [3] should be 2 numbers'));
});

/** d/dz of the mean cross-entropy by central differences. */
function crossEntropySlope(): Float64Array {
  const mean = (z: Float64Array): number => {
    let sum = 0;
    for (let row = 0; row < count; row++) sum -= Math.log(softmax(rowOf(z, row))[labels[row]!]!);
    return sum / count;
  };
  return slopes(mean, logits);
}

function slopes(f: (x: Float64Array) => number, x: Float64Array): Float64Array {
  return x.map((value, i) => {
    const at = (offset: number): number => {
      const moved = x.slice();
      moved[i] = value + offset;
      return f(moved);
    };
    return (at(1e-5) - at(-1e-5)) / 2e-5;
  });
}

const targets = noise(count * classes, 2);
function squaredErrorOf(leaf: Leaf): Loss {
  return meanSquaredError(leaf(logits, [count, classes]), leaf(targets, [count, classes]));
}

describe('mean squared error', () => {
  it('gives terms averaged over the outputs', async () => {
    const [terms] = await evaluate((_, leaf) => {
      const loss = squaredErrorOf(leaf);
      expect(loss).toMatchObject({ kind: 'mse', termCount: count, classes, probabilities: null, hits: null });
      return loss.terms;
    });
    const squares = logits.map((x, i) => (x - targets[i]!) ** 2);
    const expected = Array.from(
      { length: count },
      (_, row) => rowOf(squares, row).reduce((s, x) => s + x, 0) / classes,
    );
    expectClose(terms!, expected, f32Tolerance);
  });

  it('has the gradient of the mean over terms and outputs', async () => {
    const [seed] = await evaluate((_, leaf) =>
      lossSeed(squaredErrorOf(leaf), { kind: 'gradient' }, 1 / count),
    );
    const mean = (f: Float64Array): number =>
      f.reduce((sum, x, i) => sum + (x - targets[i]!) ** 2, 0) / (count * classes);
    expectClose(seed!, slopes(mean, logits), f32Tolerance);
  });
});

/** Sum over the columns of S S^T for one row. */
function outerProducts(columns: Float32Array[], row: number): number[] {
  return Array.from({ length: classes * classes }, (_, i) => {
    const [a, b] = [Math.floor(i / classes), i % classes];
    return columns.reduce((sum, s) => sum + s[row * classes + a]! * s[row * classes + b]!, 0);
  });
}

describe('column seeds square to the Hessian of a term', () => {
  async function columnsOf(build: (leaf: Leaf) => Loss, factor: number): Promise<Float32Array[]> {
    return evaluate((_, leaf) => {
      const loss = build(leaf);
      return Array.from({ length: classes }, (_, c) => {
        const column = leaf(Uint32Array.of(c), [1], 'column');
        return lossSeed(loss, { kind: 'column', round: column }, factor);
      });
    });
  }

  it('cross-entropy: diag(p) - p p^T', async () => {
    const columns = await columnsOf(crossEntropyOf, 1);
    probabilities.forEach((p, row) => {
      const hessian = outerProducts(columns, row).map((_, i) => {
        const [a, b] = [Math.floor(i / classes), i % classes];
        return (a === b ? p[a]! : 0) - p[a]! * p[b]!;
      });
      expectClose(outerProducts(columns, row), hessian, f32Tolerance, `row ${row}`);
    });
  });

  it('mean squared error: (2 / C) I', async () => {
    const columns = await columnsOf(squaredErrorOf, 1);
    const hessian = Array.from({ length: classes * classes }, (_, i) =>
      i % (classes + 1) === 0 ? 2 / classes : 0,
    );
    for (let row = 0; row < count; row++) {
      expectClose(outerProducts(columns, row), hessian, f32Tolerance, `row ${row}`);
    }
  });

  it('are scaled by the factor', async () => {
    const plain = await columnsOf(crossEntropyOf, 1);
    const scaled = await columnsOf(crossEntropyOf, 0.5);
    scaled.forEach((column, c) =>
      expectClose(
        column,
        plain[c]!.map((x) => 0.5 * x),
        f32Tolerance,
      ),
    );
  });
});

/** Compiles a sampling program; the answer draws for a seed and a step. */
async function sampler(build: (leaf: Leaf) => Loss, factor = 1) {
  const step = new StepUniform(gpu);
  const program = await prepare((_, leaf) => lossSeed(build(leaf), { kind: 'sample', step }, factor));
  return async (seed: number, index: number): Promise<Float32Array> => {
    step.write({ index, seed, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
    const [values] = await program.run();
    return values!;
  };
}

/** The label of each row: the one entry of p - onehot(label) that is below zero. */
function labelsOf(seed: Float32Array): number[] {
  return Array.from({ length: seed.length / classes }, (_, row) => {
    const values = [...seed.subarray(row * classes, (row + 1) * classes)];
    return values.findIndex((x) => x < 0);
  });
}

describe.each([
  ['cross-entropy', crossEntropyOf],
  ['mean squared error', squaredErrorOf],
])('sample seeds of %s', (_, build) => {
  it('depend on seed and step and on nothing else', async () => {
    const draw = await sampler(build);
    const first = await draw(7, 3);
    const others = [await draw(7, 4), await draw(8, 3)];
    expect(await draw(7, 3)).toEqual(first);
    expect(await (await sampler(build))(7, 3)).toEqual(first);
    for (const other of others) expect(other).not.toEqual(first);
  });

  it('are scaled by the factor', async () => {
    const plain = await (await sampler(build))(1, 1);
    const scaled = await (await sampler(build, 0.5))(1, 1);
    expectClose(
      scaled,
      plain.map((x) => 0.5 * x),
      f32Tolerance,
    );
  });
});

// Draws are fixed by seed and step, so these tests of chance give the same answer every time.
describe('sampled labels', () => {
  it('make the seed p - onehot(label)', async () => {
    const seed = await (await sampler(crossEntropyOf))(1, 1);
    const expected = labelsOf(seed).flatMap((label, row) =>
      [...probabilities[row]!].map((p, c) => p - (c === label ? 1 : 0)),
    );
    expectClose(seed, expected, f32Tolerance);
  });

  it('come with the frequencies the model gives them, row by row over many steps', async () => {
    const mild = logits.map((x) => x / 3);
    const draw = await sampler((leaf) => crossEntropy(leaf(mild, [count, classes]), leaf(labels, [count])));
    const steps = 250;
    const counts = new Float64Array(count * classes);
    for (let index = 1; index <= steps; index++) {
      labelsOf(await draw(1, index)).forEach((label, row) => counts[row * classes + label]!++);
    }
    let chiSquare = 0;
    for (let row = 0; row < count; row++) {
      softmax(rowOf(mild, row)).forEach((p, c) => {
        chiSquare += (counts[row * classes + c]! - steps * p) ** 2 / (steps * p);
      });
    }
    // Chi-square of `freedom` degrees has mean `freedom` and variance twice that; four standard deviations each way.
    const freedom = count * (classes - 1);
    expect(Math.abs(chiSquare - freedom)).toBeLessThan(4 * Math.sqrt(2 * freedom));
  });

  it('are independent from row to row within a step', async () => {
    const rows = 3000;
    const z = rowOf(logits, 0).map((x) => x / 3);
    const same = Float64Array.from({ length: rows * classes }, (_, i) => z[i % classes]!);
    const draw = await sampler((leaf) =>
      crossEntropy(leaf(same, [rows, classes]), leaf(new Uint32Array(rows), [rows])),
    );
    const drawn = labelsOf(await draw(1, 1));
    const p = softmax(z);
    let chiSquare = 0;
    p.forEach((probability, c) => {
      const expected = rows * probability;
      chiSquare += (drawn.filter((label) => label === c).length - expected) ** 2 / expected;
    });
    expect(chiSquare).toBeLessThan(classes - 1 + 4 * Math.sqrt(2 * (classes - 1)));
    // Neighbours agree as often as two draws of their own would.
    const alike = p.reduce((sum, probability) => sum + probability ** 2, 0);
    const agreeing = drawn.filter((label, row) => row > 0 && label === drawn[row - 1]).length / (rows - 1);
    expect(Math.abs(agreeing - alike)).toBeLessThan(4 * Math.sqrt((alike * (1 - alike)) / rows));
  });

  it('never have probability zero', async () => {
    const certain = Float64Array.from({ length: count * classes }, (_, i) => (i % classes === 2 ? 0 : -200));
    const draw = await sampler((leaf) =>
      crossEntropy(leaf(certain, [count, classes]), leaf(labels, [count])),
    );
    for (let index = 1; index <= 20; index++) {
      // p - onehot is exactly zero where the model is certain.
      expect((await draw(1, index)).every((x) => x === 0)).toBe(true);
    }
  });
});

describe('the squared error and its gradient', () => {
  async function check(rows: number, width: number): Promise<void> {
    const [f, y] = [noise(rows * width, rows), noise(rows * width, width + 50)];
    const [terms, seed] = await evaluate((_, leaf) => {
      const loss = meanSquaredError(leaf(f, [rows, width]), leaf(y, [rows, width]));
      return [loss.terms, lossSeed(loss, { kind: 'gradient' }, 1 / rows)];
    });
    const mean = Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let c = 0; c < width; c++) sum += (f[row * width + c]! - y[row * width + c]!) ** 2;
      return sum / width;
    });
    expectClose(terms!, mean, f32Tolerance);
    const slope = f.map((value, i) => (2 * (value - y[i]!)) / (width * rows));
    expectClose(seed!, slope, f32Tolerance, 'gradient');
  }

  it.each([
    [1, 1],
    [5, 1],
    [1, 4],
    [33, 8],
    [40, 3],
  ])('of %d terms of %d', check);

  it('of any size', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 20 }), check),
      trials(4),
    ));
});

it('sampled squared-error seeds have mean 0 and second moment (2 / C) I', async () => {
  const rows = 4000;
  const zeros = new Float64Array(rows * classes);
  const draw = await sampler((leaf) =>
    meanSquaredError(leaf(zeros, [rows, classes]), leaf(zeros, [rows, classes])),
  );
  const values = await draw(1, 1);
  const variance = 2 / classes;
  for (let a = 0; a < classes; a++) {
    const column = Array.from({ length: rows }, (_, row) => values[row * classes + a]!);
    const mean = column.reduce((sum, x) => sum + x, 0) / rows;
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(variance / rows));
    const fourth = column.reduce((sum, x) => sum + x ** 4, 0) / rows / variance ** 2;
    // The fourth moment of a standard normal is 3, its estimate's variance (105 - 9) / rows.
    expect(Math.abs(fourth - 3)).toBeLessThan(4 * Math.sqrt(96 / rows));
    for (let b = 0; b <= a; b++) {
      const product =
        column.reduce((sum, x, row) => sum + x * values[row * classes + b]!, 0) / rows / variance;
      expect(Math.abs(product - (a === b ? 1 : 0))).toBeLessThan(4 * Math.sqrt((a === b ? 2 : 1) / rows));
    }
  }
});
