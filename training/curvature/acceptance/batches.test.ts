/** Factors of parts of a batch make up those of the whole, in whatever order; equal batches leave their average alone. */
import { describe, expect, it } from 'vitest';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy } from '../../program/operations/loss.ts';
import { segmentMean } from '../../program/operations/segments.ts';
import { readFloats } from '../../../gpu-kernels/readback.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { batchOrder } from '../../feeding/feeding.ts';
import { dueWork } from '../../loop/intervals.ts';
import { Recorder, tinyDataset, tinySpec } from '../../loop/test-trainer.ts';
import { TrainingProgram } from '../../loop/training-program.ts';
import { keepRunning, TrainingRun } from '../../loop/training-run.ts';
import { initialValues } from '../../loop/trainer.ts';
import { largestError, noise } from '../../program/test-program.ts';
import type { Factor } from '../factors.ts';
import { Kfac } from '../kfac.ts';
import { matrix, type Matrix } from '../test-reference.ts';
import type { Flavour } from '../flavour.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, type FactorCase } from './test-factors.ts';
import { scaled, secondMoment, sum } from './test-reference-net.ts';

const [D, H, C] = [3, 5, 3];
const counts = [2, 5, 1, 3, 0, 4, 2, 1];
const examples = counts.map((count, n) => ({ rows: noise(count * D, n), count, label: (n * n) % C }));
type Example = (typeof examples)[number];

/** Room for two examples more and for rows that nobody has: a batch that is not full. */
function build(batch: readonly Example[]): FactorCase['build'] {
  return (builder, leaf) => {
    const rows = batch.reduce((total, { count }) => total + count, 0);
    const ends = batch.map((_, n) => batch.slice(0, n + 1).reduce((total, { count }) => total + count, 0));
    const offsets = leaf(Uint32Array.from([0, ...ends, rows, rows]), [batch.length + 3]);
    const padding = noise(4 * D, 99);
    const x = leaf(Float64Array.from([...batch.flatMap((one) => [...one.rows]), ...padding]), [rows + 4, D]);
    const h = tanh(builder.linear('first', x, H, { offsets }));
    const logits = segmentMean(builder.linear('second', h, C, { offsets }), offsets);
    const labels = Uint32Array.from([...batch.map(({ label }) => label), 9, 9]);
    return crossEntropy(logits, leaf(labels, [batch.length + 2]), { ignored: 9 });
  };
}

const weightOf = (flavour: Flavour, batch: readonly Example[]) =>
  flavour === 'expand'
    ? batch.reduce((total, { count }) => total + count, 0)
    : batch.filter(({ count }) => count > 0).length;

describe.each([
  ['expand', 'type2'],
  ['reduce', 'type2'],
  ['expand', 'empirical'],
  ['reduce', 'empirical'],
] as const)('acceptance 11: batches, %s, %s', (flavour, fisher) => {
  const factors = (batch: readonly Example[], steps = 1) =>
    factorsOf({ build: build(batch), fisher, flavour, steps });
  const names = ['first', 'second'];

  it('add up, weighed by their rows and their loss terms, and do not care for the order', async () => {
    const whole = await factors(examples);
    const reversed = await factors([...examples].reverse());
    const parts = [examples.slice(0, 1), examples.slice(1, 4), examples.slice(4, 6), examples.slice(6)];
    const made = await Promise.all(parts.map((part) => factors(part)));
    for (const name of names) {
      const [a, g] = [`A of ${name}`, `G of ${name}`];
      const share = (part: readonly Example[]) => weightOf(flavour, part) / weightOf(flavour, examples);
      const A = sum(made.map((part, i) => scaled(part.of(a), share(parts[i] ?? []))));
      const G = sum(made.map((part, i) => scaled(part.of(g), (parts[i]?.length ?? NaN) / examples.length)));
      expectClose(A.data, whole.of(a).data, 1e-5, a);
      expectClose(G.data, whole.of(g).data, 1e-5, g);
      expectClose(reversed.of(a).data, whole.of(a).data, 1e-5, `reversed ${a}`);
      expectClose(reversed.of(g).data, whole.of(g).data, 1e-5, `reversed ${g}`);
      expect(Math.max(...whole.of(g).data)).toBeGreaterThan(1e-3);
    }
  });

  it('leave the average of equal batches where one puts it', async () => {
    const [one, five] = [await factors(examples), await factors(examples, 5)];
    for (const name of names.flatMap((layer) => [`A of ${layer}`, `G of ${layer}`])) {
      expectClose(five.of(name).data, one.of(name).data, 1e-6, name);
    }
  });
});

/** The sum over updates of decay^(those after it) F, over the sum of these weights; undivided: what it is without correction. */
function decayed(updates: readonly Matrix[], decay: number, isCorrected: boolean): Matrix {
  const weights = updates.map((_, k) => decay ** (updates.length - 1 - k));
  const total = isCorrected ? weights.reduce((a, b) => a + b, 0) : 1 / (1 - decay);
  return sum(updates.map((update, k) => scaled(update, (weights[k] ?? NaN) / total)));
}

describe('acceptance 11: the average of a run', () => {
  it.each([
    ['after one update', 1, { denseSteps: 3 }],
    ['in the dense start', 3, { denseSteps: 4 }],
    ['with updates left out', 9, { denseSteps: 2, factorInterval: 3 }],
  ])('weighs the batches of all updates as if it had begun long ago: %s', async (_, steps, intervals) => {
    const factorDecay = 0.9;
    const optimizer = { name: 'kfac', lr: 0.02, flavour: 'expand', factorDecay, ...intervals };
    const spec = tinySpec({ steps, evaluateEvery: steps, optimizer });
    const data = tinyDataset();
    const gpu = await testGpu();
    const program = await TrainingProgram.build(gpu, spec, data);
    program.reset((parameter) => initialValues(parameter, spec.seed));
    const run = new TrainingRun(gpu, spec, data, program, new Recorder(), keepRunning);
    expect((await run.train()).lastStep).toBe(steps);
    if (!(program.layerOptimiser instanceof Kfac)) throw new Error('the run is one of K-FAC');
    // What the first layer reads is the batch itself, whatever the parameters are by then.
    const [first] = program.layerOptimiser.factors.factors as [Factor];
    const stored = await readFloats(gpu, first.average);
    const average = matrix(first.size, first.size, (i, j) => stored[i * first.padded + j] ?? NaN);
    program.destroy();

    const order = batchOrder(data, spec.seed);
    const pixels = data.train.tensors['inputs']?.data ?? [];
    const [width, batchSize] = [first.size - 1, spec.batchSize];
    const updates = Array.from({ length: steps }, (__, k) => {
      const rows = order.take(batchSize);
      const x = matrix(batchSize, width + 1, (n, i) =>
        i < width ? (pixels[(rows[n] ?? NaN) * width + i] ?? NaN) : 1,
      );
      return dueWork(spec.optimizer, k + 1).factors ? [secondMoment(x, 1 / batchSize)] : [];
    }).flat();
    expect(first.name).toMatch(/^A of /);
    expectClose(average.data, decayed(updates, factorDecay, true).data, 1e-5);
    expect(largestError(average.data, decayed(updates, factorDecay, false).data, 0)).toBeGreaterThan(0.1);
  });
});
