/**
 * How exact a preconditioned gradient can be in f32. P = G_d^-1 D A_d^-1 with damped factors; to first order, errors dG,
 * dA and dD of the factors and the gradient give (Higham 2002, section 7.1)
 *
 *   dP = G_d^-1 dD A_d^-1  -  G_d^-1 dG P  -  P dA A_d^-1
 *
 * The first term matters where a singular G (softmax: the ones vector) meets a singular A (fewer examples than inputs):
 * the exact D has nothing there, its rounding has, and 1/lambda^2 amplifies it. Roundings of different elements are
 * independent, so an element of dP is a sum of errors of random sign: its size is the norm of the rows and columns
 * that weigh them times the root mean square of what was rounded. Everything is taken from the float64 fixture.
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
  /** Gradient and preconditioned gradient, [d_out, d_in(+1)]. */
  D: Tensor;
  P: Tensor;
  damping: Damping;
}

/** Relative errors of the factors and of the gradient. */
export interface RelativeErrors {
  factors: number;
  gradient: number;
}

/** Size of the largest element of dP. */
export function preconditionedError(
  { A, G, D, P, damping }: Preconditioning,
  errors: RelativeErrors,
): number {
  const columns = A.shape[0] ?? 0;
  const rows = G.shape[0] ?? 0;
  const inverseA = longestRow(inverse(damped(A, damping.a)), columns);
  const inverseG = longestRow(inverse(damped(G, damping.g)), rows);
  const fromG = inverseG * rms(G.data) * longestRow(transposed(P.data, rows, columns), rows);
  const fromA = longestRow(P.data, columns) * rms(A.data) * inverseA;
  return errors.gradient * inverseG * rms(D.data) * inverseA + errors.factors * (fromG + fromA);
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
