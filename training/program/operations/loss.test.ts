import { beforeAll, describe, expect, it, test } from 'vitest';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import philoxSource from '../../../gpu-kernels/philox.wgsl';
import { emptyRegion, runAndRead, testGpu, uploaded } from '../../../gpu-kernels/test-gpu.ts';
import type { Tensor } from '../graph.ts';
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

const rowOf = (values: Float64Array, row: number): Float64Array => values.slice(row * classes, (row + 1) * classes);
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
    expectClose(terms!, probabilities.map((row, i) => -Math.log(row[labels[i]!]!)), f32Tolerance);
    expectClose(p!, probabilities.flatMap((row) => [...row]), f32Tolerance);
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
    expectClose(terms!, probabilities.slice(0, 6).map((row, i) => -Math.log(row[labels[i]!]!)), f32Tolerance);
  });

  it('stays finite and exact for logits far apart', async () => {
    const [terms, p] = await evaluate((_, leaf) => {
      const loss = crossEntropy(leaf([500, -500, 0, -1000, -1000, -990], [2, 3]), leaf(Uint32Array.of(1, 2), [2]));
      return [loss.terms, loss.probabilities!];
    });
    expectClose(terms!, [1000, Math.log(1 + 2 * Math.exp(-10))], 1e-6);
    expectClose(p!, [1, 0, 0, ...softmax(Float64Array.of(-1000, -1000, -990))], f32Tolerance);
  });

  it('has the gradient p - onehot(label), times the factor', async () => {
    const [seed] = await evaluate((_, leaf) => lossSeed(crossEntropyOf(leaf), { kind: 'gradient' }, 1 / count));
    expectClose(seed!, crossEntropySlope(), f32Tolerance);
  });

  it('refuses another number of labels', () =>
    expect(
      evaluate((_, leaf) => crossEntropy(leaf(noise(10, 0), [2, 5]), leaf(Uint32Array.of(1, 2, 3), [3])).terms),
    ).rejects.toThrow('2 predictions, but 3 labels'));
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
    const expected = Array.from({ length: count }, (_, row) => rowOf(squares, row).reduce((s, x) => s + x, 0) / classes);
    expectClose(terms!, expected, f32Tolerance);
  });

  it('has the gradient of the mean over terms and outputs', async () => {
    const [seed] = await evaluate((_, leaf) => lossSeed(squaredErrorOf(leaf), { kind: 'gradient' }, 1 / count));
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
        return lossSeed(loss, { kind: 'column', column }, factor);
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
    const hessian = Array.from({ length: classes * classes }, (_, i) => (i % (classes + 1) === 0 ? 2 / classes : 0));
    for (let row = 0; row < count; row++) {
      expectClose(outerProducts(columns, row), hessian, f32Tolerance, `row ${row}`);
    }
  });

  it('are scaled by the factor', async () => {
    const plain = await columnsOf(crossEntropyOf, 1);
    const scaled = await columnsOf(crossEntropyOf, 0.5);
    scaled.forEach((column, c) => expectClose(column, plain[c]!.map((x) => 0.5 * x), f32Tolerance));
  });
});

interface Sampler {
  draw(seed: number, index: number): Promise<Float32Array>;
}

async function sampler(build: (leaf: Leaf) => Loss, factor = 1): Promise<Sampler> {
  const step = new StepUniform(gpu);
  const program = await prepare((_, leaf) => lossSeed(build(leaf), { kind: 'sample', step }, factor));
  return {
    async draw(seed, index) {
      step.write({ ...stepOfNothing, seed, index });
      const [values] = await program.run();
      return values!;
    },
  };
}
