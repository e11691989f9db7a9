/**
 * What float64 references of Shampoo and SOAP share: the tiny net of `curvature/test-net.ts` with its two weights as
 * matrices, Adam's or SGD's memory of every parameter, and the first-order step of what is not a weight.
 */
import { netShape, type Batch } from '../curvature/test-net.ts';
import {
  entry,
  matrix,
  netGradients,
  product,
  type Matrix,
  type Values,
} from '../curvature/test-reference.ts';

export const transposed = (m: Matrix): Matrix => matrix(m.columns, m.rows, (i, j) => entry(m, j, i));

export const asMatrix = (rows: number, columns: number, data: Float64Array): Matrix => ({
  rows,
  columns,
  data,
});

/** Weights by name with their shapes [outputs, inputs]. */
export const netWeights: readonly { name: string; rows: number; columns: number }[] = [
  { name: 'first.weight', rows: netShape.hidden, columns: netShape.inputs },
  { name: 'second.weight', rows: netShape.classes, columns: netShape.hidden },
];

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
  private readonly settings: Settings;
  private readonly isSgd: boolean;
  private count = 0;

  constructor(values: ReadonlyMap<string, Float64Array>, settings: Settings, isSgd = false) {
    const zeros = () => new Map([...values].map(([name, data]) => [name, new Float64Array(data.length)]));
    this.values = new Map([...values].map(([name, data]) => [name, Float64Array.from(data)]));
    this.first = zeros();
    this.second = zeros();
    this.settings = settings;
    this.isSgd = isSgd;
  }

  /** Takes in the gradients of a batch; answers them. */
  take(batch: Batch): Values {
    const gradients = netGradients(this.values, batch);
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
      if (netWeights.some((weight) => weight.name === name)) continue;
      const scale = name === 'shift' ? this.settings.otherLrMultiplier : 1;
      this.stepOf(name).forEach((u, i) => {
        values[i] = (values[i] ?? NaN) - lr * scale * u;
      });
    }
  }

  /** W <- (1 - lr wd) W - lr D */
  moveWeight(name: string, direction: ArrayLike<number>, lr: number, weightDecay: number): void {
    this.values.get(name)?.forEach((w, i, all) => {
      all[i] = (1 - lr * weightDecay) * w - lr * (direction[i] ?? NaN);
    });
  }
}

/** L and R of every weight, as corrected moving averages. */
export class MomentsReference {
  readonly moments = new Map<string, { L: Matrix; R: Matrix }>();
  private readonly decay: number;
  private weight = 0;

  constructor(decay: number) {
    this.decay = decay;
  }

  take(gradients: Values): void {
    this.weight = this.decay * this.weight + 1;
    for (const { name, rows, columns } of netWeights) {
      const g = asMatrix(rows, columns, gradients.get(name) as Float64Array);
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
