/**
 * What float64 references of Shampoo and SOAP share: small nets with their weights as matrices, whole or in parts, Adam's or
 * SGD's memory of every parameter, and the first-order step of what is not a weight.
 */
import { netShape, netValues, traceNet, type Batch, type TraceNet } from '../curvature/test-net.ts';
import {
  entry,
  matrix,
  netGradients,
  product,
  type Matrix,
  type Values,
} from '../curvature/test-reference.ts';
import { tanh } from '../program/operations/elementwise.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { noise } from '../program/test-program.ts';

export const transposed = (m: Matrix): Matrix => matrix(m.columns, m.rows, (i, j) => entry(m, j, i));

/** A part of a weight [outputs, width] that is preconditioned on its own: all of it, where no side is too long. */
export interface WeightPart {
  /** The weight's name, with the place of the part where it is not the whole. */
  name: string;
  parameter: string;
  rows: number;
  columns: number;
  /** Where it begins in its weight, and what a row of the weight has. */
  row: number;
  column: number;
  width: number;
}

/** A net that the references train: its start, its gradients in float64, its weights in parts, and itself for the engine. */
export interface TrainedNet {
  values(): Map<string, Float64Array>;
  gradients(values: Values, batch: Batch): Values;
  parts: readonly WeightPart[];
  trace: TraceNet;
}

function partsOf(layer: string, rows: readonly number[], columns: readonly number[]): WeightPart[] {
  const before = (lengths: readonly number[], i: number) => lengths.slice(0, i).reduce((a, b) => a + b, 0);
  const isWhole = rows.length * columns.length === 1;
  return rows.flatMap((height, r) =>
    columns.map((width, c) => {
      const [row, column] = [before(rows, r), before(columns, c)];
      return {
        name: `${layer}${isWhole ? '' : ` from row ${row}, column ${column}`}.weight`,
        parameter: `${layer}.weight`,
        ...{ rows: height, columns: width, row, column, width: before(columns, columns.length) },
      };
    }),
  );
}

const { examples, positions, inputs, hidden, classes } = netShape;

/** The net of `curvature/test-net.ts`. */
export const linearNet: TrainedNet = {
  values: netValues,
  gradients: netGradients,
  parts: [...partsOf('first', [hidden], [inputs]), ...partsOf('second', [classes], [hidden])],
  trace: traceNet,
};

/** The same with sides of at most 4. */
export const cutLinearNet: TrainedNet = {
  ...linearNet,
  parts: [...partsOf('first', [4], [4, 1]), ...partsOf('second', [classes], [hidden])],
};

const channels = 6;
const kernel = 2;
const image = [positions - kernel + 1, inputs - kernel + 1] as const;
const pixels = image[0] * image[1];

/** A convolution with a bias on the batch as images [N, 3, 5, 1], tanh, the mean over its pixels, and a head without bias. */
export const convolutionNet: TrainedNet = {
  values: () =>
    new Map([
      ['first.weight', noise(channels * kernel ** 2, 5)],
      ['first.bias', noise(channels, 6)],
      ['second.weight', noise(classes * channels, 7)],
    ]),
  gradients: byDifferences(convolutionLoss),
  parts: [...partsOf('first', [channels], [kernel ** 2]), ...partsOf('second', [classes], [channels])],
  trace: (builder, x) => {
    const images = builder.graph.reshape(x, [examples, positions, inputs, 1]);
    const window = { kernel, stride: 1, padding: 0, dilation: 1 };
    const h = tanh(builder.convolution('first', images, channels, window));
    return builder.linear('second', meanAxes(h, 1, 2), classes, { bias: false });
  },
};

/** The same with sides of at most 4. */
export const cutConvolutionNet: TrainedNet = {
  ...convolutionNet,
  parts: [...partsOf('first', [4, 2], [kernel ** 2]), ...partsOf('second', [classes], [4, 2])],
};

function convolutionLoss(values: Values, { x, labels }: Batch): number {
  const at = (name: string, i: number) => values.get(name)?.[i] ?? NaN;
  let loss = 0;
  for (let n = 0; n < examples; n++) {
    const pooled = Array.from({ length: channels }, (_, o) => {
      let total = 0;
      for (let p = 0; p < pixels; p++) {
        const [row, column] = [Math.floor(p / image[1]), p % image[1]];
        let z = at('first.bias', o);
        for (let k = 0; k < kernel ** 2; k++) {
          const pixel = (n * positions + row + Math.floor(k / kernel)) * inputs + column + (k % kernel);
          z += at('first.weight', o * kernel ** 2 + k) * (x[pixel] ?? NaN);
        }
        total += Math.tanh(z) / pixels;
      }
      return total;
    });
    const logits = Array.from({ length: classes }, (_, c) =>
      pooled.reduce((sum, value, o) => sum + at('second.weight', c * channels + o) * value, 0),
    );
    const sum = logits.reduce((total, z) => total + Math.exp(z), 0);
    loss += (Math.log(sum) - (logits[labels[n] ?? NaN] ?? NaN)) / examples;
  }
  return loss;
}

/** Central differences with a step of 1e-5: good to about 1e-10. */
function byDifferences(lossOf: (values: Values, batch: Batch) => number): TrainedNet['gradients'] {
  const step = 1e-5;
  return (values, batch) =>
    new Map(
      [...values].map(([name, data]) => {
        const moved = (i: number, by: number) => {
          const copy = Float64Array.from(data);
          copy[i] = (copy[i] ?? NaN) + by;
          return lossOf(new Map(values).set(name, copy), batch);
        };
        return [name, data.map((_, i) => (moved(i, step) - moved(i, -step)) / (2 * step))];
      }),
    );
}

/** A part as a matrix out of a parameter's numbers. */
export function partOf({ rows, columns, row, column, width }: WeightPart, data?: Float64Array): Matrix {
  return matrix(rows, columns, (i, j) => data?.[(row + i) * width + column + j] ?? NaN);
}

interface Settings {
  beta1: number;
  beta2: number;
  eps: number;
  otherLrMultiplier: number;
}

/** Parameters with the memory of a first-order rule. */
export class FirstOrderMemory {
  readonly values: Values;
  readonly first: Values;
  readonly second: Values;
  private readonly net: TrainedNet;
  private readonly settings: Settings;
  private readonly isSgd: boolean;
  private count = 0;

  constructor(net: TrainedNet, settings: Settings, isSgd = false) {
    const values = net.values();
    this.net = net;
    const zeros = () => new Map([...values].map(([name, data]) => [name, new Float64Array(data.length)]));
    this.values = new Map([...values].map(([name, data]) => [name, Float64Array.from(data)]));
    this.first = zeros();
    this.second = zeros();
    this.settings = settings;
    this.isSgd = isSgd;
  }

  /** Takes in the gradients of a batch; answers them. */
  take(batch: Batch): Values {
    const gradients = this.net.gradients(this.values, batch);
    const { beta1, beta2 } = this.settings;
    this.count++;
    for (const [name, gradient] of gradients) {
      const [m, v] = [this.first.get(name) as Float64Array, this.second.get(name) as Float64Array];
      gradient.forEach((g, i) => {
        m[i] = beta1 * (m[i] ?? NaN) + (this.isSgd ? g : (1 - beta1) * g);
        v[i] = beta2 * (v[i] ?? NaN) + (1 - beta2) * g * g;
      });
    }
    return gradients;
  }

  /** The rule's step of one parameter, without the rate. */
  stepOf(name: string): Float64Array {
    const { beta1, beta2, eps } = this.settings;
    const [m, v] = [this.first.get(name) as Float64Array, this.second.get(name) as Float64Array];
    if (this.isSgd) return m;
    const corrected = (x: number, beta: number) => x / (1 - beta ** this.count);
    return m.map((x, i) => corrected(x, beta1) / (Math.sqrt(corrected(v[i] ?? NaN, beta2)) + eps));
  }

  /** Moves everything that is not a weight. */
  moveOthers(lr: number): void {
    for (const [name, values] of this.values) {
      if (this.net.parts.some(({ parameter }) => parameter === name)) continue;
      const scale = name === 'shift' ? this.settings.otherLrMultiplier : 1;
      this.stepOf(name).forEach((u, i) => {
        values[i] = (values[i] ?? NaN) - lr * scale * u;
      });
    }
  }

  /** W <- (1 - lr wd) W - lr D for a part, D like it. */
  movePart(part: WeightPart, direction: ArrayLike<number>, lr: number, weightDecay: number): void {
    const all = this.values.get(part.parameter) ?? new Float64Array();
    for (let i = 0; i < part.rows; i++) {
      for (let j = 0; j < part.columns; j++) {
        const at = (part.row + i) * part.width + part.column + j;
        all[at] = (1 - lr * weightDecay) * (all[at] ?? NaN) - lr * (direction[i * part.columns + j] ?? NaN);
      }
    }
  }
}

/** L and R of every part, as corrected moving averages. */
export class MomentsReference {
  readonly moments = new Map<string, { L: Matrix; R: Matrix }>();
  private readonly net: TrainedNet;
  private readonly decay: number;
  private weight = 0;

  constructor(net: TrainedNet, decay: number) {
    this.net = net;
    this.decay = decay;
  }

  take(gradients: Values): void {
    this.weight = this.decay * this.weight + 1;
    for (const part of this.net.parts) {
      const { name } = part;
      const g = partOf(part, gradients.get(part.parameter));
      const old = this.moments.get(name);
      const average = (before: Matrix | undefined, now: Matrix) =>
        matrix(now.rows, now.rows, (i, j) => {
          const then = before ? entry(before, i, j) : 0;
          return then + (entry(now, i, j) - then) / this.weight;
        });
      this.moments.set(name, {
        L: average(old?.L, product(g, transposed(g))),
        R: average(old?.R, product(transposed(g), g)),
      });
    }
  }
}
