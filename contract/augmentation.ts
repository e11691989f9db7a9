/** Whether a run changes its images, and whether its data set lets it. */
import type { DatasetKind, DatasetTask } from './data-kinds.ts';
import type { AugmentationSpec } from './run-spec.ts';

/** Nothing is done. */
export const noAugmentation = {
  shift: 0,
  flip: 'none',
  cutout: 0,
  mixUp: 0,
} as const satisfies AugmentationSpec;

type Field = keyof AugmentationSpec;

export interface AugmentationMistake {
  field: Field;
  /** Follows the field's name: `must be ...`. */
  message: string;
}

/** The changes that are made. */
function fieldsInUse(spec: AugmentationSpec): Field[] {
  return (Object.keys(noAugmentation) as Field[]).filter((field) => spec[field] !== noAugmentation[field]);
}

/** Whether anything is done to images. */
export function augments(spec: AugmentationSpec | undefined): spec is AugmentationSpec {
  return spec !== undefined && fieldsInUse(spec).length > 0;
}

/**
 * What of an augmentation does not fit a data set whose examples have this shape; null where all of it does. Only images of
 * classes are augmented: what a change does to numbers that are to be predicted, nobody can tell.
 */
export function augmentationMistake(
  spec: AugmentationSpec,
  { kind, task, example }: { kind: DatasetKind; task: DatasetTask; example: readonly number[] },
): AugmentationMistake | null {
  const [field] = fieldsInUse(spec);
  if (field === undefined) return null;
  if (kind !== 'images' || task !== 'classification') {
    const what = kind === 'images' ? `images for ${task}` : kind;
    const message = `must be ${noAugmentation[field]}; only images of classes are augmented, and this data set has ${what}`;
    return { field, message };
  }
  const side = Math.min(...example.slice(1));
  const tooLarge = (['shift', 'cutout'] as const).find((name) => spec[name] >= side);
  if (tooLarge === undefined) return null;
  return { field: tooLarge, message: `must be below the image side, ${side}; ${spec[tooLarge]} is not` };
}
