/**
 * What an evaluation says of a model, by task, in float64 from what was read back. Metrics of regression are in the
 * units of the file: predictions and targets are taken back through the scaling they were standardised with.
 */
import type { DatasetTask } from '../../contract/data-kinds.ts';
import type { MetricKey } from '../../contract/runs.ts';
import { partTensor, type PreparedDataset } from '../../datasets/dataset.ts';

export type MetricValues = Partial<Record<MetricKey, number>>;

/** Of every validation example, in order, as the GPU answered. */
export interface Answers {
  /** Means over all examples (language: tokens); NaN where the task reads its numbers from `outputs`. */
  loss: number;
  accuracy: number;
  /** Classification: [n] the probability of the predicted class, and 1 where it is right. */
  confidences: Float32Array;
  hits: Float32Array;
  /** Regression and multi-label: [n, T]. */
  outputs: Float32Array;
}

/** The metrics of `taskMetrics`, with `val.loss` in front. */
export function metricsOf(data: PreparedDataset, answers: Answers): MetricValues {
  const task: DatasetTask = data.task;
  const { loss } = answers;
  switch (task) {
    case 'classification':
      return {
        'val.loss': loss,
        'val.accuracy': answers.accuracy,
        'val.ece': calibrationError(answers.confidences, answers.hits),
      };
    case 'language':
      return {
        'val.loss': loss,
        'val.perplexity': Math.exp(loss),
        'val.bits_per_char': loss / Math.LN2,
      };
    case 'regression':
      return { 'val.loss': loss, ...regressionMetrics(data, answers.outputs) };
    case 'multi-label': {
      const { data: bits } = partTensor(data.validation, 'targets');
      const targets = new Float32Array(bits.buffer);
      return {
        'val.loss': binaryLoss(answers.outputs, targets),
        'val.map': meanAveragePrecision(answers.outputs, targets, data.outputs),
      };
    }
    default:
      return task satisfies never;
  }
}

const calibrationBins = 15;

/**
 * Expected calibration error (Guo et al. 2017, equation 3): examples fall into 15 bins of equal width by the
 * probability p of their prediction, bin b holding (b / 15, (b + 1) / 15], and the differences between the share that is
 * right and the mean p are averaged by the examples in each bin.
 */
export function calibrationError(confidences: ArrayLike<number>, hits: ArrayLike<number>): number {
  const gaps = new Float64Array(calibrationBins);
  for (let i = 0; i < confidences.length; i += 1) {
    const p = confidences[i]!;
    if (!(p >= 0 && p <= 1.001)) return Number.NaN;
    const bin = Math.min(calibrationBins - 1, Math.max(0, Math.ceil(p * calibrationBins) - 1));
    gaps[bin]! += hits[i]! - p;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / confidences.length;
}

/**
 * Root of the mean squared error and mean absolute error over all targets of all examples, and the coefficient of
 * determination, 1 - squared error / squared deviation from the mean of each target over the validation part.
 */
function regressionMetrics(data: PreparedDataset, outputs: Float32Array): MetricValues {
  const targets = partTensor(data.validation, 'targets').data;
  const { mean = [], std = [] } = data.scaling['targets'] ?? {};
  const width = data.outputs;
  const rows = outputs.length / width;
  let [squares, absolute, deviations] = [0, 0, 0];
  for (let column = 0; column < width; column += 1) {
    const scale = std[column] ?? 1;
    let total = 0;
    for (let i = column; i < outputs.length; i += width) {
      const error = (outputs[i]! - targets[i]!) * scale;
      squares += error ** 2;
      absolute += Math.abs(error);
      total += targets[i]! * scale + (mean[column] ?? 0);
    }
    for (let i = column; i < outputs.length; i += width)
      deviations += (targets[i]! * scale + (mean[column] ?? 0) - total / rows) ** 2;
  }
  return {
    'val.rmse': Math.sqrt(squares / outputs.length),
    'val.mae': absolute / outputs.length,
    'val.r2': deviations > 0 ? 1 - squares / deviations : Number.NaN,
  };
}

/** Mean over the labels that are not missing of log(1 + exp(z)) - y z. */
function binaryLoss(logits: Float32Array, targets: Float32Array): number {
  let [sum, count] = [0, 0];
  logits.forEach((z, i) => {
    const y = targets[i]!;
    if (Number.isNaN(y)) return;
    sum += Math.max(z, 0) - y * z + Math.log1p(Math.exp(-Math.abs(z)));
    count += 1;
  });
  return count === 0 ? 0 : sum / count;
}

/**
 * Mean over the labels that at least one example has of the average precision: with the examples whose label is known in
 * falling order of their score, the mean over those that have it of the share that has it among all down to there.
 * Examples of one score share a place, the last of them. NaN where no label has an example, or a score is no number.
 */
export function meanAveragePrecision(
  scores: ArrayLike<number>,
  targets: ArrayLike<number>,
  labels: number,
): number {
  let [sum, count] = [0, 0];
  for (let label = 0; label < labels; label += 1) {
    const known: { score: number; has: number }[] = [];
    for (let i = label; i < scores.length; i += labels)
      if (!Number.isNaN(targets[i]!)) known.push({ score: scores[i]!, has: targets[i]! });
    if (known.some(({ score }) => Number.isNaN(score))) return Number.NaN;
    const precision = averagePrecision(known);
    if (precision === null) continue;
    sum += precision;
    count += 1;
  }
  return count === 0 ? Number.NaN : sum / count;
}

function averagePrecision(known: { score: number; has: number }[]): number | null {
  known.sort((a, b) => b.score - a.score);
  let [sum, found, total] = [0, 0, 0];
  for (let first = 0; first < known.length;) {
    let end = first;
    while (end < known.length && known[end]!.score === known[first]!.score) end += 1;
    const here = known.slice(first, end).reduce((positives, { has }) => positives + has, 0);
    found += here;
    sum += (here * found) / end;
    total += here;
    first = end;
  }
  return total === 0 ? null : sum / total;
}
