/** The comparisons that ship with the lab. Their numbers come from the tuning recorded in `docs/first-light.md`. */
import { runSpecSchema, type RunSpec, type RunSpecInput } from './run-spec.ts';

export interface ComparisonPreset {
  id: string;
  name: string;
  groups: { name: string; spec: RunSpec }[];
  seeds: number[];
}

const firstLight: Omit<RunSpecInput, 'optimizer'> = {
  dataset: { id: 'digits' },
  model: { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4 },
  batchSize: 64,
  steps: 250,
  evaluateEvery: 5,
  seed: 0,
  target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
};

const group = (name: string, optimizer: RunSpecInput['optimizer']) => ({
  name,
  spec: runSpecSchema.parse({ ...firstLight, optimizer }),
});

export const presets: Record<string, ComparisonPreset> = {
  'first-light': {
    id: 'first-light',
    name: 'First light: handwritten digits',
    groups: [
      group('AdamW', { name: 'adamw', lr: 0.02 }),
      group('K-FAC expand', {
        name: 'kfac',
        flavour: 'expand',
        lr: 0.02,
        damping: 0.01,
        otherLrMultiplier: 3,
      }),
      group('K-FAC reduce', { name: 'kfac', flavour: 'reduce', lr: 0.03, damping: 0.01 }),
      group('Grafting control', {
        name: 'kfac',
        flavour: 'expand',
        preconditioner: 'identity',
        lr: 0.02,
        otherLrMultiplier: 3,
      }),
    ],
    seeds: [1, 2, 3],
  },
};

/** The runs of a preset: every group with every seed, seeds outermost so that groups stay comparable if stopped early. */
export function presetRuns(preset: ComparisonPreset): { groupName: string; spec: RunSpec }[] {
  return preset.seeds.flatMap((seed) =>
    preset.groups.map((g) => ({ groupName: g.name, spec: { ...g.spec, seed } })),
  );
}
