/**
 * Settings, sizes, dates and counts in the words of the interface. Numbers of metrics, durations and axes have their
 * home in `training/charts/format.ts`, which the SVG export and the terminal use as well.
 */
import type { ModelSpec, RunSpec } from '../../contract/run-spec.ts';
import type { DatasetEntry } from '../../datasets/dataset.ts';
import { formatCount } from '../../training/charts/format.ts';

/** A setting as written by a person: no trailing zeros, no exponent unless it is tiny. */
export function formatSetting(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace('e-', 'e−');
  return String(Number(value.toPrecision(6)));
}

/** `512 B`, `1.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? 'B'}`;
}

/** `today 14:10`, `yesterday`, `20 Nov`, `20 Nov 2024`. */
export function formatDay(ms: number, nowMs: number): string {
  const date = new Date(ms);
  const now = new Date(nowMs);
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (days === 0) return `today ${formatTime(ms)}`;
  if (days === 1) return 'yesterday';
  const sameYear = date.getFullYear() === now.getFullYear();
  return date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
}

/** `14:02`. */
export function formatTime(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

/** `1 run`, `3 runs`. */
export function plural(count: number, singular: string, many = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : many}`;
}

const modelNames: Record<ModelSpec['kind'], string> = {
  vit: 'ViT',
  cnn: 'CNN',
  mlp: 'MLP',
  'wide-resnet': 'WRN',
  decoder: 'Decoder',
  'graph-network': 'GraphNet',
  'deep-linear': 'Deep linear',
};

export function modelName({ kind }: ModelSpec): string {
  return modelNames[kind];
}

/** What a data set holds in one line: `1,797 images, 8 × 8, 10 classes`. */
export function datasetFacts({ kind, task, example, outputs, examples }: DatasetFacts): string {
  const things = { images: 'images', table: 'rows', text: 'characters', graphs: 'graphs' }[kind];
  const [, height = 0, width = 0] = example;
  const size = {
    images: `${width} × ${height}`,
    table: plural(example[0] ?? 0, 'column'),
    text: '',
    graphs: '',
  };
  const answers = {
    classification: plural(outputs, 'class', 'classes'),
    regression: plural(outputs, 'number to predict', 'numbers to predict'),
    language: `${formatCount(outputs)} different`,
    'multi-label': plural(outputs, 'label'),
  };
  return [`${formatCount(examples)} ${things}`, size[kind], answers[task]]
    .filter((part) => part !== '')
    .join(', ');
}

type DatasetFacts = Pick<DatasetEntry, 'kind' | 'task' | 'example' | 'outputs' | 'examples'>;

/** The facts of a run in one line: `Digits · lr 0.02 · damping 0.01 · grafted recipe`. */
export function specFacts(spec: RunSpec, datasetName: string): string {
  const facts = [datasetName, `lr ${formatSetting(spec.optimizer.lr)}`];
  const { optimizer } = spec;
  if ('damping' in optimizer) {
    facts.push(`damping ${formatSetting(optimizer.damping)}`, `${optimizer.recipe} recipe`);
  }
  return facts.join(' · ');
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
