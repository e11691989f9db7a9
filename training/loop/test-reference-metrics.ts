/** The metrics of every task straight from their definitions, in float64 and without regard to speed. */
import { partTensor, type PreparedDataset } from '../../datasets/dataset.ts';
import { tensorOf, type TensorDataset } from '../../datasets/tensor-dataset.ts';

type Values = ArrayLike<number>;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const rowsOf = (values: Values, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) =>
    Array.from({ length: width }, (_, j) => values[i * width + j]!),
  );

function softmax(row: readonly number[]): number[] {
  const weights = row.map((z) => Math.exp(z - Math.max(...row)));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** Outputs [M, C] and the right class of each row. */
export function classMetrics(outputs: Values, labels: readonly number[], classes: number) {
  const rows = rowsOf(outputs, classes).map(softmax);
  const answers = rows.map((row) => row.indexOf(Math.max(...row)));
  const loss = mean(rows.map((row, i) => -Math.log(row[labels[i]!]!)));
  const bins = Array.from({ length: 15 }, (_, bin) => {
    const members = rows
      .map((row, i) => ({ p: Math.max(...row), hit: answers[i] === labels[i] ? 1 : 0 }))
      .filter(({ p }) => p > bin / 15 && p <= (bin + 1) / 15);
    if (members.length === 0) return 0;
    const gap = mean(members.map(({ hit }) => hit)) - mean(members.map(({ p }) => p));
    return (members.length / rows.length) * Math.abs(gap);
  });
  return {
    'val.loss': loss,
    'val.accuracy': mean(answers.map((answer, i) => (answer === labels[i] ? 1 : 0))),
    'val.ece': bins.reduce((a, b) => a + b, 0),
  };
}

/** Logits [M, C] and the token that comes next. */
export function languageMetrics(outputs: Values, labels: readonly number[], vocabulary: number) {
  const { 'val.loss': loss } = classMetrics(outputs, labels, vocabulary);
  return {
    'val.loss': loss,
    'val.perplexity': Math.exp(loss),
    'val.bits_per_char': Math.log2(Math.exp(loss)),
  };
}

/** Predictions [n, T] in standard units and targets [n, T] in those of the file. */
export function numberMetrics(outputs: Values, targets: Values, scaling: { mean: number[]; std: number[] }) {
  const width = scaling.mean.length;
  const predicted = rowsOf(outputs, width).map((row) =>
    row.map((y, j) => y * scaling.std[j]! + scaling.mean[j]!),
  );
  const right = rowsOf(targets, width);
  const errors = predicted.flatMap((row, i) => row.map((y, j) => y - right[i]![j]!));
  const standardErrors = predicted.flatMap((row, i) =>
    row.map((y, j) => (y - right[i]![j]!) / scaling.std[j]!),
  );
  const centres = scaling.mean.map((_, j) => mean(right.map((row) => row[j]!)));
  const total = right.flatMap((row) => row.map((y, j) => (y - centres[j]!) ** 2)).reduce((a, b) => a + b, 0);
  return {
    'val.loss': mean(standardErrors.map((error) => error ** 2)),
    'val.rmse': Math.sqrt(mean(errors.map((error) => error ** 2))),
    'val.mae': mean(errors.map(Math.abs)),
    'val.r2': 1 - errors.reduce((sum, error) => sum + error ** 2, 0) / total,
  };
}

/** Logits and targets [n, T], NaN where a label is missing. */
export function labelMetrics(outputs: Values, targets: Values, labels: number) {
  const terms = Array.from(outputs, (z, i) => ({ p: 1 / (1 + Math.exp(-z)), y: targets[i]! }))
    .filter(({ y }) => !Number.isNaN(y))
    .map(({ p, y }) => -(y * Math.log(p) + (1 - y) * Math.log(1 - p)));
  const precisions = Array.from({ length: labels }, (_, j) => {
    const known = rowsOf(outputs, labels)
      .map((row, i) => ({ score: row[j]!, y: targets[i * labels + j]! }))
      .filter(({ y }) => !Number.isNaN(y));
    const positives = known.filter(({ y }) => y === 1);
    return positives.map(({ score }) => {
      const above = known.filter((other) => other.score >= score);
      return above.filter(({ y }) => y === 1).length / above.length;
    });
  });
  return { 'val.loss': mean(terms), 'val.map': mean(precisions.filter((list) => list.length > 0).map(mean)) };
}

/** The metrics of outputs for the validation part of a data set; `examples` are its numbers in the file. */
export function referenceMetrics(
  dataset: TensorDataset,
  data: PreparedDataset,
  outputs: Values,
  examples: readonly number[],
): Record<string, number> {
  const file = (name: string, width: number) =>
    examples.flatMap((i) =>
      Array.from({ length: width }, (_, j) => tensorOf(dataset, name).data[i * width + j]!),
    );
  switch (data.task) {
    case 'classification':
      return classMetrics(outputs, file('labels', 1), data.outputs);
    case 'language': {
      const tokens = [...partTensor(data.validation, 'tokens').data];
      const predicted = outputs.length / data.outputs;
      return languageMetrics(outputs, tokens.slice(1, predicted + 1), data.outputs);
    }
    case 'regression':
      return numberMetrics(outputs, file('targets', data.outputs), data.scaling['targets']!);
    case 'multi-label': {
      const marks = file('targets', data.outputs).map((mark) => (mark === 255 ? Number.NaN : mark));
      return labelMetrics(outputs, marks, data.outputs);
    }
    default:
      return data.task satisfies never;
  }
}
