/**
 * The form of "New comparison" as plain data: every field as the text that was typed, right or wrong, so that a draft
 * survives a reload exactly as it was left. `read-draft.ts` turns it into runs.
 */
import { z } from 'zod';
import type { ComparisonPreset } from '../../contract/presets.ts';
import type { ModelSpec, OptimizerSpec, RunSpec } from '../../contract/run-spec.ts';

const values = z.record(z.string(), z.string());

export const columnSchema = z.object({
  id: z.string(),
  /** Empty: the name follows the settings. */
  name: z.string(),
  optimizer: z.enum(['sgd', 'adamw', 'nadamw', 'kfac', 'ikfac', 'singd', 'shampoo', 'soap']),
  values,
});
export type ColumnDraft = z.infer<typeof columnSchema>;

export const draftSchema = z.object({
  name: z.string(),
  dataset: values,
  model: z.object({ kind: z.enum(['vit', 'mlp', 'cnn']), values }),
  columns: z.array(columnSchema),
  run: values,
  seeds: z.string(),
});
export type Draft = z.infer<typeof draftSchema>;

/** What every model field holds when a model is chosen for the first time. */
const modelDefaults: Record<string, string> = {
  patch: '2',
  width: '32',
  blocks: '2',
  heads: '4',
  mlpRatio: '2',
  hidden: '64, 64',
  activation: 'relu',
  channels: '16, 32',
};

/** Starting values of every optimiser; the fields an optimiser does not have are simply not read. */
const optimizerDefaults: Record<string, string> = {
  lr: '0.01',
  momentum: '0.9',
  nesterov: 'true',
  beta1: '0.9',
  beta2: '0.99',
  eps: '1e-8',
  weightDecay: '0.01',
  weightDecayKind: 'decoupled',
  clipNorm: '',
  otherLrMultiplier: '1',
  flavour: 'expand',
  recipe: 'grafted',
  preconditioner: 'kronecker',
  damping: '0.01',
  dampingRule: 'relative',
  fisher: 'mc',
  factorInterval: '10',
  inverseInterval: '10',
  denseSteps: '20',
  factorDecay: '0.9',
  curvatureLr: '0.5',
  curvatureClip: 'on',
  curvatureMomentum: '0.5',
  power: '1/4',
  grafting: 'adam',
  rootEpsilon: '1e-5',
  rootInterval: '10',
  basisInterval: '10',
  maxFactorSide: '2048',
};

/** What an optimiser usually has where that differs from the others. */
const ownDefaults: Partial<Record<ColumnDraft['optimizer'], Record<string, string>>> = {
  sgd: { weightDecayKind: 'l2' },
  ikfac: { dampingRule: 'relative' },
  singd: { dampingRule: 'relative' },
  shampoo: { factorDecay: '0.95' },
  soap: { factorDecay: '0.95', beta1: '0.95', beta2: '0.95' },
};
const ownKeys = new Set(Object.values(ownDefaults).flatMap(Object.keys));

export function newColumn(
  optimizer: ColumnDraft['optimizer'],
  own: Record<string, string> = {},
): ColumnDraft {
  return { id: crypto.randomUUID(), name: '', optimizer, values: { ...defaultsOf(optimizer), ...own } };
}

/** Makes a column another optimiser's: settings stay, but the name and what each optimiser usually has do not. */
export function changeOptimizer(column: ColumnDraft, optimizer: ColumnDraft['optimizer']): void {
  column.optimizer = optimizer;
  column.name = '';
  const defaults = defaultsOf(optimizer);
  for (const key of ownKeys) column.values[key] = defaults[key] ?? '';
}

function defaultsOf(optimizer: ColumnDraft['optimizer']): Record<string, string> {
  return { ...optimizerDefaults, ...ownDefaults[optimizer] };
}

/** A preset, or a comparison given as JSON, as a filled form. Needs at least one group. */
export function draftFromPreset(preset: Pick<ComparisonPreset, 'name' | 'groups' | 'seeds'>): Draft {
  const first = preset.groups[0];
  if (!first) throw new RangeError('a comparison needs at least one group');
  return {
    name: preset.name,
    dataset: texts(first.spec.dataset),
    model: { kind: first.spec.model.kind, values: { ...modelDefaults, ...modelTexts(first.spec.model) } },
    columns: preset.groups.map((group) => columnFromSpec(group.name, group.spec.optimizer)),
    run: runTexts(first.spec),
    seeds: preset.seeds.join(', '),
  };
}

/** Reads a stored draft; null where there is none or it is from a version that knew other fields. */
export function parseDraft(text: string): Draft | null {
  if (text === '') return null;
  try {
    const draft = draftSchema.parse(JSON.parse(text));
    // A setting that came after the draft was left starts as in a new column.
    const columns = draft.columns.map((c) => ({ ...c, values: { ...defaultsOf(c.optimizer), ...c.values } }));
    return { ...draft, columns };
  } catch {
    return null;
  }
}

function columnFromSpec(name: string, optimizer: OptimizerSpec): ColumnDraft {
  const { name: kind, ...rest } = optimizer;
  return { ...newColumn(kind, texts(rest)), name };
}

function modelTexts(model: ModelSpec): Record<string, string> {
  const { kind: _kind, ...rest } = model;
  return texts(rest);
}

function runTexts(spec: RunSpec): Record<string, string> {
  const { batchSize, steps, evaluateEvery, target, schedule } = spec;
  return {
    ...texts({ batchSize, steps, evaluateEvery }),
    metric: target.metric,
    target: String(target.value),
    schedule: schedule.kind,
    warmupSteps: schedule.kind === 'constant' ? '20' : String(schedule.warmupSteps),
  };
}

/** Null, a setting that is off, is an empty field. */
function texts(record: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.join(', ') : value === null ? '' : String(value),
    ]),
  );
}
