/**
 * Factors and exact Fisher blocks in float64 from a forward pass alone: offsets on a layer's output give the derivative of
 * the net's outputs by it, by central differences with a step of 1e-5, good to about 1e-9 where the net is smooth.
 */
import { matrix, type Matrix } from '../test-reference.ts';

const step = 1e-5;
const entry = (m: Matrix, i: number, j: number): number => m.data[i * m.columns + j] ?? NaN;

/** Rows [rows, width] of one use of a layer, and how many of them each example has. */
export interface Rows {
  data: Float64Array;
  width: number;
  counts: readonly number[];
}

/** Records what layers read; one number of one output can be moved. */
export class Tape {
  readonly uses = new Map<string, { a: Rows; bias: boolean }>();
  private readonly values: (name: string, count: number) => Float64Array;
  private readonly moved: { use: string; index: number; by: number } | null;

  constructor(
    values: (name: string, count: number) => Float64Array,
    moved: { use: string; index: number; by: number } | null = null,
  ) {
    this.values = values;
    this.moved = moved;
  }

  parameter(name: string, count: number): Float64Array {
    return this.values(name, count);
  }

  /** Rows [rows, width] through the layer `name`; `use` tells several uses of one layer apart. */
  linear(name: string, a: Rows, outputs: number, bias = true, use = name): Float64Array {
    this.uses.set(use, { a, bias });
    const weight = this.values(`${name}.weight`, outputs * a.width);
    const shift = bias ? this.values(`${name}.bias`, outputs) : new Float64Array(outputs);
    const z = Float64Array.from({ length: (a.data.length / a.width) * outputs }, (_, at) => {
      const [row, o] = [Math.floor(at / outputs), at % outputs];
      let sum = shift[o] ?? NaN;
      for (let i = 0; i < a.width; i++)
        sum += (a.data[row * a.width + i] ?? NaN) * (weight[o * a.width + i] ?? NaN);
      return sum;
    });
    if (this.moved?.use === use) z[this.moved.index] = (z[this.moved.index] ?? NaN) + this.moved.by;
    return z;
  }
}

/** A net's outputs [M, C]. */
export type Forward = (tape: Tape) => Float64Array;

export class ReferenceNet {
  readonly outputs: Float64Array;
  private readonly values: (name: string, count: number) => Float64Array;
  private readonly forward: Forward;
  private readonly tape: Tape;
  private readonly jacobians = new Map<string, Float64Array[]>();

  constructor(values: (name: string, count: number) => Float64Array, forward: Forward) {
    this.values = values;
    this.forward = forward;
    this.tape = new Tape(values);
    this.outputs = forward(this.tape);
  }

  /** What a use of a layer reads, [rows, width (+ 1)] with its ones. */
  input(use: string): Matrix {
    const { a, bias } = this.use(use);
    const width = a.width + (bias ? 1 : 0);
    return matrix(a.data.length / a.width, width, (row, j) =>
      j < a.width ? (a.data[row * a.width + j] ?? NaN) : 1,
    );
  }

  counts(use: string): readonly number[] {
    return this.use(use).a.counts;
  }

  /** Gradients [rows, outputs] of vector . outputs by the output of a use of a layer. */
  pullBack(use: string, outputs: number, vector: ArrayLike<number>): Matrix {
    const rows = this.input(use).rows;
    const jacobian = this.jacobian(use, rows * outputs);
    return matrix(rows, outputs, (row, o) => {
      const column = jacobian[row * outputs + o] ?? new Float64Array();
      return column.reduce((sum, value, i) => sum + value * (vector[i] ?? NaN), 0);
    });
  }

  private use(use: string) {
    const found = this.tape.uses.get(use);
    if (!found) throw new Error(`the net uses no layer ${use}`);
    return found;
  }

  private jacobian(use: string, count: number): Float64Array[] {
    const known = this.jacobians.get(use);
    if (known) return known;
    const at = (index: number, by: number) => this.forward(new Tape(this.values, { use, index, by }));
    const made = Array.from({ length: count }, (_, index) => {
      const [up, down] = [at(index, step), at(index, -step)];
      return up.map((value, i) => (value - (down[i] ?? NaN)) / (2 * step));
    });
    this.jacobians.set(use, made);
    return made;
  }
}

/** factor * sum over the rows of x x^T. */
export function secondMoment(x: Matrix, factor: number): Matrix {
  return matrix(x.columns, x.columns, (i, j) => {
    let sum = 0;
    for (let row = 0; row < x.rows; row++) sum += entry(x, row, i) * entry(x, row, j);
    return factor * sum;
  });
}

/** Rows of examples one after another, combined within each: their sum times `factor` of the example. */
export function byExample(
  x: Matrix,
  counts: readonly number[],
  factor: (n: number) => number = () => 1,
): Matrix {
  const owner = counts.flatMap((count, n) => new Array<number>(count).fill(n));
  const sums = matrix(counts.length, x.columns, () => 0);
  for (let row = 0; row < x.rows; row++) {
    for (let j = 0; j < x.columns; j++) {
      const n = owner[row] ?? 0;
      sums.data[n * x.columns + j] = (sums.data[n * x.columns + j] ?? NaN) + factor(n) * entry(x, row, j);
    }
  }
  return sums;
}

export function sum(matrices: readonly Matrix[], factor = 1): Matrix {
  const [first] = matrices as [Matrix];
  return matrix(first.rows, first.columns, (i, j) =>
    matrices.reduce((total, m) => total + factor * entry(m, i, j), 0),
  );
}

export function scaled(m: Matrix, factor: number): Matrix {
  return sum([m], factor);
}

/** Row-major Kronecker product. */
export function kron(g: Matrix, a: Matrix): Matrix {
  return matrix(g.rows * a.rows, g.columns * a.columns, (i, j) => {
    const [o, p] = [Math.floor(i / a.rows), Math.floor(j / a.columns)];
    return entry(g, o, p) * entry(a, i % a.rows, j % a.columns);
  });
}

/** The exact block of a layer, index o * inputs + i, from its rows and the gradients of every vector that is sent back. */
export function exactBlock(
  net: ReferenceNet,
  use: string,
  outputs: number,
  vectors: readonly ArrayLike<number>[],
  factor: number,
): Matrix {
  const a = net.input(use);
  const gradients = vectors.map((vector) => {
    const g = net.pullBack(use, outputs, vector);
    return Float64Array.from({ length: outputs * a.columns }, (_, at) => {
      const [o, i] = [Math.floor(at / a.columns), at % a.columns];
      let total = 0;
      for (let row = 0; row < a.rows; row++) total += entry(g, row, o) * entry(a, row, i);
      return total;
    });
  });
  const size = outputs * a.columns;
  return matrix(size, size, (i, j) =>
    gradients.reduce((total, g) => total + factor * (g[i] ?? NaN) * (g[j] ?? NaN), 0),
  );
}

/** Relative error in the Frobenius norm. */
export function distance(got: Matrix, expected: Matrix): number {
  const norm = (values: Float64Array) => Math.hypot(...values);
  return norm(got.data.map((x, i) => x - (expected.data[i] ?? NaN))) / norm(expected.data);
}

export function softmax(logits: Float64Array, classes: number): Float64Array {
  return logits.map((z, i) => {
    const first = Math.floor(i / classes) * classes;
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp((logits[first + c] ?? NaN) - z);
    return 1 / total;
  });
}

/** For every loss term and column on its own: sqrt(p_c) (e_c - p), zeros at the other terms. */
export function crossEntropyColumns(logits: Float64Array, classes: number): Float64Array[] {
  const p = softmax(logits, classes);
  const column = (m: number, c: number) =>
    p.map((pi, i) => {
      if (Math.floor(i / classes) !== m) return 0;
      return Math.sqrt(p[m * classes + c] ?? NaN) * ((i % classes === c ? 1 : 0) - pi);
    });
  const terms = logits.length / classes;
  return Array.from({ length: terms * classes }, (_, k) => column(Math.floor(k / classes), k % classes));
}

/** Mean squared error over C outputs: sqrt(2/C) e_c for every term and output. */
export function squaredErrorColumns(outputs: Float64Array, classes: number): Float64Array[] {
  const root = Math.sqrt(2 / classes);
  return Array.from(outputs, (_, k) => outputs.map((__, i) => (i === k ? root : 0)));
}
