/** The parts of models in float64, over rows: what references of whole models are written with. */
import type { Tape } from '../curvature/acceptance/test-reference-net.ts';

export function layerNormRows(x: Float64Array, width: number, gain: Float64Array, shift: Float64Array) {
  const y = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += width) {
    const row = x.subarray(first, first + width);
    const mean = row.reduce((sum, v) => sum + v, 0) / width;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
    row.forEach((v, j) => (y[first + j] = ((v - mean) / Math.sqrt(variance + 1e-5)) * gain[j]! + shift[j]!));
  }
  return y;
}

/** The norm of that name on a tape. */
export function normOf(tape: Tape, name: string, x: Float64Array, width: number): Float64Array {
  return layerNormRows(
    x,
    width,
    tape.parameter(`${name}.weight`, width),
    tape.parameter(`${name}.bias`, width),
  );
}

export const reluOf = (x: Float64Array): Float64Array => x.map((v) => Math.max(v, 0));

/** Numbers of like rows, side by side. */
export function beside(parts: readonly (readonly [values: Float64Array, width: number])[]): Float64Array {
  const width = parts.reduce((sum, [, w]) => sum + w, 0);
  const [[first, own]] = parts as [readonly [Float64Array, number]];
  const rows = first.length / own;
  const y = new Float64Array(rows * width);
  let at = 0;
  for (const [values, w] of parts) {
    for (let row = 0; row < rows; row++) y.set(values.subarray(row * w, (row + 1) * w), row * width + at);
    at += w;
  }
  return y;
}
