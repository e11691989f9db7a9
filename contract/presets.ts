/**
 * The comparisons that ship with the lab, one for each family of models. The numbers of the first come from the tuning
 * recorded in `docs/first-light.md`; those of the others, and what they reach, are in `docs/kfac.md`.
 */
import { runSpecSchema, type RunSpec, type RunSpecInput } from './run-spec.ts';

export interface ComparisonPreset {
  id: string;
  name: string;
  groups: { name: string; spec: RunSpec }[];
  seeds: number[];
}

type Base = Omit<RunSpecInput, 'optimizer'>;

const firstLight: Base = {
  dataset: { id: 'digits' },
  model: { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4 },
  batchSize: 64,
  steps: 250,
  evaluateEvery: 5,
  seed: 0,
  target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
};

const wideResnet: Base = {
  dataset: { id: 'digits' },
  model: { kind: 'wide-resnet', depth: 10, width: 1, norm: 'group' },
  batchSize: 128,
  steps: 150,
  evaluateEvery: 5,
  seed: 0,
  target: { metric: 'val.accuracy', op: '>=', value: 0.98 },
};

const solubility: Base = {
  dataset: { id: 'solubility' },
  model: { kind: 'graph-network', width: 32, rounds: 3, globals: 'off' },
  batchSize: 64,
  steps: 300,
  evaluateEvery: 5,
  seed: 0,
  target: { metric: 'val.rmse', op: '<=', value: 1 },
};

const mobyDick: Base = {
  dataset: { id: 'moby-dick' },
  model: { kind: 'decoder', width: 48, blocks: 2, heads: 4 },
  batchSize: 32,
  steps: 400,
  // One evaluation reads a tenth of the book, as much as 58 batches.
  evaluateEvery: 20,
  seed: 0,
  target: { metric: 'val.bits_per_char', op: '<=', value: 3 },
};

const groupOf = (base: Base) => (name: string, optimizer: RunSpecInput['optimizer']) => ({
  name,
  spec: runSpecSchema.parse({ ...base, optimizer }),
});

const digitsGroup = groupOf(firstLight);

type KfacRates = { lr: number; damping: number; inversionBudget?: null };

/** AdamW against both flavours of K-FAC, each with what was best for it. */
function flavoursAgainstAdamw(
  preset: Pick<ComparisonPreset, 'id' | 'name'>,
  base: Base,
  best: { adamw: number; expand: KfacRates; reduce: KfacRates },
): ComparisonPreset {
  const group = groupOf(base);
  return {
    ...preset,
    groups: [
      group('AdamW', { name: 'adamw', lr: best.adamw }),
      group('K-FAC expand', { name: 'kfac', flavour: 'expand', ...best.expand }),
      group('K-FAC reduce', { name: 'kfac', flavour: 'reduce', ...best.reduce }),
    ],
    seeds: [1, 2, 3],
  };
}

/** Measured with every round of inversions in one step, which the default budget would spread. */
const wideResnetRates: KfacRates = { lr: 0.005, damping: 0.1, inversionBudget: null };

export const presets: Record<string, ComparisonPreset> = {
  'first-light': {
    id: 'first-light',
    name: 'First light: handwritten digits',
    groups: [
      digitsGroup('AdamW', { name: 'adamw', lr: 0.02, otherLrMultiplier: 3 }),
      digitsGroup('K-FAC expand', {
        name: 'kfac',
        flavour: 'expand',
        lr: 0.02,
        damping: 0.01,
        otherLrMultiplier: 3,
      }),
      digitsGroup('K-FAC reduce', { name: 'kfac', flavour: 'reduce', lr: 0.03, damping: 0.001 }),
      digitsGroup('Grafting control', {
        name: 'grafted-identity',
        lr: 0.015,
        otherLrMultiplier: 3,
      }),
    ],
    seeds: [1, 2, 3],
  },
  'wide-resnet': flavoursAgainstAdamw(
    { id: 'wide-resnet', name: 'Wide ResNet: handwritten digits' },
    wideResnet,
    { adamw: 0.004, expand: wideResnetRates, reduce: wideResnetRates },
  ),
  solubility: flavoursAgainstAdamw(
    { id: 'solubility', name: 'Graph network: solubility of molecules' },
    solubility,
    { adamw: 0.004, expand: { lr: 0.03, damping: 0.01 }, reduce: { lr: 0.01, damping: 0.1 } },
  ),
  'moby-dick': flavoursAgainstAdamw(
    { id: 'moby-dick', name: 'Decoder: Moby Dick, character by character' },
    mobyDick,
    { adamw: 0.02, expand: { lr: 0.03, damping: 0.01 }, reduce: { lr: 0.03, damping: 0.01 } },
  ),
};

/** The runs of a preset: every group with every seed, seeds outermost so that groups stay comparable if stopped early. */
export function presetRuns(preset: ComparisonPreset): { groupName: string; spec: RunSpec }[] {
  return preset.seeds.flatMap((seed) =>
    preset.groups.map((g) => ({ groupName: g.name, spec: { ...g.spec, seed } })),
  );
}
