/**
 * The form of "New comparison" as plain data: every field as the text that was typed, right or wrong, so that a draft
 * survives a reload exactly as it was left. `read-draft.ts` turns it into runs.
 */
import { z } from 'zod';
import type { ComparisonPreset } from '../../contract/presets.ts';
import {
  optimizerSpecSchema,
  withPresentName,
  type OptimizerSpec,
  type RunSpec,
} from '../../contract/run-spec.ts';
import { augmentationStart, datasetStart } from './data-fields.ts';
import { modelKinds, modelStart, modelTexts } from './model-fields.ts';
import { optimizerFields, choicesOf } from './optimizer-fields.ts';
import { defaultsOf, ownKeys, texts, type OptimizerName, type SettingTexts } from './setting-texts.ts';

const values = z.record(z.string(), z.string());

export const columnSchema = z.object({
  id: z.string(),
  /** Empty: the name follows the settings. */
  name: z.string(),
  optimizer: z.enum(optimizerSpecSchema.options.map((schema) => schema.shape.name.value)),
  values,
});
export type ColumnDraft = z.infer<typeof columnSchema>;

export const draftSchema = z.object({
  name: z.string(),
  dataset: values,
  /** Left out by drafts that are older than it. */
  augmentation: values.default({}),
  model: z.object({ kind: z.enum(modelKinds), values }),
  columns: z.array(columnSchema),
  run: values,
  seeds: z.string(),
});
export type Draft = z.infer<typeof draftSchema>;

export function newColumn(optimizer: OptimizerName, own: SettingTexts = {}): ColumnDraft {
  return { id: crypto.randomUUID(), name: '', optimizer, values: { ...defaultsOf(optimizer), ...own } };
}

/**
 * Makes a column another optimiser's: settings stay, but the name does not, nor what optimisers start with differently,
 * nor a choice that the other one does not have.
 */
export function changeOptimizer(column: ColumnDraft, optimizer: OptimizerName): void {
  column.optimizer = optimizer;
  column.name = '';
  const defaults = defaultsOf(optimizer);
  for (const key of ownKeys) column.values[key] = defaults[key] ?? '';
  for (const field of optimizerFields) {
    const choices = choicesOf(field, column);
    if (choices && !choices.some(({ value }) => value === column.values[field.key])) {
      column.values[field.key] = defaults[field.key] ?? '';
    }
  }
}

/** A preset, or a comparison given as JSON, as a filled form. Needs at least one group. */
export function draftFromPreset(preset: Pick<ComparisonPreset, 'name' | 'groups' | 'seeds'>): Draft {
  const first = preset.groups[0];
  if (!first) throw new RangeError('a comparison needs at least one group');
  return {
    name: preset.name,
    dataset: { ...datasetStart, ...texts(first.spec.dataset) },
    augmentation: { ...augmentationStart, ...texts(first.spec.augmentation ?? {}) },
    model: { kind: first.spec.model.kind, values: { ...modelStart, ...modelTexts(first.spec.model) } },
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
    // A setting that came after the draft was left starts as in a new draft.
    const columns = draft.columns
      .map(withPresentOptimizer)
      .map((c) => ({ ...c, values: { ...defaultsOf(c.optimizer), ...c.values } }));
    const model = { ...draft.model, values: { ...modelStart, ...draft.model.values } };
    const dataset = { ...datasetStart, ...draft.dataset };
    const augmentation = { ...augmentationStart, ...draft.augmentation };
    return { ...draft, dataset, augmentation, model, columns };
  } catch {
    return null;
  }
}

/** A column as an earlier version left it, with the name that its optimiser has now. */
function withPresentOptimizer(column: ColumnDraft): ColumnDraft {
  const { optimizer, values: own } = column;
  const { name, ...kept } = withPresentName({ ...own, name: optimizer }) as SettingTexts;
  return { ...column, optimizer: columnSchema.shape.optimizer.parse(name), values: kept };
}

function columnFromSpec(name: string, optimizer: OptimizerSpec): ColumnDraft {
  const { name: kind, ...rest } = optimizer;
  return { ...newColumn(kind, texts(rest)), name };
}

function runTexts(spec: RunSpec): SettingTexts {
  const { batchSize, steps, evaluateEvery, target, schedule } = spec;
  return {
    ...texts({ batchSize, steps, evaluateEvery }),
    metric: target.metric,
    target: String(target.value),
    schedule: schedule.kind,
    warmupSteps: schedule.kind === 'constant' ? '20' : String(schedule.warmupSteps),
    startWeights: spec.startWeights ?? '',
    recompute: spec.recompute ?? '',
  };
}
