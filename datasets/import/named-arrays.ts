/**
 * Data sets out of files that hold arrays with names and nothing else (NPZ, safetensors; a pair of NPY files): which
 * array is the inputs, which the labels, which split it belongs to, told by the names people use.
 */
import { elementCount, type TensorDataset } from '../tensor-dataset.ts';
import { assemble, type Part } from './assemble.ts';
import type { TargetTask } from '../../contract/data-kinds.ts';
import { mostChoices } from '../../contract/datasets.ts';
import { looksLikeLabels, marksOfArray } from './label-columns.ts';
import { checkCounts } from './labels.ts';
import { checkLimit, fault, type ImportContext } from './limits.ts';
import { Skips } from './skips.ts';
import type { AskedTarget } from './targets.ts';

export interface NamedArray {
  /** Errors call it this: `mnist.npz, array "x_train"`. */
  place: string;
  name: string;
  shape: readonly number[];
  values: Uint8Array | Float64Array | readonly string[];
  /** Whether the file says that these are fractions: such a target is regressed, whole numbers are classes. */
  fractional: boolean;
}

const inputNames = new Set(['inputs', 'input', 'images', 'image', 'x', 'data', 'features']);
const labelNames = new Set(['labels', 'label', 'y', 'targets', 'target', 'classes', 'class']);
const splitNames = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['dev', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
]);

interface Role {
  array: NamedArray;
  split: string | null;
  /** The name without the split: `x` of `x_train`. */
  stem: string;
  role: 'inputs' | 'labels' | null;
}

/** What a name such as `x_train` or `test.labels` says. */
function roleOf(array: NamedArray, target: string | undefined): Role {
  const name = array.name.toLowerCase();
  const words = name.replace(/\.npy$/, '').split(/[^a-z0-9]+/);
  const splitWord = words.find((word) => splitNames.has(word));
  const rest = words.filter((word) => word !== splitWord).join('_');
  const split = splitNames.get(splitWord ?? '') ?? null;
  const stem = split === null || rest === '' ? array.name : rest;
  if (target !== undefined && [name, rest].includes(target.toLowerCase()))
    return { array, split, stem, role: 'labels' };
  if (inputNames.has(rest)) return { array, split, stem, role: 'inputs' };
  const isLabels = target === undefined && labelNames.has(rest);
  return { array, split, stem, role: isLabels ? 'labels' : null };
}

/**
 * Puts the arrays together. Inputs `[N, D]` are a table, `[N, H, W]`, `[N, C, H, W]` and `[N, H, W, C]` (C of 1, 3 or 4)
 * images. Throws `KronlabError` (`invalid`) that lists the arrays where their names do not tell.
 *
 * @param options the array with the labels, where its name is not one of the usual, and what is to be learnt of it
 */
export function fromNamedArrays(
  file: string,
  arrays: readonly NamedArray[],
  name: string,
  options: { target?: AskedTarget | undefined; task?: TargetTask | undefined },
  context: ImportContext,
): TensorDataset {
  const target = arrayName(file, options.target);
  const skips = new Skips();
  const { pairs, candidates } = pairArrays(file, arrays, target, skips);
  const targetName = target ?? roleOf(pairs[0]!.labels, undefined).stem;
  context.observer?.properties(candidates, [targetName]);
  let shape: readonly number[] | null = null;
  const parts: Part[] = [];
  let targetWidth = 1;
  for (const { split, inputs, labels } of pairs) {
    const layout = layoutOf(inputs, context);
    if (shape !== null && shape.join() !== layout.shape.join()) {
      throw fault(
        inputs.place,
        null,
        `its examples are ${layout.shape.join(' x ')}, others are ${shape.join(' x ')}`,
        'give arrays of one data set',
      );
    }
    shape = layout.shape;
    const count = inputs.shape[0]!;
    checkCounts(inputs.place, count, labels.place, labels.shape[0] ?? 0);
    const answer = answerOf(labels, options.task);
    targetWidth = answer.width;
    parts.push({ split, file: inputs.place, count, inputs: layout.values, ...answer.part });
  }
  return assemble(
    {
      name,
      kind: shape!.length === 1 ? 'table' : 'images',
      shape: shape!,
      parts,
      targetNames: targetWidth === 1 ? [targetName] : numbered(targetName, targetWidth),
      columns:
        shape!.length === 1
          ? numbered('x', shape![0]!).map((column) => ({ name: column, type: 'number' }))
          : [],
      skips,
    },
    context.limits,
  );
}

/** Labels are one array, however many columns it has. */
function arrayName(file: string, target: AskedTarget | undefined): string | undefined {
  if (target === undefined || typeof target === 'string') return target;
  if (target.length === 1) return target[0];
  throw fault(
    file,
    null,
    `${target.length} arrays are to be predicted`,
    'name one; labels of several columns are one array [N, L]',
  );
}

interface Pair {
  split: string | null;
  inputs: NamedArray;
  labels: NamedArray;
}

/**
 * Inputs and labels of each split, and the names by which labels could be chosen; inputs without are reported. Throws where two arrays are the inputs
 * or the labels of one split.
 */
function pairArrays(
  file: string,
  arrays: readonly NamedArray[],
  target: string | undefined,
  skips: Skips,
): { pairs: Pair[]; candidates: string[] } {
  const roles = arrays.map((array) => roleOf(array, target));
  const pairs = new Map<string | null, Pair>();
  const unlabelled: NamedArray[] = [];
  for (const { array: inputs, split } of inputsOf(roles)) {
    const before = pairs.get(split);
    if (before !== undefined) {
      throw fault(
        inputs.place,
        null,
        `holds inputs, as ${before.inputs.place} does`,
        'give one array of inputs, or one for each split: x_train and x_test',
      );
    }
    const labels = labelsOf(inputs, split, roles);
    if (labels !== null) pairs.set(split, { split, inputs, labels });
    else unlabelled.push(inputs);
  }
  if (pairs.size > 0) {
    for (const { place, shape } of unlabelled) skips.add('there are no labels for it', place, shape[0]);
  } else {
    const [first, second] = [...arrays].sort((a, b) => b.shape.length - a.shape.length);
    const canBe = target === undefined || [first?.name, second?.name].includes(target);
    if (arrays.length === 2 && canBe && first!.shape.length >= 2 && second!.shape[0] === first!.shape[0])
      pairs.set(null, { split: null, inputs: first!, labels: second! });
  }
  const inputs = new Set(Array.from(pairs.values(), (pair) => pair.inputs));
  const candidates = new Set(
    roles
      .filter(({ role }) => role !== 'inputs')
      .filter(({ array }) => !inputs.has(array) && array.shape.length >= 1 && array.shape.length <= 2)
      .map(({ stem }) => stem),
  );
  if (pairs.size > 0) return { pairs: [...pairs.values()], candidates: [...candidates] };
  const list = arrays.slice(0, 20).map((array) => `${array.name} [${array.shape.join(', ')}]`);
  throw fault(
    file,
    null,
    `its arrays are ${list.join(', ') || 'none'}, and their names do not say which are inputs and which labels`,
    'call them x and y (or x_train, y_train, x_test, y_test), or choose the labels as the target (--target)',
    { targets: [...candidates].slice(0, mostChoices) },
  );
}

/** Inputs by their names; where none has such a name, what is left beside the labels that were asked for. */
function inputsOf(roles: readonly Role[]): Role[] {
  const named = roles.filter(({ role }) => role === 'inputs');
  if (named.length > 0) return named;
  const labels = roles.filter(({ role }) => role === 'labels');
  return labels.flatMap(({ array: answers, split }) => {
    const others = roles.filter(
      ({ array, role, split: own }) =>
        role === null && own === split && array.shape.length >= 2 && array.shape[0] === answers.shape[0],
    );
    return others.length === 1 ? others : [];
  });
}

/** The labels of a split; of several with such names the one that has as many as there are inputs. */
function labelsOf(inputs: NamedArray, split: string | null, roles: readonly Role[]): NamedArray | null {
  const named = roles.filter((other) => other.role === 'labels' && other.split === split);
  const fitting = named.filter(({ array }) => array.shape[0] === inputs.shape[0]);
  const [labels, second] = fitting.length > 0 ? fitting : named;
  if (second === undefined) return labels?.array ?? null;
  throw fault(
    second.array.place,
    null,
    `could be the labels, as ${labels!.array.place} could`,
    'choose one of them as the target (--target)',
    { targets: [labels!.stem, second.stem] },
  );
}

function layoutOf(
  { place, shape, values, name }: NamedArray,
  { limits }: ImportContext,
): { shape: number[]; values: Uint8Array | Float32Array } {
  if (!(values instanceof Uint8Array || values instanceof Float64Array))
    throw fault(place, null, 'holds text; inputs are numbers', 'choose an array of numbers');
  const numbers = values instanceof Uint8Array ? values : Float32Array.from(values);
  const [count = 0, ...rest] = shape;
  if (rest.some((side) => side === 0) || count === 0)
    throw fault(place, null, `"${name}" holds no values`, 'choose an array with at least one example');
  if (rest.length <= 1) {
    checkLimit(place, null, rest[0] ?? 1, limits.columns, 'columns');
    return { shape: [rest[0] ?? 1], values: numbers };
  }
  if (rest.length > 3) {
    throw fault(
      place,
      null,
      `has ${shape.length} dimensions`,
      'inputs have 2 (rows, columns) to 4 (images, channels, rows, columns)',
    );
  }
  const channelsLast = rest.length === 3 && ![1, 3, 4].includes(rest[0]!) && [1, 3, 4].includes(rest[2]!);
  const [channels, height, width] =
    rest.length === 2 ? [1, ...rest] : channelsLast ? [rest[2]!, rest[0]!, rest[1]!] : rest;
  for (const side of [height!, width!]) checkLimit(place, null, side, limits.side, 'pixels along a side');
  checkLimit(place, null, channels!, limits.columns, 'channels');
  return {
    shape: [channels!, height!, width!],
    values: channelsLast ? channelsFirst(numbers, height! * width!, channels!) : numbers,
  };
}

/** `[N, pixels, C]` to `[N, C, pixels]`. */
function channelsFirst(values: Uint8Array | Float32Array, pixels: number, channels: number) {
  const moved = values.slice();
  const size = pixels * channels;
  for (let i = 0; i < values.length; i += 1) {
    const within = i % size;
    moved[i - within + (within % channels) * pixels + Math.floor(within / channels)] = values[i]!;
  }
  return moved;
}

/**
 * `[N]` or `[N, 1]` of whole numbers or text are classes; `[N, L]` of 0, 1 and gaps are labels, everything else is
 * targets.
 */
function answerOf(
  { place, shape, values, fractional }: NamedArray,
  asked: TargetTask | undefined,
): {
  width: number;
  part: Pick<Part, 'labels' | 'targets' | 'marks'>;
} {
  const width = elementCount(shape.slice(1));
  if (shape.length > 2)
    throw fault(place, null, `has ${shape.length} dimensions`, 'labels have 1, targets 1 or 2');
  const isOfNumbers = values instanceof Uint8Array || values instanceof Float64Array;
  if (
    asked === 'multi-label' ||
    (asked === undefined && width > 1 && isOfNumbers && looksLikeLabels(values))
  ) {
    if (!isOfNumbers || width === 0)
      throw fault(place, null, 'holds no numbers', 'labels are an array [N, L] of 0 and 1');
    return { width, part: { marks: marksOfArray(place, values, width) } };
  }
  if (asked === 'classification' && width > 1) {
    throw fault(
      place,
      null,
      `has ${width} columns; classification predicts one`,
      'choose an array [N], or the task multi-label for columns of 0 and 1',
    );
  }
  if (
    asked !== 'regression' &&
    width === 1 &&
    !(fractional && (values as Float64Array).some((value) => !Number.isInteger(value)))
  )
    return { width, part: { labels: values } };
  if (width === 0 || !isOfNumbers)
    throw fault(place, null, 'is no column of labels', 'give one label, or numbers, for each example');
  return { width, part: { targets: Float32Array.from(values) } };
}

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}${i}`);
}
