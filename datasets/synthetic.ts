/**
 * Data sets that are computed: small tables of which it is known what there is to learn. Everything is drawn from a run's
 * seed, or the usual one, by the generator that splits are drawn from, so that they are the same on every machine.
 */
import type { DatasetEntry } from './dataset.ts';
import { createRandom, type Random } from './random.ts';
import { indexTensor, nothingSkipped, valueTensor, type TensorDataset } from './tensor-dataset.ts';

const usualSeed = 1;
const examples = 1024;
const licence = 'computed by the lab, CC0';

const common = {
  kind: 'table',
  files: [],
  examples,
  splits: [],
  licence,
  usualSeed,
} as const satisfies Partial<DatasetEntry>;

export const spiralShape = { arms: 3, turns: 0.75, noise: 0.02 };
export const teacherShape = { inputs: 8, hidden: 16, noise: 0.05 };
/** Singular values of the map, from large to small: condition number 100. */
export const linearShape = { inputs: 16, singularValues: [3, 1, 0.3, 0.03], noise: 0.01 };

const armNames = Array.from({ length: spiralShape.arms }, (_, arm) => `arm ${arm + 1}`);
const outputNames = linearShape.singularValues.map((_, i) => `y${i + 1}`);

export const spirals: DatasetEntry = {
  ...common,
  id: 'spirals',
  name: 'Spirals',
  task: 'classification',
  example: [2],
  outputs: spiralShape.arms,
  classes: armNames,
  targets: ['arm'],
  bytes: examples * (2 * 4 + 4),
  source: `${spiralShape.arms} arms of a spiral in the plane with noise, drawn from seed ${usualSeed} unless a run names another`,
  read: (_, seed) => makeSpirals(seed),
};

export const teacher: DatasetEntry = {
  ...common,
  id: 'teacher',
  name: 'Random teacher',
  task: 'regression',
  example: [teacherShape.inputs],
  outputs: 1,
  classes: [],
  targets: ['y'],
  bytes: examples * 4 * (teacherShape.inputs + 1),
  source: `what a random network of ${teacherShape.hidden} tanh units answers, with noise, drawn from seed ${usualSeed} unless a run names another`,
  read: (_, seed) => makeTeacher(seed),
};

export const deepLinear: DatasetEntry = {
  ...common,
  id: 'deep-linear',
  name: 'Linear map',
  task: 'regression',
  example: [linearShape.inputs],
  outputs: outputNames.length,
  classes: [],
  targets: outputNames,
  bytes: examples * 4 * (linearShape.inputs + outputNames.length),
  source: `a linear map with singular values ${linearShape.singularValues.join(', ')} and noise, drawn from seed ${usualSeed} unless a run names another`,
  read: (_, seed) => makeLinearMap(seed),
};

/**
 * Points of `arms` spirals in turn: at t from 0 to 1 of the way outwards, the radius is 0.1 + 0.9 t and the angle
 * `turns` t of a turn beyond that of the arm; both coordinates have normal noise.
 */
export function makeSpirals(from: number): TensorDataset {
  const random = createRandom(from);
  const { arms, turns, noise } = spiralShape;
  const inputs = new Float32Array(2 * examples);
  const labels = Uint32Array.from({ length: examples }, (_, i) => i % arms);
  labels.forEach((arm, i) => {
    const t = uniform(random);
    const angle = 2 * Math.PI * (arm / arms + turns * t);
    const radius = 0.1 + 0.9 * t;
    inputs[2 * i] = radius * Math.cos(angle) + noise * normal(random);
    inputs[2 * i + 1] = radius * Math.sin(angle) + noise * normal(random);
  });
  return {
    ...table(spirals, inputs),
    tensors: { inputs: valueTensor([examples, 2], inputs), labels: indexTensor([examples], labels) },
  };
}

/** y = v . tanh(W x + b) + noise of normal inputs; W is normal with variance 1 / inputs, b and v with variance 1. */
export function makeTeacher(from: number): TensorDataset {
  const random = createRandom(from);
  const { inputs: width, hidden, noise } = teacherShape;
  const weights = normals(random, hidden * width, 1 / Math.sqrt(width));
  const [biases, answers] = [normals(random, hidden, 1), normals(random, hidden, 1)];
  const inputs = Float32Array.from(normals(random, examples * width, 1));
  const targets = Float32Array.from({ length: examples }, (_, n) => {
    const y = answers.reduce((sum, v, h) => {
      const z = biases[h]! + dot(weights, h * width, inputs, n * width, width);
      return sum + v * Math.tanh(z);
    }, 0);
    return y + noise * normal(random);
  });
  return regression(teacher, inputs, targets);
}

/**
 * y = P diag(singularValues) Q x + noise of normal inputs, where P is orthogonal and the rows of Q are orthonormal. P mixes
 * the targets, because otherwise standardising each of them would undo the singular values.
 */
export function makeLinearMap(from: number): TensorDataset {
  const random = createRandom(from);
  const { inputs: width, singularValues, noise } = linearShape;
  const outputs = singularValues.length;
  const [rows, mixing] = [orthonormalRows(random, outputs, width), orthonormalRows(random, outputs, outputs)];
  const inputs = Float32Array.from(normals(random, examples * width, 1));
  const targets = new Float32Array(examples * outputs);
  for (let n = 0; n < examples; n += 1) {
    const along = rows.map((row, i) => singularValues[i]! * dot(row, 0, inputs, n * width, width));
    mixing.forEach((row, i) => {
      targets[n * outputs + i] = dot(row, 0, along, 0, outputs) + noise * normal(random);
    });
  }
  return regression(deepLinear, inputs, targets);
}

/** Normal rows made orthogonal one by one (Gram and Schmidt). */
function orthonormalRows(random: Random, count: number, width: number): Float64Array[] {
  const rows: Float64Array[] = [];
  while (rows.length < count) {
    const row = normals(random, width, 1);
    for (const other of rows) {
      const along = dot(other, 0, row, 0, width);
      other.forEach((value, i) => (row[i]! -= along * value));
    }
    const length = Math.sqrt(dot(row, 0, row, 0, width));
    rows.push(row.map((value) => value / length));
  }
  return rows;
}

function regression(entry: DatasetEntry, inputs: Float32Array, targets: Float32Array): TensorDataset {
  return {
    ...table(entry, inputs),
    tensors: {
      inputs: valueTensor([examples, inputs.length / examples], inputs),
      targets: valueTensor([examples, targets.length / examples], targets),
    },
  };
}

function table(entry: DatasetEntry, inputs: Float32Array): Omit<TensorDataset, 'tensors'> {
  const { name, task, classes, targets } = entry;
  const columns = Array.from({ length: inputs.length / examples }, (_, i) => ({
    name: `x${i + 1}`,
    type: 'number' as const,
  }));
  return {
    ...{ name, kind: 'table', task, examples, classes, columns, edgeColumns: [], targets },
    ...{ splits: [], skipped: nothingSkipped },
  };
}

function dot(
  a: ArrayLike<number>,
  aStart: number,
  b: ArrayLike<number>,
  bStart: number,
  length: number,
): number {
  let sum = 0;
  for (let i = 0; i < length; i += 1) sum += a[aStart + i]! * b[bStart + i]!;
  return sum;
}

function normals(random: Random, count: number, deviation: number): Float64Array {
  return Float64Array.from({ length: count }, () => deviation * normal(random));
}

/** A standard normal number (Box and Muller 1958). */
function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(random)));
  return radius * Math.cos(2 * Math.PI * uniform(random));
}

/** From 0 to below 1. */
function uniform(random: Random): number {
  return random.nextUint32() / 2 ** 32;
}
