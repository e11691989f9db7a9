/** Data sets in the words of the interface. */
import type { DatasetSummary, ImportFormat } from '../../contract/datasets.ts';
import { formatCount } from '../../training/charts/format.ts';
import { plural } from '../format/text.ts';

export const formatNames: Readonly<Record<ImportFormat, string>> = {
  idx: 'IDX (MNIST family)',
  cifar: 'CIFAR, binary',
  npy: 'NumPy arrays (NPY)',
  npz: 'NumPy archive (NPZ)',
  images: 'Folder of images',
  csv: 'CSV or TSV',
  'json-lines': 'JSON lines',
  parquet: 'Parquet',
  smiles: 'SMILES',
  sdf: 'SDF',
  'graph-json': 'Graphs as JSON',
  text: 'Text',
  safetensors: 'safetensors',
};

type Sized = Pick<DatasetSummary, 'kind' | 'examples' | 'shape'>;

/** `1,797 images, 8 × 8`, `1,282 graphs`, `150 rows of 4 columns`. */
export function sizeOf({ kind, examples, shape }: Sized): string {
  switch (kind) {
    case 'images': {
      const [channels = 1, height = 0, width = 0] = shape;
      return `${plural(examples, 'image')}, ${height} × ${width}${channels === 1 ? '' : ` × ${channels}`}`;
    }
    case 'table':
      return `${plural(examples, 'row')} of ${plural(shape[0] ?? 0, 'column')}`;
    case 'text':
      return plural(examples, 'character');
    case 'graphs':
      return plural(examples, 'graph');
  }
}

/** `10 classes`, `regression of 2 targets`, `next character of 83`. */
export function taskOfSet({
  task,
  classCount,
  targets,
}: Pick<DatasetSummary, 'task' | 'classCount' | 'targets'>): string {
  switch (task) {
    case 'classification':
      return plural(classCount, 'class', 'classes');
    case 'regression':
      return targets.length === 1 ? 'regression' : `regression of ${plural(targets.length, 'target')}`;
    case 'multi-label':
      return `${plural(targets.length, 'label')}, any number at once`;
    case 'language':
      return `next of ${formatCount(classCount)} characters`;
  }
}

/** A number of the data: at most five digits that count. */
export function valueText(value: number): string {
  return String(Number(value.toPrecision(5))).replace('-', '−');
}
