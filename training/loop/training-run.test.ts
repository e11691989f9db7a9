/** A run from the outside, through the real trainer: what it reports, that it repeats bit by bit, and how it ends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricKey } from '../../contract/runs.ts';
import type { TrainingProgress } from '../../contract/training.ts';
import { partTensor } from '../../datasets/dataset.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { scheduleFactor } from '../optimisers/schedule.ts';
import {
  counts,
  observedTrainer,
  Recorder,
  ScriptedControl,
  tinyDataset,
  tinySpec,
  trainExamples,
  trainOn,
  type FinishedRun,
  type ObservedTrainer,
} from './test-trainer.ts';
import { TrainingProgram } from './training-program.ts';
import { keepRunning } from './training-run.ts';

const kfac = {
  name: 'kfac',
  lr: 0.02,
  flavour: 'expand',
  denseSteps: 3,
  factorInterval: 4,
  inverseInterval: 4,
};

/** Models with other operations than the smallest: convolutions, pooling, normalisation with statistics of its own. */
const cnn = { kind: 'cnn', channels: [4, 8] };
const wideResnet = { kind: 'wide-resnet', depth: 10, width: 1 };

let observed: ObservedTrainer;
beforeAll(async () => {
  observed = await observedTrainer();
});
afterAll(() => observed.trainer.dispose());

const stepsOf = (run: FinishedRun, key: MetricKey) => run.recorder.series(key).map(({ step }) => step);
const upTo = (steps: number) => Array.from({ length: steps }, (_, i) => i + 1);
const isRising = (list: readonly number[]) => list.every((x, i) => i === 0 || x >= (list[i - 1] ?? NaN));

function expectSameRun(run: FinishedRun, other: FinishedRun): void {
  expect(run.parameters).toEqual(other.parameters);
  expect(run.recorder.series('train.loss')).toEqual(other.recorder.series('train.loss'));
}

describe('a run', () => {
  it('finishes with every metric of every step, in order', async () => {
    const spec = tinySpec({ steps: 23, evaluateEvery: 5 });
    const run = await trainOn(observed, spec);
    expect(run.result).toMatchObject({ status: 'finished', lastStep: 23 });
    for (const key of ['train.loss', 'train.lr', 'time.step_ms'] as const) {
      expect(stepsOf(run, key), key).toEqual(upTo(23));
    }
    for (const key of ['val.loss', 'val.accuracy'] as const) {
      expect(stepsOf(run, key), key).toEqual([5, 10, 15, 20, 23]);
    }
    const { rows } = run.recorder;
    expect(isRising(rows.map(({ step }) => step))).toBe(true);
    expect(isRising(rows.map(({ activeMs }) => activeMs))).toBe(true);
    expect(isRising(rows.map(({ wallMs }) => wallMs))).toBe(true);
    expect(rows.every(({ activeMs, wallMs }) => activeMs >= 0 && wallMs >= activeMs)).toBe(true);
    expect(rows.at(-1)?.activeMs).toBe(run.result.activeMs);
    for (const { step, value } of run.recorder.series('train.lr')) {
      expect(value).toBeCloseTo(0.02 * scheduleFactor(spec.schedule, step, 23), 12);
    }
  });

  it('learns: the loss falls and the accuracy is a share of the validation images', async () => {
    const { recorder } = await trainOn(
      observed,
      tinySpec({ steps: 60, optimizer: { name: 'adamw', lr: 0.05 } }),
    );
    const losses = recorder.series('train.loss').map(({ value }) => value);
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] ?? NaN));
    const [accuracy = NaN] = recorder
      .series('val.accuracy')
      .map(({ value }) => value)
      .slice(-1);
    expect(accuracy).toBeGreaterThan(0.7);
    expect(accuracy * 12).toBeCloseTo(Math.round(accuracy * 12), 4);
  });

  it('says what it is before the first step, and ends with progress at the last', async () => {
    const { recorder } = await trainOn(observed, tinySpec({ optimizer: kfac, steps: 6, evaluateEvery: 3 }));
    expect(recorder.starts).toBe(1);
    expect(recorder.layers).toEqual(['layers.0', 'head']);
    expect(recorder.parameterCount).toBe(16 * 5 + 5 + 5 * 3 + 3);
    expect(recorder.progressed[0]).toMatchObject({ state: 'compiling', step: 0, steps: 6, stepMs: null });
    expect(recorder.progressed.at(-1)).toMatchObject({ state: 'training', step: 6, steps: 6 });
    expect(recorder.progressed.at(-1)?.stepMs).toBeGreaterThan(0);
    expect(recorder.codes).toEqual(['started', 'finished']);
  });

  it('notes once that the target was reached', async () => {
    const target = { metric: 'val.loss', op: '<=', value: 100 };
    const { recorder } = await trainOn(observed, tinySpec({ target }));
    expect(recorder.codes).toEqual(['started', 'target-reached', 'finished']);
    expect(recorder.events[1]).toMatchObject({ step: 5, level: 'info', text: 'Reached the target 100' });
  });

  it('sees every example once per epoch', async () => {
    await trainOn(observed, tinySpec({ steps: 15 }));
    const seen = observed.batches;
    expect(seen).toHaveLength(15);
    const all = Array.from({ length: trainExamples }, (_, i) => i);
    for (const epoch of [0, 1, 2]) {
      const rows = seen.slice(epoch * 5, epoch * 5 + 5).flat();
      expect(
        rows.sort((a, b) => a - b),
        `epoch ${epoch}`,
      ).toEqual(all);
    }
  });
});

describe('the same seed', () => {
  it.each([
    ['adamw', { name: 'adamw', lr: 0.02 }],
    ['sgd', { name: 'sgd', lr: 0.02 }],
    ['kfac', kfac],
    ['classic kfac', { ...kfac, recipe: 'classic', lr: 0.001, fisher: 'type2' }],
    ['ikfac', { name: 'ikfac', flavour: 'expand', lr: 0.02, factorInterval: 3, denseSteps: 4 }],
    ['classic singd', { name: 'singd', flavour: 'reduce', lr: 0.001, recipe: 'classic', clipNorm: 1 }],
    ['shampoo', { name: 'shampoo', lr: 0.02, rootInterval: 3, denseSteps: 2 }],
    ['shampoo with the length of SGD', { name: 'shampoo', lr: 0.02, grafting: 'sgd', clipNorm: 1 }],
    ['soap', { name: 'soap', lr: 0.02, basisInterval: 3, clipNorm: 1 }],
  ])(
    'gives the same bits fresh, after another run on the same program, and evaluated otherwise: %s',
    async (_, optimizer) => {
      const fresh = await trainOn(observed, tinySpec({ optimizer }));
      const other = await trainOn(observed, tinySpec({ optimizer, seed: 2, steps: 7 }));
      const again = await trainOn(observed, tinySpec({ optimizer }));
      const evaluatedOften = await trainOn(observed, tinySpec({ optimizer, evaluateEvery: 3 }));
      expectSameRun(again, fresh);
      expectSameRun(evaluatedOften, fresh);
      expect(again.recorder.series('val.loss')).toEqual(fresh.recorder.series('val.loss'));
      expect(other.parameters).not.toEqual(fresh.parameters);
    },
  );

  it.each<[string, object, object?]>([
    ['adamw', { name: 'adamw', lr: 0.02, clipNorm: 1 }],
    ['nadamw', { name: 'nadamw', lr: 0.02 }],
    ['kfac', kfac],
    ['classic kfac', { ...kfac, recipe: 'classic', lr: 0.001, fisher: 'type2', clipNorm: 1 }],
    ['adamw on a cnn', { name: 'adamw', lr: 0.02 }, cnn],
    ['kfac on a wide ResNet', kfac, wideResnet],
  ])(
    'gives the same bits however the steps are cut into submits, and on a device of its own: %s',
    async (_, optimizer, model = { kind: 'mlp', hidden: [5] }) => {
      const spec = tinySpec({ optimizer, model, evaluateEvery: 7 });
      const runs: { run: FinishedRun; submits: number }[] = [];
      for (const budgetMs of [1e-6, Infinity]) {
        const own = await observedTrainer(tinyDataset(), budgetMs);
        runs.push({ run: await trainOn(own, spec), submits: own.submits.count });
        own.trainer.dispose();
      }
      const [cut, whole] = runs as [(typeof runs)[0], (typeof runs)[0]];
      expectSameRun(cut.run, whole.run);
      expect(cut.run.recorder.series('val.loss')).toEqual(whole.run.recorder.series('val.loss'));
      expect(cut.submits).toBeGreaterThan(5 * whole.submits);
      expectSameRun(await trainOn(observed, tinySpec({ optimizer, model, evaluateEvery: 20 })), whole.run);
    },
  );

  it('gives the same bits beyond the ring of metrics, evaluated once or often', async () => {
    const run = await trainOn(observed, tinySpec({ steps: 150, evaluateEvery: 150 }));
    expect(stepsOf(run, 'train.loss')).toEqual(upTo(150));
    expectSameRun(await trainOn(observed, tinySpec({ steps: 150, evaluateEvery: 10 })), run);
  });
});

describe('commands', () => {
  it('pause where they come, hand on all metrics first, and go on to the very same end', async () => {
    const spec = tinySpec({ optimizer: kfac });
    const whole = await trainOn(observed, spec);
    for (const asked of [1, 4, 6, 13]) {
      const run = await trainOn(observed, spec, new ScriptedControl(asked, 'pause'));
      expectSameRun(run, whole);
      expect(run.recorder.series('val.loss')).toEqual(whole.recorder.series('val.loss'));
      expect(run.recorder.codes).toEqual(['started', 'paused', 'resumed', 'finished']);
      const at = run.recorder.progressed.findIndex(({ state }) => state === 'paused');
      const step = run.recorder.progressed[at]?.step ?? NaN;
      expect(step).toBeLessThan(20);
      expect(run.recorder.events[1]).toMatchObject({ code: 'paused', step });
      const known = run.recorder.rows.slice(0, run.recorder.rowsAtProgress[at]);
      expect(known.filter(({ key }) => key === 'train.loss').map((row) => row.step)).toEqual(upTo(step));
    }
  });

  it('stop after the step at hand and keep everything up to it', async () => {
    const whole = await trainOn(observed, tinySpec());
    const run = await trainOn(observed, tinySpec(), new ScriptedControl(7, 'stop'));
    const { status, lastStep } = run.result;
    expect(status).toBe('stopped');
    expect(lastStep).toBeGreaterThan(1);
    expect(lastStep).toBeLessThan(20);
    expect(run.recorder.series('train.loss')).toEqual(whole.recorder.series('train.loss').slice(0, lastStep));
    expect(run.recorder.codes).toEqual(['started', 'stopped']);
    expect(run.recorder.progressed.at(-1)?.step).toBe(lastStep);
  });

  it('stop a run that is paused', async () => {
    const run = await trainOn(observed, tinySpec(), new ScriptedControl(3, 'pause', 'stop'));
    expect(run.result.status).toBe('stopped');
    expect(run.recorder.codes).toEqual(['started', 'paused', 'stopped']);
  });

  it.each(['pause', 'stop'] as const)(
    'to %s that come with the last step leave a finished run',
    async (command) => {
      // The loop asks before each step but the first of each stretch, and once after a stretch.
      const spec = tinySpec({ steps: 4, evaluateEvery: 4 });
      const run = await trainOn(observed, spec, new ScriptedControl(3, command));
      expect(run.result).toMatchObject({ status: 'finished', lastStep: 4 });
      expect(run.recorder.codes).toEqual(['started', 'finished']);
    },
  );
});

describe('divergence', () => {
  it('ends the run at the step whose loss is not finite, with its metrics up to there', async () => {
    const optimizer = { name: 'sgd', lr: 10, momentum: 0 };
    const spec = tinySpec({ optimizer, schedule: { kind: 'constant' } });
    const huge = { ...spec, optimizer: { ...spec.optimizer, lr: 1e30 } };
    const { result, recorder } = await trainOn(observed, huge);
    const losses = recorder.series('train.loss');
    expect(result.status).toBe('diverged');
    expect(losses.map(({ step }) => step)).toEqual(upTo(result.lastStep));
    expect(losses.slice(0, -1).every(({ value }) => Number.isFinite(value))).toBe(true);
    expect(Number.isFinite(losses.at(-1)?.value)).toBe(false);
    expect(recorder.series('train.lr')).toHaveLength(result.lastStep);
    expect(recorder.events.at(-1)).toMatchObject({
      step: result.lastStep,
      level: 'error',
      code: 'diverged',
      text: `Loss became non-finite at step ${result.lastStep}. The run is kept up to there.`,
    });
  });

  it('is found at the step that meets a value that is not a number, and the next run is untouched by it', async () => {
    const data = tinyDataset();
    partTensor(data.train, 'inputs').data[17 * 16 + 3] = NaN;
    const poisoned = await observedTrainer(data);
    const spec = tinySpec({ optimizer: kfac });
    const { result, recorder } = await trainOn(poisoned, spec);
    const met = poisoned.batches.findIndex((rows) => rows.includes(17)) + 1;
    expect(result).toMatchObject({ status: 'diverged', lastStep: met });
    expect(recorder.series('train.loss').at(-1)).toEqual({ step: met, value: NaN });
    expect(recorder.series('train.loss')).toHaveLength(met);
    const second = await trainOn(poisoned, spec);
    expect(second.recorder.series('train.loss')).toEqual(recorder.series('train.loss'));
    poisoned.trainer.dispose();
  });
});

describe('bad input', () => {
  it('names the limit and what would do where not even one batch of images fits into one binding', async () => {
    const gpu = await testGpu();
    const small = { ...gpu, limits: { ...gpu.limits, maxStorageBufferBindingSize: 2 ** 8 } };
    const build = TrainingProgram.build(small, tinySpec(), tinyDataset());
    await expect(build).rejects.toMatchObject({
      code: 'invalid',
      message:
        'batchSize: the inputs of one batch are 512 bytes; this adapter binds at most 256 at once. Take a smaller batch.',
    });
  });

  it('names the field and the size of a batch larger than the data', async () => {
    const train = observed.trainer.train(tinySpec({ batchSize: 64 }), new Recorder(), keepRunning);
    await expect(train).rejects.toMatchObject({
      code: 'invalid',
      message: 'batchSize: 64 is more than the 40 training examples of Tiny',
    });
  });

  it('names the patch that does not divide the image, and frees what was made for it', async () => {
    const model = { kind: 'vit', patch: 3, width: 4, blocks: 1, heads: 2 };
    const train = observed.trainer.train(tinySpec({ model }), new Recorder(), keepRunning);
    await expect(train).rejects.toMatchObject({
      code: 'invalid',
      message: 'model.patch: 3 must divide the image, 4 x 4 pixels',
    });
    const { result } = await trainOn(observed, tinySpec());
    expect(result.status).toBe('finished');
  });
});

/** Counts the GPU objects whenever it is told of progress. */
class Counter extends Recorder {
  readonly counts: { step: number; made: Record<string, number> }[] = [];
  private readonly watched: ObservedTrainer;

  constructor(watched: ObservedTrainer) {
    super();
    this.watched = watched;
  }

  override progress(progress: TrainingProgress): void {
    super.progress(progress);
    this.counts.push({ step: progress.step, made: counts(this.watched.made) });
  }
}

describe('GPU objects', () => {
  it.each<[string, object, object?]>([
    ['adamw', { name: 'adamw', lr: 0.01, clipNorm: 1 }],
    ['kfac', kfac],
    ['kfac on a cnn', kfac, cnn],
  ])(
    'are all made by the end of the first stretch, and their memory stays: %s',
    async (_, optimizer, model) => {
      const own = model ? { model } : {};
      const spec = tinySpec({ optimizer, ...own, steps: 200, evaluateEvery: 20, batchSize: 6 });
      const counter = new Counter(observed);
      await observed.trainer.train(spec, counter, keepRunning);
      const later = counter.counts.filter(({ step }) => step >= 20);
      expect(later.length).toBeGreaterThan(9);
      for (const { step, made } of later) expect(made, `at step ${step}`).toEqual(later[0]?.made);
      // The next run on the same program needs nothing at all.
      await observed.trainer.train({ ...spec, seed: 5 }, new Recorder(), keepRunning);
      expect(counts(observed.made)).toEqual(later[0]?.made);
    },
  );

  it('are freed with the trainer', async () => {
    const own = await observedTrainer();
    for (const optimizer of [kfac, { name: 'sgd', lr: 0.1, clipNorm: 1 }]) {
      await own.trainer.train(tinySpec({ optimizer }), new Recorder(), keepRunning);
    }
    expect(own.made.alive.size).toBeGreaterThan(20);
    own.trainer.dispose();
    expect([...own.made.alive.keys()].map((buffer) => buffer.label)).toEqual([]);
  });

  it('are counted: a program that must be compiled makes many', async () => {
    const before = counts(observed.made);
    await trainOn(observed, tinySpec({ batchSize: 7, steps: 5, evaluateEvery: 5 }));
    const after = counts(observed.made);
    for (const [what, least] of [
      ['buffers', 5],
      ['bindGroups', 5],
      ['modules', 0],
      ['pipelines', 0],
    ] as const) {
      expect(after[what], what).toBeGreaterThan((before[what] ?? NaN) + least);
    }
  });
});

describe('work that the GPU refuses', () => {
  /** Asks for what cannot be, once, after the first metrics. */
  class Disturber extends Recorder {
    private readonly device: GPUDevice;
    private isDone = false;

    constructor(device: GPUDevice) {
      super();
      this.device = device;
    }

    override progress(progress: TrainingProgress): void {
      super.progress(progress);
      if (this.isDone || this.rows.length === 0) return;
      this.isDone = true;
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE;
      this.device.createBuffer({ label: 'what cannot be', size: 16, usage });
    }
  }

  it('fails the run with the reason, and leaves the next one alone', async () => {
    const recorder = new Disturber(observed.device);
    const spec = tinySpec({ steps: 400, evaluateEvery: 5 });
    await expect(observed.trainer.train(spec, recorder, keepRunning)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/^The GPU refused work: .*what cannot be/s) as string,
    });
    expect(recorder.series('train.loss').length).toBeLessThan(400);
    expect(recorder.codes).toEqual(['started']);
    expect((await trainOn(observed, tinySpec())).result.status).toBe('finished');
  });

  it('fails the run that memory runs out for, by the label of what it was for', async () => {
    const own = await observedTrainer();
    const { device } = own;
    const [createBuffer, popErrorScope] = [
      device.createBuffer.bind(device),
      device.popErrorScope.bind(device),
    ];
    let isLarge = false;
    device.createBuffer = (descriptor) => {
      isLarge = descriptor.label === 'training step: activations';
      return createBuffer(descriptor);
    };
    device.popErrorScope = () => {
      const error = isLarge ? ({ message: 'no memory' } as GPUError) : null;
      isLarge = false;
      return popErrorScope().then((other) => error ?? other);
    };
    await expect(own.trainer.train(tinySpec(), new Recorder(), keepRunning)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('training step: activations: the GPU has no 1 MiB') as string,
    });
    own.trainer.dispose();
  });
});

describe('a lost device', () => {
  it('rejects the run as device-lost, and later ones as well', async () => {
    const { trainer, device } = await observedTrainer();
    const recorder = new Recorder();
    const control = {
      get command() {
        if (recorder.starts > 0 && recorder.rows.length > 0) device.destroy();
        return 'run' as const;
      },
      changed: () => Promise.resolve(),
    };
    const spec = tinySpec({ steps: 2000, evaluateEvery: 5 });
    await expect(trainer.train(spec, recorder, control)).rejects.toMatchObject({ code: 'device-lost' });
    expect(recorder.series('train.loss').length).toBeGreaterThan(0);
    // Whoever listened has closed the run by now: nothing more may come.
    const told = [recorder.progressed.length, recorder.rows.length];
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([recorder.progressed.length, recorder.rows.length]).toEqual(told);
    await expect(trainer.train(spec, new Recorder(), keepRunning)).rejects.toMatchObject({
      code: 'device-lost',
    });
  });
});
