/** What of a draft follows the data set that is chosen: a model that reads it, a target that its task has, a batch it fills. */
import type { DatasetKind, DatasetTask } from '../../contract/data-kinds.ts';
import { modelPresets } from '../../contract/model-presets.ts';
import { presets } from '../../contract/presets.ts';
import { taskMetrics, type MetricKey } from '../../contract/runs.ts';
import { heldOutCount } from '../../datasets/split.ts';
import {
  augmentationFields,
  augmentationStart,
  datasetFields,
  datasetStart,
  type DataField,
} from './data-fields.ts';
import type { Draft } from './draft.ts';
import type { FormDataset } from './form-datasets.ts';
import { textsOfSize } from './model-fields.ts';
import type { SettingTexts } from './setting-texts.ts';

/** The model that a set of this kind starts with, as the id of a size. */
const firstModel: Readonly<Record<DatasetKind, string>> = {
  images: 'cnn-small',
  table: 'mlp-small',
  text: 'decoder-small',
  graphs: 'graph-network-small',
};

/** A target for a start: its metric does not depend on the units of the data, its value is well above chance. */
const firstTarget: Readonly<Record<DatasetTask, { metric: MetricKey; value: string }>> = {
  classification: { metric: 'val.accuracy', value: '0.9' },
  regression: { metric: 'val.r2', value: '0.8' },
  language: { metric: 'val.bits_per_char', value: '3' },
  'multi-label': { metric: 'val.map', value: '0.5' },
};

/**
 * Makes `draft` one on `set`. What fits stays as it is; `reads` tells whether a model can be built over the set (until
 * the model code is there, none is known not to be).
 */
export function followDataset(draft: Draft, set: FormDataset, reads: (draft: Draft) => boolean): void {
  draft.dataset['id'] = set.id;
  dropUnfit(datasetFields, draft.dataset, datasetStart, set);
  dropUnfit(augmentationFields, draft.augmentation, augmentationStart, set);
  // The name of a preset says what it is trained on.
  if (Object.values(presets).some(({ name }) => name === draft.name)) draft.name = set.name;
  if (!reads(draft)) takeModel(draft, firstModel[set.kind]);
  const metric = draft.run['metric'] ?? '';
  if (!taskMetrics[set.task].some((key: MetricKey) => key === metric)) {
    draft.run['metric'] = firstTarget[set.task].metric;
    draft.run['target'] = firstTarget[set.task].value;
  }
  const most = batchOf(set, Number(draft.dataset['validationFraction']));
  if (Number(draft.run['batchSize']) > most) draft.run['batchSize'] = String(most);
}

/** What means nothing for the set is as nobody had touched it. */
function dropUnfit(
  fields: readonly DataField[],
  values: SettingTexts,
  start: SettingTexts,
  set: FormDataset,
): void {
  for (const field of fields) if (!field.fits(set)) values[field.key] = start[field.key] ?? '';
}

function takeModel(draft: Draft, size: string): void {
  const preset = modelPresets.find(({ id }) => id === size);
  if (!preset) throw new Error(`there is no model of size "${size}"`);
  draft.model.kind = preset.model.kind;
  Object.assign(draft.model.values, textsOfSize(size));
}

/** The largest power of two that the training part fills; of a text, windows begin anywhere. */
function batchOf({ kind, examples, isSplit }: FormDataset, fraction: number): number {
  if (kind === 'text') return Infinity;
  const isFraction = fraction > 0 && fraction < 1;
  const heldOut = isSplit || !isFraction ? Math.ceil(examples / 2) : heldOutCount(examples, fraction);
  return 2 ** Math.floor(Math.log2(Math.max(1, examples - heldOut)));
}
