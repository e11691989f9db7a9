/** The data sets that the form offers: what it must know of each before anything of it is read. */
import type { DatasetSummary } from '../../contract/datasets.ts';
import type { DatasetShape } from '../../datasets/dataset.ts';
import { datasets as bundled } from '../../datasets/registry.ts';
import type { Option } from '../components/select-option.ts';
import { sizeOf } from '../data/words.ts';

export interface FormDataset extends DatasetShape {
  id: string;
  name: string;
  examples: number;
  /** Whether the set itself says which examples validate. */
  isSplit: boolean;
  /** Whether the set is drawn from a seed, which a run may choose. */
  isComputed: boolean;
}

export type FindDataset = (id: string) => FormDataset | undefined;

const bundledSets: readonly FormDataset[] = bundled.map(
  ({ id, name, kind, task, example, outputs, examples, splits, usualSeed }) => ({
    ...{ id, name, kind, task, example, outputs, examples },
    isSplit: splits.length > 0,
    isComputed: usualSeed !== undefined,
  }),
);

/** Bundled ones, known before the Node side has answered; then the imported ones of its list. */
export function formDatasets(list: readonly DatasetSummary[]): FormDataset[] {
  const imported = list.filter((set) => !set.bundled);
  return [
    ...bundledSets,
    ...imported.map(({ id, name, kind, task, shape, examples, classCount, targets, isSplit }) => ({
      ...{ id, name, kind, task, example: shape, examples, isSplit, isComputed: false },
      outputs: classCount > 0 ? classCount : targets.length,
    })),
  ];
}

export const findBundled: FindDataset = (id) => bundledSets.find((set) => set.id === id);

/** `Cement · 1,030 rows of 8 columns`; an id that no set has stays to be seen as what it is. */
export function datasetOptions(sets: readonly FormDataset[], chosen: string): Option[] {
  const options = sets.map((set) => ({
    value: set.id,
    label: `${set.name} · ${sizeOf({ ...set, shape: [...set.example] })}`,
  }));
  const isKnown = chosen === '' || sets.some((set) => set.id === chosen);
  return isKnown ? options : [...options, { value: chosen, label: `${chosen} · not in the lab` }];
}
