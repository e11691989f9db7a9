/**
 * For tests of matrix inversion: float64 references (matrices with a known spectrum, their inverses, residuals), and the
 * kernels to hold against them.
 */
import type { GpuContext } from '../device.ts';

/** Every variant of the kernels runs on any adapter that has what it needs; one device serves all. */
export const variants = {
  'as chosen for this adapter': (gpu: GpuContext) => gpu,
  'software, any subgroup width': (gpu: GpuContext): GpuContext => ({
    ...gpu,
    adapterClass: 'software',
    fourLaneSubgroups: false,
  }),
  gpu: (gpu: GpuContext): GpuContext => ({ ...gpu, adapterClass: 'gpu', fourLaneSubgroups: false }),
};

/** Numbers in [0, 1), the same for the same seed. */
export function seededUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;

/**
 * [n, n], symmetric positive definite, rounded to f32: eigenvalues spaced evenly on a log scale from 1 down to
 * 1 / condition, turned by random reflections.
 */
export function spdMatrix(n: number, condition: number, seed: number): Float32Array {
  const uniform = seededUniform(seed);
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) a[i * n + i] = condition ** (-i / Math.max(1, n - 1));
  for (let reflection = 0; reflection < 16; reflection++) {
    reflect(
      a,
      Float64Array.from({ length: n }, () => uniform() - 0.5),
    );
  }
  return Float32Array.from(a, (_, index) => {
    const [i, j] = [Math.floor(index / n), index % n];
    return (at(a, i * n + j) + at(a, j * n + i)) / 2;
  });
}

/** A <- H A H with H = I - c v v^T, c = 2 / v^T v. */
function reflect(a: Float64Array, v: Float64Array): void {
  const n = v.length;
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, value, i) => sum + value * at(y, i), 0);
  const c = 2 / dot(v, v);
  const av = Float64Array.from({ length: n }, (_, i) => dot(a.subarray(i * n, (i + 1) * n), v));
  const vav = dot(v, av);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const change = -c * (at(v, i) * at(av, j) + at(av, i) * at(v, j)) + c * c * vav * at(v, i) * at(v, j);
      a[i * n + j] = at(a, i * n + j) + change;
    }
  }
}

/** [n, n] inverse of a symmetric positive definite matrix by Cholesky in float64. Throws at a pivot that is not positive. */
export function spdInverseFloat64(a: ArrayLike<number>, n: number): Float64Array {
  const l = choleskyFloat64(a, n);
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    const x = new Float64Array(n);
    for (let i = column; i < n; i++) {
      let sum = i === column ? 1 : 0;
      for (let k = column; k < i; k++) sum -= at(l, i * n + k) * at(x, k);
      x[i] = sum / at(l, i * n + i);
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = at(x, i);
      for (let k = i + 1; k < n; k++) sum -= at(l, k * n + i) * at(x, k);
      x[i] = sum / at(l, i * n + i);
    }
    for (let i = 0; i < n; i++) inverse[i * n + column] = at(x, i);
  }
  return inverse;
}

/** [n, n] lower Cholesky factor in float64, from the lower triangle. Throws at a pivot that is not positive. */
export function choleskyFloat64(a: ArrayLike<number>, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(a, i * n + j);
      for (let k = 0; k < j; k++) sum -= at(l, i * n + k) * at(l, j * n + k);
      if (i === j && !(sum > 0)) throw new Error(`pivot ${i} is ${sum}, not positive`);
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / at(l, j * n + j);
    }
  }
  return l;
}

/** ||A X - I||_F / sqrt(n), in float64. */
export function inverseResidual(a: ArrayLike<number>, x: ArrayLike<number>, n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) {
    const row = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const factor = at(a, i * n + k);
      for (let j = 0; j < n; j++) row[j] = at(row, j) + factor * at(x, k * n + j);
    }
    for (let j = 0; j < n; j++) total += (at(row, j) - (i === j ? 1 : 0)) ** 2;
  }
  return Math.sqrt(total / n);
}

/** |x - expected| / |expected|, Frobenius norms. */
export function relativeDistance(x: Float32Array, expected: Float64Array): number {
  let [difference, size] = [0, 0];
  expected.forEach((value, i) => {
    difference += ((x[i] ?? NaN) - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

/** How many entries differ from their mirror image in a single bit. */
export function asymmetricEntries(x: Float32Array, n: number): number {
  return x.reduce((count, value, i) => count + (value === x[(i % n) * n + Math.floor(i / n)] ? 0 : 1), 0);
}
