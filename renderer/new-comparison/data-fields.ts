/**
 * The settings of the data as fields: which there are, what they do, and which data they fit. A setting that is added to
 * the contract has no way around these tables: the compiler asks for its field.
 */
import { noAugmentation } from '../../contract/augmentation.ts';
import { datasetSpecSchema, type AugmentationSpec, type DatasetSpec } from '../../contract/run-spec.ts';
import { usualContext } from '../../datasets/prepare.ts';
import type { Option } from '../components/select-option.ts';
import type { FormDataset } from './form-datasets.ts';
import { texts, type SettingTexts } from './setting-texts.ts';

export interface DataField {
  key: string;
  label: string;
  /** Unit or meaning in a few words, and what it is when nobody touches it. */
  about: string;
  options?: readonly Option[];
  /** May be empty, which leaves it out of the run's settings. */
  isOptional?: true;
  /** Whether it means anything for these data. */
  fits: (set: FormDataset) => boolean;
}

type Fields<Key extends string> = Record<Key, Omit<DataField, 'key'>>;

const always = () => true;

const ofDataset: Fields<Exclude<keyof DatasetSpec, 'id'>> = {
  validationFraction: {
    label: 'Held out',
    about: 'share; default 0.2',
    fits: always,
  },
  splitSeed: { label: 'Split seed', about: 'what is held out; default 0', fits: always },
  contextLength: {
    label: 'Window',
    about: `tokens at once; empty: ${usualContext}`,
    isOptional: true,
    fits: ({ kind }) => kind === 'text',
  },
  seed: {
    label: 'Data seed',
    about: 'what the set is drawn from; empty: 1',
    isOptional: true,
    fits: ({ isComputed }) => isComputed,
  },
};

const isImageOfClass = ({ kind, task }: FormDataset) => kind === 'images' && task === 'classification';

const ofAugmentation: Fields<keyof AugmentationSpec> = {
  shift: {
    label: 'Random crop',
    about: 'a shift by up to so many pixels; 0: off',
    fits: isImageOfClass,
  },
  flip: {
    label: 'Flip',
    about: 'of every second image on average',
    options: [
      { value: 'none', label: 'Off' },
      { value: 'horizontal', label: 'Left and right' },
    ],
    fits: isImageOfClass,
  },
  cutout: { label: 'Cutout', about: 'side of a blank square in pixels; 0: off', fits: isImageOfClass },
  mixUp: {
    label: 'Mix-up',
    about: 'in pairs, weight from Beta(α, α); α of 0: off',
    fits: isImageOfClass,
  },
};

function listOf(fields: Fields<string>): DataField[] {
  return Object.entries(fields).map(([key, field]) => ({ key, ...field }));
}

export const datasetFields: readonly DataField[] = listOf(ofDataset);
export const augmentationFields: readonly DataField[] = listOf(ofAugmentation);

/** What the fields hold before anybody touches them, and where a run says nothing of them. */
export const datasetStart: SettingTexts = {
  ...Object.fromEntries(datasetFields.map(({ key }) => [key, ''])),
  ...texts(datasetSpecSchema.parse({ id: 'any' })),
};
export const augmentationStart: SettingTexts = texts(noAugmentation);

/**
 * The fields to show: those that fit the data, and those that hold something that does not, so that the mistake is seen where it
 * can be mended.
 */
export function shownFields(
  fields: readonly DataField[],
  values: SettingTexts,
  start: SettingTexts,
  set: FormDataset | undefined,
): DataField[] {
  return fields.filter((field) => {
    const isTouched = (values[field.key] ?? '').trim() !== start[field.key];
    return isTouched || (set !== undefined && field.fits(set));
  });
}
