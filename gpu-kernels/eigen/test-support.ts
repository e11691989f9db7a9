/** Float64 eigendecomposition and how far a decomposition is from being one, for tests. */

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;

export interface Eigen {
  values: Float64Array;
  /** [n, n], row j the eigenvector of value j. */
  vectors: Float64Array;
}

/** Cyclic Jacobi (Golub and Van Loan, section 8.5) in float64, until nothing beside the diagonal is left. */
export function jacobiEigen(matrix: ArrayLike<number>, n: number): Eigen {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const floor = 1e-32 * a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = 0; q < p; q++) off += at(a, p * n + q) ** 2;
    if (off <= floor) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  }
  return { values: Float64Array.from({ length: n }, (_, i) => at(a, i * n + i)), vectors };
}

function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = at(a, p * n + q);
  if (apq === 0) return;
  const theta = (at(a, q * n + q) - at(a, p * n + p)) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = (m: Float64Array, i: number, j: number) => {
    const [x, y] = [at(m, i), at(m, j)];
    m[i] = c * x - s * y;
    m[j] = s * x + c * y;
  };
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(vectors, p * n + k, q * n + k);
}

/** Largest ||A q - l q|| over all pairs, relative to the largest |l| (or absolute, where all are 0). */
export function eigenResidual(
  a: ArrayLike<number>,
  n: number,
  values: ArrayLike<number>,
  vectors: ArrayLike<number>,
): number {
  let [worst, norm] = [0, 0];
  for (let j = 0; j < n; j++) {
    let squares = 0;
    for (let i = 0; i < n; i++) {
      let sum = -at(values, j) * at(vectors, j * n + i);
      for (let k = 0; k < n; k++) sum += at(a, i * n + k) * at(vectors, j * n + k);
      squares += sum * sum;
    }
    worst = worse(worst, Math.sqrt(squares));
    norm = Math.max(norm, Math.abs(at(values, j)));
  }
  return norm > 0 ? worst / norm : worst;
}

/** Largest entry of |Q Q^T - I|. */
export function orthogonality(vectors: ArrayLike<number>, n: number): number {
  let worst = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < n; k++) sum += at(vectors, i * n + k) * at(vectors, j * n + k);
      worst = worse(worst, Math.abs(sum));
    }
  }
  return worst;
}

/** Like Math.max, but a NaN is the worst of all: it must never hide behind a comparison. */
function worse(worst: number, value: number): number {
  return Number.isNaN(value) ? Infinity : Math.max(worst, value);
}
