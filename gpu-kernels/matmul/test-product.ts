/** The matrix product of the tests, in float64. */

/** Repeatable numbers in [-1, 1]. */
export const noise = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + 0.01 * i * i));

export interface Case {
  m: number;
  n: number;
  k: number;
  batch?: number;
  bias?: boolean;
  alpha?: number;
}

/** alpha op(A) op(B) + bias in float64. */
export function reference(
  c: Case,
  a: Float32Array,
  b: Float32Array,
  bias: Float32Array,
  ta: boolean,
  tb: boolean,
): Float64Array {
  const { m, n, k, batch = 1, alpha = 1 } = c;
  const out = new Float64Array(batch * m * n);
  for (let z = 0; z < batch; z++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let q = 0; q < k; q++) {
          const x = a[z * m * k + (ta ? q * m + i : i * k + q)] ?? NaN;
          const y = b[z * n * k + (tb ? j * k + q : q * n + j)] ?? NaN;
          sum += x * y;
        }
        out[(z * m + i) * n + j] = alpha * sum + (c.bias ? (bias[j] ?? NaN) : 0);
      }
  return out;
}
