/**
 * How exact a preconditioned gradient can be in f32. P = G_d^-1 D A_d^-1 with damped factors; to first order, errors dG,
 * dA and dD of the factors and the gradient give (Higham 2002, section 7.1)
 *
 *   dP = G_d^-1 dD A_d^-1  -  G_d^-1 dG P  -  P dA A_d^-1
 *
 * The first term matters where a singular G (softmax: the ones vector) meets a singular A (fewer examples than inputs):
 * the exact D has nothing there, its rounding has, and 1/lambda^2 amplifies it. What is rounded is the terms of a sum, not
 * the sum: an element of D is off by e times the sum of |g| |a| over the rows, an element of A by e sqrt(A_ii A_jj).
 * Roundings of different elements are independent, so an element of dP is a sum of errors of random sign: its size is the
 * norm of the rows and columns that weigh them times their root mean square. Everything is taken from the float64 fixture.
 */
import type { Tensor } from '../../goldens/fixture.ts';

/** What is added to the diagonals. */
export interface Damping {
  a: number;
  g: number;
}

export interface Preconditioning {
  A: Tensor;
  G: Tensor;
  /** Preconditioned gradient, [d_out, d_in(+1)]. */
  P: Tensor;
  /** The gradient's sums with every term made positive: sum of |g| |a|^T over the rows, like P. */
  terms: Float64Array;
}

/**
 * Errors relative to the terms of the sums. That of a factor is per square root of its side, because it stands for its
 * inversion too, in which every element passes through as many operations as the matrix has rows.
 */
export interface RelativeErrors {
  factors: number;
  gradient: number;
}

/** Size of the largest element of dP. */
export function preconditionedError(
  { A, G, P, terms, damping }: Preconditioning & { damping: Damping },
  errors: RelativeErrors,
): number {
  const columns = A.shape[0] ?? 0;
  const rows = G.shape[0] ?? 0;
  const inverseA = longestRow(inverse(damped(A, damping.a)), columns);
  const inverseG = longestRow(inverse(damped(G, damping.g)), rows);
  const fromG =
    Math.sqrt(rows) * inverseG * meanDiagonal(G) * longestRow(transposed(P.data, rows, columns), rows);
  const fromA = Math.sqrt(columns) * longestRow(P.data, columns) * meanDiagonal(A) * inverseA;
  return errors.gradient * inverseG * rms(terms) * inverseA + errors.factors * (fromG + fromA);
}

/**
 * Size of the largest element of dP where lambda is added to the eigenvalues of G (x) A. To first order
 *
 *   (G (x) A + lambda I) dP = dD - dG P A - G P dA
 *
 * and what that matrix's inverse makes of errors of random sign is at most 1/lambda times their size: singular factors
 * come close to that. Where G is zero P is the gradient over lambda and cannot be better than the gradient is, whose error
 * comes from the whole net: it is granted what the comparison of gradients grants.
 */
export function exactlyDampedError(
  { A, G, P, terms }: Preconditioning,
  lambda: number,
  errors: RelativeErrors,
): number {
  const columns = A.shape[0] ?? 0;
  const rows = G.shape[0] ?? 0;
  const PA = product(P.data, A.data, columns);
  const GP = product(G.data, P.data, rows);
  const fromG = Math.sqrt(rows) * meanDiagonal(G) * longestRow(transposed(PA, rows, columns), rows);
  const fromA = Math.sqrt(columns) * meanDiagonal(A) * longestRow(GP, columns);
  return (errors.gradient * rms(terms) + errors.factors * (fromG + fromA)) / lambda;
}

/** Row-major product of matrices, `inner` columns of the first with as many rows of the second. */
function product(a: Float64Array, b: Float64Array, inner: number): Float64Array {
  const columns = b.length / inner;
  return new Float64Array((a.length / inner) * columns).map((_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++)
      sum += (a[i * inner + k] ?? Number.NaN) * (b[k * columns + j] ?? Number.NaN);
    return sum;
  });
}

/** Root mean square of sqrt(F_ii F_jj). */
function meanDiagonal({ shape, data }: Tensor): number {
  const side = shape[0] ?? 1;
  return data.reduce((sum, value, i) => (i % (side + 1) === 0 ? sum + value : sum), 0) / side;
}

function rms(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** Largest Euclidean norm of a row; symmetric matrices: of a column too. */
function longestRow(matrix: Float64Array, columns: number): number {
  let most = 0;
  for (let at = 0; at < matrix.length; at += columns)
    most = Math.max(most, Math.hypot(...matrix.subarray(at, at + columns)));
  return most;
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN);
}

function damped({ shape, data }: Tensor, damping: number): Tensor {
  const side = shape[0] ?? 0;
  return { shape, data: data.map((value, i) => (i % (side + 1) === 0 ? value + damping : value)) };
}

/** Inverse of a symmetric positive definite matrix by Gauss and Jordan; no pivoting is needed for these. */
function inverse({ shape, data }: Tensor): Float64Array {
  const side = shape[0] ?? 0;
  const m = data.slice();
  for (let k = 0; k < side; k++) {
    const pivot = 1 / (m[k * side + k] ?? Number.NaN);
    m[k * side + k] = 1;
    for (let j = 0; j < side; j++) m[k * side + j]! *= pivot;
    for (let i = 0; i < side; i++) {
      if (i === k) continue;
      const factor = m[i * side + k] ?? Number.NaN;
      m[i * side + k] = 0;
      for (let j = 0; j < side; j++) m[i * side + j]! -= factor * (m[k * side + j] ?? Number.NaN);
    }
  }
  return m;
}

/** Sum of |g| |a|^T over the rows of a [rows, d_in] and g [rows, d_out], 1 appended to a where there is a bias. */
export function sumOfMagnitudes(a: Tensor, g: Tensor, bias: boolean): Float64Array {
  const inputs = a.shape.at(-1) ?? 1;
  const outputs = g.shape.at(-1) ?? 1;
  const width = inputs + (bias ? 1 : 0);
  const sums = new Float64Array(outputs * width);
  for (let row = 0; row < g.data.length / outputs; row++) {
    for (let i = 0; i < sums.length; i++) {
      const column = i % width;
      const value = column < inputs ? (a.data[row * inputs + column] ?? Number.NaN) : 1;
      sums[i]! += Math.abs((g.data[row * outputs + Math.floor(i / width)] ?? Number.NaN) * value);
    }
  }
  return sums;
}
