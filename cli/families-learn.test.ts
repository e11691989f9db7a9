/**
 * Each family of models on real data, the first steps of the comparison that ships for it: AdamW and K-FAC of both flavours
 * must all leave the best answer that is the same for every example behind. That answer comes from the validation part
 * itself, so whoever reaches it has not learned.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { presets } from '../contract/presets.ts';
import { runSpecSchema, type DatasetSpec, type RunSpec } from '../contract/run-spec.ts';
import type { Trainer } from '../contract/training.ts';
import { partTensor, type PreparedDataset } from '../datasets/dataset.ts';
import { loadDataset } from '../datasets/node/load.ts';
import { openDawn } from '../gpu-kernels/dawn.ts';
import { Recorder } from '../training/loop/test-trainer.ts';
import { createTrainer } from '../training/loop/trainer.ts';
import { keepRunning } from '../training/loop/training-run.ts';

const windowsOfText = 32;

const loaded = new Map<string, Promise<PreparedDataset>>();

/** The data set, read once for all optimisers. */
function load(spec: DatasetSpec): Promise<PreparedDataset> {
  const known = loaded.get(spec.id) ?? loadShort(spec);
  loaded.set(spec.id, known);
  return known;
}

/** A tenth of a book takes longer to read than the steps of this test: a few windows of it will do. */
async function loadShort(spec: DatasetSpec): Promise<PreparedDataset> {
  const data = await loadDataset(spec);
  if (data.kind !== 'text') return data;
  const tokens = partTensor(data.validation, 'tokens').data.slice(0, windowsOfText * data.example[0]! + 1);
  const validation = { count: tokens.length, tensors: { tokens: { shape: [tokens.length], data: tokens } } };
  return { ...data, validation };
}

let trainer: Trainer;
beforeAll(async () => {
  trainer = await createTrainer({ gpu: await openDawn(), host: 'test', appVersion: '0', loadDataset: load });
});
afterAll(() => trainer.dispose());

/** What the best constant answer to the validation part reaches, and what knowing everything would. */
function constantAnswer(data: PreparedDataset): { constant: number; perfect: number } {
  const { validation, scaling, task } = data;
  if (task === 'regression') {
    const targets = [...partTensor(validation, 'targets').data];
    const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
    const variance = targets.reduce((sum, target) => sum + (target - mean) ** 2, 0) / targets.length;
    return { constant: Math.sqrt(variance) * scaling['targets']!.std[0]!, perfect: 0 };
  }
  const shares = sharesOf(
    task === 'language'
      ? partTensor(validation, 'tokens').data.slice(1)
      : partTensor(validation, 'labels').data,
  );
  if (task === 'classification') return { constant: Math.max(...shares), perfect: 1 };
  const bits = shares.reduce((sum, share) => sum - share * Math.log2(share), 0);
  return { constant: bits, perfect: 0 };
}

/** Shares of the different values. */
function sharesOf(values: Uint32Array | Float32Array): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].map((count) => count / values.length);
}

function shortened(preset: string, group: string, steps: number): RunSpec {
  const found = presets[preset]?.groups.find(({ name }) => name === group);
  return runSpecSchema.parse({ ...found?.spec, steps, evaluateEvery: steps, seed: 1 });
}

it.each(
  [
    { preset: 'first-light', steps: 30, share: 0.2 },
    { preset: 'wide-resnet', steps: 8, share: 0.2 },
    { preset: 'solubility', steps: 16, share: 0.1 },
    { preset: 'moby-dick', steps: 16, share: 0.03 },
  ].flatMap((family) => ['AdamW', 'K-FAC expand', 'K-FAC reduce'].map((group) => ({ ...family, group }))),
)(
  '$preset learns with $group: in $steps steps $share of the way from the best constant answer to a perfect one',
  async ({ preset, group, steps, share }) => {
    const spec = shortened(preset, group, steps);
    const { constant, perfect } = constantAnswer(await load(spec.dataset));
    const recorder = new Recorder();
    const { status } = await trainer.train(spec, recorder, keepRunning);
    expect(status).toBe('finished');
    const reached = recorder.series(spec.target.metric).at(-1)?.value ?? NaN;
    expect((reached - constant) / (perfect - constant)).toBeGreaterThan(share);
  },
  240_000,
);
