/** A few examples of a data set in a form for people to look at, read piece by piece so that a large set stays on disk. */
import type { DatasetSample, SampleGraph, SampleImage } from '../contract/datasets.ts';
import {
  missingLabel,
  type Column,
  type DatasetKind,
  type DatasetTask,
  type TensorReader,
} from './tensor-dataset.ts';

/** What must be known of a data set to sample it; a `TensorDataset` and a stored record both are one. */
export interface Sampled {
  kind: DatasetKind;
  task: DatasetTask;
  examples: number;
  classes: readonly string[];
  columns: readonly Column[];
  targets: readonly string[];
}

/** Pixels along a side; larger images are thinned out. */
const largestSide = 64;
const mostColumns = 40;
const mostCharacters = 600;
/** A graph with more is no picture any more. */
const mostNodes = 120;
const mostEdges = 600;

/** `count` examples, spread evenly over the set; the beginning of a text. */
export async function sampleDataset(
  dataset: Sampled,
  reader: TensorReader,
  count: number,
): Promise<DatasetSample> {
  const { kind, examples } = dataset;
  const indices = Array.from({ length: Math.min(count, examples) }, (_, i) =>
    Math.floor((i * examples) / Math.min(count, examples)),
  );
  switch (kind) {
    case 'images':
      return { kind, images: await sampleImages(dataset, reader, indices) };
    case 'table':
      return { kind, ...(await sampleRows(dataset, reader, indices)) };
    case 'text': {
      const tokens = await reader.read('tokens', 0, Math.min(mostCharacters, examples));
      return { kind, text: Array.from(tokens, (token) => dataset.classes[token] ?? '').join('') };
    }
    case 'graphs':
      return { kind, graphs: await sampleGraphs(dataset, reader, indices) };
  }
}

async function sampleImages(
  dataset: Sampled,
  reader: TensorReader,
  indices: readonly number[],
): Promise<SampleImage[]> {
  const [, channels, height, width] = reader.shape('inputs') as [number, number, number, number];
  const size = channels * height * width;
  const images: { values: ArrayLike<number>; label: string }[] = [];
  for (const index of indices) {
    images.push({
      values: await reader.read('inputs', index * size, size),
      label: await labelOf(dataset, reader, index),
    });
  }
  let [least, most] = [Infinity, -Infinity];
  for (const { values } of images) {
    for (let i = 0; i < size; i += 1) {
      least = Math.min(least, values[i]!);
      most = Math.max(most, values[i]!);
    }
  }
  return images.map(({ values, label }) => ({
    ...draw(values, channels, height, width, least, most),
    label,
  }));
}

/** Bytes over the range; one channel grey, three or more as red, green and blue, two as the first alone. */
function draw(
  values: ArrayLike<number>,
  channels: number,
  height: number,
  width: number,
  least: number,
  most: number,
): Omit<SampleImage, 'label'> {
  const step = Math.max(1, Math.ceil(Math.max(height, width) / largestSide));
  const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)];
  const shown = channels >= 3 ? 3 : 1;
  const bytes = new Uint8Array(rows * columns * shown);
  const scale = most > least ? 255 / (most - least) : 0;
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      for (let channel = 0; channel < shown; channel += 1) {
        const value = values[(channel * height + y * step) * width + x * step]!;
        bytes[(y * columns + x) * shown + channel] = Math.round((value - least) * scale);
      }
    }
  }
  return { width: columns, height: rows, channels: shown, pixels: base64(bytes) };
}

async function sampleRows(dataset: Sampled, reader: TensorReader, indices: readonly number[]) {
  const width = reader.shape('inputs')?.[1] ?? 0;
  const cells = cellsOf(dataset.columns, width);
  const targets = dataset.targets.slice(0, mostColumns);
  const rows: string[][] = [];
  for (const index of indices) {
    const values = await reader.read('inputs', index * width, width);
    const answers = await answersOf(dataset, reader, index);
    rows.push([...cells.map(({ read }) => read(values)), ...answers.slice(0, targets.length)]);
  }
  return { columns: [...cells.map(({ name }) => name), ...targets], rows };
}

/** One cell for each column of the file: the columns of 0 and 1 of a category are the text it had again. */
function cellsOf(columns: readonly Column[], width: number) {
  const cells: { name: string; read: (values: ArrayLike<number>) => string }[] = [];
  for (let at = 0; at < width && cells.length < mostColumns;) {
    const start = at;
    const column = columns[start];
    at += 1;
    if (column?.type !== 'category') {
      cells.push({ name: column?.name ?? `x${start}`, read: (values) => numberText(values[start]!) });
      continue;
    }
    while (columns[at]?.type === 'category' && columns[at]?.name === column.name) at += 1;
    const own = columns.slice(start, at);
    cells.push({
      name: column.name,
      read: (values) => own.find((_, i) => values[start + i] === 1)?.value ?? '',
    });
  }
  return cells;
}

async function sampleGraphs(
  dataset: Sampled,
  reader: TensorReader,
  indices: readonly number[],
): Promise<SampleGraph[]> {
  const graphs: SampleGraph[] = [];
  for (const index of indices) {
    const [nodeStart, nodeEnd] = (await reader.read('nodeOffsets', index, 2)) as ArrayLike<number> & number[];
    const [edgeStart, edgeEnd] = (await reader.read('edgeOffsets', index, 2)) as ArrayLike<number> & number[];
    const nodes = nodeEnd! - nodeStart!;
    const edges = edgeEnd! - edgeStart!;
    if (nodes > mostNodes || edges > mostEdges) continue;
    const ends = edges === 0 ? [] : await reader.read('edges', 2 * edgeStart!, 2 * edges);
    graphs.push({
      nodes,
      edges: Array.from({ length: edges }, (_, i) => [ends[2 * i]!, ends[2 * i + 1]!]),
      label: await labelOf(dataset, reader, index),
    });
  }
  return graphs;
}

/** The class, the first targets, or names of the labels that an example has. */
async function labelOf(dataset: Sampled, reader: TensorReader, index: number): Promise<string> {
  if (dataset.task === 'multi-label') {
    const answers = await answersOf(dataset, reader, index);
    const has = dataset.targets.filter((_, i) => answers[i] === '1');
    return has.length > 3 ? `${has.slice(0, 3).join(', ')} …` : has.join(', ') || 'no label';
  }
  return (await answersOf(dataset, reader, index)).slice(0, 3).join(', ');
}

/** The class, or the targets, of an example; empty where a label is missing. */
async function answersOf(dataset: Sampled, reader: TensorReader, index: number): Promise<string[]> {
  if (reader.shape('labels') !== null) {
    const [label] = Array.from(await reader.read('labels', index, 1));
    return [dataset.classes[label!] ?? String(label)];
  }
  const width = reader.shape('targets')?.[1] ?? 0;
  const isLabel = dataset.task === 'multi-label';
  return Array.from(await reader.read('targets', index * width, width), (value) =>
    isLabel && value === missingLabel ? '' : numberText(value),
  );
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
