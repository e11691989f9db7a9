/** The matrix products that are timed, and the float64 reference that decides whether a side computed them. */
import { seededUniform } from '../gpu-kernels/spd-inverse/test-support.ts';

export interface Product {
  name: string;
  n: number;
  /** A is stored transposed. */
  transposeA: boolean;
  transposeB: boolean;
  /** [n, n] as stored. */
  a: Float32Array;
  b: Float32Array;
}

/** The products of forward (NT), input gradient (NN) and weight gradient (TN), square so that they compare. */
export function products(n: number): Product[] {
  const a = uniformMatrix(n, 1);
  const b = uniformMatrix(n, 2);
  return [
    { name: `matmul-nn-${n}`, n, transposeA: false, transposeB: false, a, b },
    { name: `matmul-tn-${n}`, n, transposeA: true, transposeB: false, a, b },
    { name: `matmul-nt-${n}`, n, transposeA: false, transposeB: true, a, b },
  ];
}

function uniformMatrix(n: number, seed: number): Float32Array {
  const uniform = seededUniform(seed);
  return Float32Array.from({ length: n * n }, () => uniform() - 0.5);
}

/** Rows of the result that are held against float64, spread over the matrix. */
const checkedRows = 32;

/** Largest difference from the float64 product over the checked rows, in units of its largest magnitude. */
export function productError({ n, transposeA, transposeB, a, b }: Product, c: Float32Array): number {
  if (c.length !== n * n) return Infinity;
  let error = 0;
  let scale = 0;
  for (let check = 0; check < checkedRows; check++) {
    const i = Math.floor((check * (n - 1)) / Math.max(1, checkedRows - 1));
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) {
        const left = (transposeA ? a[k * n + i] : a[i * n + k]) ?? NaN;
        const right = (transposeB ? b[j * n + k] : b[k * n + j]) ?? NaN;
        sum += left * right;
      }
      const difference = Math.abs((c[i * n + j] ?? NaN) - sum);
      if (!(difference < Infinity)) return Infinity;
      error = Math.max(error, difference);
      scale = Math.max(scale, Math.abs(sum));
    }
  }
  return error / scale;
}
