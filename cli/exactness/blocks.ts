/** Blocks of the generalised Gauss-Newton matrix (GGN) in float64, index o * inputs + i, bias last: exact ones and Kronecker products. */

/** Square, row by row. */
export interface Square {
  side: number;
  data: Float64Array;
}

/** factor * sum over all vectors of v v^T. */
export function sumOfOuterProducts(vectors: readonly Float64Array[], factor: number): Square {
  const side = vectors[0]?.length ?? 0;
  const data = new Float64Array(side * side);
  for (const v of vectors) {
    for (let i = 0; i < side; i++) {
      const vi = factor * (v[i] ?? NaN);
      for (let j = 0; j < side; j++) data[i * side + j] = (data[i * side + j] ?? NaN) + vi * (v[j] ?? NaN);
    }
  }
  return { side, data };
}

/** G (x) A: the block of row-major [W b] (paper, equations 7 and 10, for a mean loss). */
export function kroneckerProduct(g: Square, a: Square): Square {
  const side = g.side * a.side;
  const data = Float64Array.from({ length: side * side }, (_, at) => {
    const [i, j] = [Math.floor(at / side), at % side];
    const ofG = g.data[Math.floor(i / a.side) * g.side + Math.floor(j / a.side)] ?? NaN;
    return ofG * (a.data[(i % a.side) * a.side + (j % a.side)] ?? NaN);
  });
  return { side, data };
}

/** Norm of the difference over the norm of `exact`, Frobenius. NaN where either has a NaN. */
export function relativeError(got: Square, exact: Square): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < exact.data.length; i++) {
    const value = exact.data[i] ?? NaN;
    difference += ((got.data[i] ?? NaN) - value) ** 2;
    norm += value ** 2;
  }
  return Math.sqrt(difference / norm);
}
