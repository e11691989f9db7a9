/**
 * The grafted K-FAC recipe in float64, written from its description and not from the engine: plain arrays, loops and
 * Gauss-Jordan inverses, for the tiny net of `test-net.ts` and the empirical Fisher, where nothing is random.
 */
import type { InverseFreeSpec, KfacSpec } from '../../contract/run-spec.ts';
import { netShape, type Batch } from './test-net.ts';

/** Row-major [rows, columns]. */
export interface Matrix {
  rows: number;
  columns: number;
  data: Float64Array;
}

export function matrix(rows: number, columns: number, entry: (i: number, j: number) => number): Matrix {
  const data = Float64Array.from({ length: rows * columns }, (_, at) =>
    entry(Math.floor(at / columns), at % columns),
  );
  return { rows, columns, data };
}

export const entry = (m: Matrix, i: number, j: number): number => m.data[i * m.columns + j] ?? NaN;

export function product(a: Matrix, b: Matrix): Matrix {
  return matrix(a.rows, b.columns, (i, j) => {
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += entry(a, i, k) * entry(b, k, j);
    return sum;
  });
}

/** (F + damping I)^-1 by Gauss-Jordan elimination without pivoting, which positive definite matrices do not need. */
export function dampedInverse(f: Matrix, damping: number): Matrix {
  const n = f.rows;
  const left = matrix(n, n, (i, j) => entry(f, i, j) + (i === j ? damping : 0));
  const right = matrix(n, n, (i, j) => (i === j ? 1 : 0));
  for (let pivot = 0; pivot < n; pivot++) {
    const scale = 1 / entry(left, pivot, pivot);
    for (const side of [left, right]) {
      for (let j = 0; j < n; j++) side.data[pivot * n + j] = entry(side, pivot, j) * scale;
    }
    for (let i = 0; i < n; i++) {
      if (i === pivot) continue;
      const factor = entry(left, i, pivot);
      for (const side of [left, right]) {
        for (let j = 0; j < n; j++) side.data[i * n + j] = entry(side, i, j) - factor * entry(side, pivot, j);
      }
    }
  }
  return right;
}

export function meanEigenvalue(f: Matrix): number {
  let trace = 0;
  for (let i = 0; i < f.rows; i++) trace += entry(f, i, i);
  return trace / f.rows;
}

/** The net's parameters by name. */
export type Values = Map<string, Float64Array>;

export interface Pass {
  /** Mean loss of the batch. */
  loss: number;
  gradients: Values;
  /** [N R, inputs + 1] and [N R, hidden]: inputs of the two layers, the first with its ones. */
  inputs: [Matrix, Matrix];
  /** [N R, outputs]: gradients of the un-averaged loss terms by the two layers' outputs. */
  outputGradients: [Matrix, Matrix];
}

const value = (values: Values, name: string, at: number): number => values.get(name)?.[at] ?? NaN;

/** Forward and backward pass, one example and position after another. */
export function pass(values: Values, batch: Batch): Pass {
  const { examples: N, positions: R, inputs, hidden, classes } = netShape;
  const a1 = matrix(N * R, inputs + 1, (t, j) => (j < inputs ? (batch.x[t * inputs + j] ?? NaN) : 1));
  const h = matrix(N * R, hidden, (t, o) => {
    let z = value(values, 'first.bias', o) + value(values, 'shift', (t % R) * hidden + o);
    for (let j = 0; j < inputs; j++) z += value(values, 'first.weight', o * inputs + j) * entry(a1, t, j);
    return Math.tanh(z);
  });
  const logits = matrix(N, classes, (n, c) => {
    let sum = 0;
    for (let r = 0; r < R; r++)
      for (let o = 0; o < hidden; o++)
        sum += (value(values, 'second.weight', c * hidden + o) * entry(h, n * R + r, o)) / R;
    return sum;
  });
  const g2 = matrix(N * R, classes, (t, c) => {
    const n = Math.floor(t / R);
    return (softmax(logits, n, c) - (batch.labels[n] === c ? 1 : 0)) / R;
  });
  const g1 = matrix(N * R, hidden, (t, o) => {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += entry(g2, t, c) * value(values, 'second.weight', c * hidden + o);
    return sum * (1 - entry(h, t, o) ** 2);
  });
  let loss = 0;
  for (let n = 0; n < N; n++) loss -= Math.log(softmax(logits, n, batch.labels[n] ?? NaN)) / N;
  return { loss, gradients: gradientsOf(a1, h, g1, g2), inputs: [a1, h], outputGradients: [g1, g2] };
}

function softmax(logits: Matrix, n: number, c: number): number {
  let sum = 0;
  for (let d = 0; d < logits.columns; d++) sum += Math.exp(entry(logits, n, d));
  return Math.exp(entry(logits, n, c)) / sum;
}

/** Gradients of the mean loss by the parameters. */
function gradientsOf(a1: Matrix, h: Matrix, g1: Matrix, g2: Matrix): Values {
  const { examples: N, positions: R, inputs, hidden, classes } = netShape;
  const over = (outputs: Matrix, by: Matrix, o: number, j: number): number => {
    let sum = 0;
    for (let t = 0; t < N * R; t++) sum += (entry(outputs, t, o) * entry(by, t, j)) / N;
    return sum;
  };
  return new Map([
    ['first.weight', matrix(hidden, inputs, (o, j) => over(g1, a1, o, j)).data],
    ['first.bias', matrix(hidden, 1, (o) => over(g1, a1, o, inputs)).data],
    ['second.weight', matrix(classes, hidden, (o, j) => over(g2, h, o, j)).data],
    [
      'shift',
      matrix(R, hidden, (r, o) => {
        let sum = 0;
        for (let n = 0; n < N; n++) sum += entry(g1, n * R + r, o) / N;
        return sum;
      }).data,
    ],
  ]);
}

/** Gradients of the mean loss by all parameters. */
export const netGradients = (values: Values, batch: Batch): Values => pass(values, batch).gradients;

/** Second moments of rows [N R, width], each row alone (expand) or combined per example first (reduce). */
function secondMoment(rows: Matrix, flavour: 'expand' | 'reduce', combine: 'mean' | 'sum'): Matrix {
  const { examples: N, positions: R } = netShape;
  const used =
    flavour === 'expand'
      ? rows
      : matrix(N, rows.columns, (n, j) => {
          let sum = 0;
          for (let r = 0; r < R; r++) sum += entry(rows, n * R + r, j);
          return combine === 'mean' ? sum / R : sum;
        });
  const divisor = combine === 'mean' ? used.rows : N;
  return matrix(rows.columns, rows.columns, (i, j) => {
    let sum = 0;
    for (let t = 0; t < used.rows; t++) sum += entry(used, t, i) * entry(used, t, j);
    return sum / divisor;
  });
}

/** Both factors of both layers on one batch. */
export function referenceFactors(
  values: Values,
  batch: Batch,
  flavour: 'expand' | 'reduce',
): [Matrix, Matrix][] {
  const { inputs, outputGradients } = pass(values, batch);
  return inputs.map((a, layer) => [
    secondMoment(a, flavour, 'mean'),
    secondMoment(outputGradients[layer] as Matrix, flavour, 'sum'),
  ]);
}

interface Due {
  factors: boolean;
  inverses: boolean;
}

export interface LayerState {
  weight: string;
  bias: string | null;
  outputs: number;
  inputs: number;
  factors: [Matrix, Matrix] | null;
  inverses: [Matrix, Matrix] | null;
}

/** A run of the recipe; `values` holds the parameters after the steps taken so far. */
export class GraftedReference<S extends KfacSpec | InverseFreeSpec = KfacSpec> {
  readonly values: Values;
  protected readonly spec: S;
  private readonly first: Values;
  private readonly second: Values;
  protected readonly layers: LayerState[];
  private weight = 0;

  constructor(spec: S, values: ReadonlyMap<string, Float64Array>) {
    const zeros = () => new Map([...values].map(([name, data]) => [name, new Float64Array(data.length)]));
    const { inputs, hidden, classes } = netShape;
    const empty = { factors: null, inverses: null };
    this.spec = spec;
    this.values = new Map([...values].map(([name, data]) => [name, Float64Array.from(data)]));
    this.first = zeros();
    this.second = zeros();
    this.layers = [
      { weight: 'first.weight', bias: 'first.bias', outputs: hidden, inputs, ...empty },
      { weight: 'second.weight', bias: null, outputs: classes, inputs: hidden, ...empty },
    ];
  }

  /** Step k, counted from 1, with the rate lr. */
  step(k: number, lr: number, batch: Batch, due: Due): void {
    const { beta1, beta2 } = this.spec;
    const { gradients } = pass(this.values, batch);
    for (const [name, g] of gradients) {
      g.forEach((slope, i) => {
        const m = this.first.get(name) as Float64Array;
        const v = this.second.get(name) as Float64Array;
        m[i] = beta1 * (m[i] ?? NaN) + (1 - beta1) * slope;
        v[i] = beta2 * (v[i] ?? NaN) + (1 - beta2) * slope * slope;
      });
    }
    if (due.factors) this.updateFactors(batch);
    if (due.inverses) this.updateInverses();
    const adam = (name: string, i: number) => this.adamStep(k, name, i);
    this.values.get('shift')?.forEach((w, i, all) => {
      all[i] = w - lr * this.spec.otherLrMultiplier * adam('shift', i);
    });
    for (const layer of this.layers) this.moveLayer(layer, lr, adam);
  }

  private adamStep(k: number, name: string, i: number): number {
    const { beta1, beta2, eps } = this.spec;
    const m = value(this.first, name, i) / (1 - beta1 ** k);
    return m / (Math.sqrt(value(this.second, name, i) / (1 - beta2 ** k)) + eps);
  }

  private updateFactors(batch: Batch): void {
    this.weight = ('factorDecay' in this.spec ? this.spec.factorDecay : 0) * this.weight + 1;
    const flavour = this.spec.flavour === 'reduce' ? 'reduce' : 'expand';
    referenceFactors(this.values, batch, flavour).forEach((fresh, index) => {
      const layer = this.layers[index] as LayerState;
      const average = (old: Matrix | undefined, now: Matrix) =>
        matrix(now.rows, now.rows, (i, j) => {
          const before = old ? entry(old, i, j) : 0;
          return before + (entry(now, i, j) - before) / this.weight;
        });
      layer.factors = [average(layer.factors?.[0], fresh[0]), average(layer.factors?.[1], fresh[1])];
    });
  }

  protected updateInverses(): void {
    for (const layer of this.layers) {
      const [a, g] = layer.factors as [Matrix, Matrix];
      const damped = (f: Matrix) =>
        dampedInverse(f, Math.sqrt(this.spec.damping) * Math.max(meanEigenvalue(f), 1e-12));
      layer.inverses = [damped(a), damped(g)];
    }
  }

  private moveLayer(layer: LayerState, lr: number, adam: (name: string, i: number) => number): void {
    const { weight, bias, outputs, inputs } = layer;
    const columns = inputs + (bias ? 1 : 0);
    const joint = (weightAt: (i: number) => number, biasAt: (i: number) => number) =>
      matrix(outputs, columns, (o, j) => (j < inputs ? weightAt(o * inputs + j) : biasAt(o)));
    const m = joint(
      (i) => value(this.first, weight, i),
      (i) => value(this.first, bias ?? '', i),
    );
    const u = joint(
      (i) => adam(weight, i),
      (i) => adam(bias ?? '', i),
    );
    const direction = layer.inverses ? product(product(layer.inverses[1], m), layer.inverses[0]) : m;
    const length = Math.hypot(...u.data) / (Math.hypot(...direction.data) + 1e-20);
    this.values.get(weight)?.forEach((w, i, all) => {
      const d = entry(direction, Math.floor(i / inputs), i % inputs);
      all[i] = (1 - lr * this.spec.weightDecay) * w - lr * length * d;
    });
    if (!bias) return;
    this.values.get(bias)?.forEach((b, o, all) => {
      all[o] = b - lr * length * entry(direction, o, inputs);
    });
  }
}
