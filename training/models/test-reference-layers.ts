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

/** x Phi(x), the error function by its series. */
export const geluOf = (x: Float64Array): Float64Array => x.map((v) => 0.5 * v * (1 + erf(v / Math.SQRT2)));

function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200 && Math.abs(term) > 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export interface SequenceShape {
  examples: number;
  length: number;
}

/** A pre-norm block of attention and a GELU MLP over rows [examples * length, width]. */
export function blockOf(
  tape: Tape,
  name: string,
  x: Float64Array,
  spec: { width: number; heads: number; mlpRatio: number },
  { examples, length }: SequenceShape,
  causal: boolean,
): Float64Array {
  const { width } = spec;
  const counts = new Array<number>(examples).fill(length);
  const linear = (part: string, data: Float64Array, outputs: number) =>
    tape.linear(`${name}.${part}`, { data, width: data.length / (examples * length), counts }, outputs);
  const y = normOf(tape, `${name}.norm1`, x, width);
  const [q, k, v] = ['query', 'key', 'value'].map((part) => linear(`attention.${part}`, y, width));
  const attended = attentionOf(q!, k!, v!, width, spec.heads, { examples, length }, causal);
  const out = linear('attention.out', attended, width);
  const mixed = x.map((value, i) => value + out[i]!);
  const hidden = geluOf(linear('mlp.in', normOf(tape, `${name}.norm2`, mixed, width), width * spec.mlpRatio));
  const update = linear('mlp.out', hidden, width);
  return mixed.map((value, i) => value + update[i]!);
}

function attentionOf(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  width: number,
  heads: number,
  { examples, length }: SequenceShape,
  causal: boolean,
): Float64Array {
  const y = new Float64Array(q.length);
  const own = width / heads;
  for (let n = 0; n < examples; n++)
    for (let head = 0; head < heads; head++)
      for (let i = 0; i < length; i++) {
        const at = (row: number) => (n * length + row) * width + head * own;
        const weights = Array.from({ length: causal ? i + 1 : length }, (_, j) => {
          let score = 0;
          for (let d = 0; d < own; d++) score += q[at(i) + d]! * k[at(j) + d]!;
          return Math.exp(score / Math.sqrt(own));
        });
        const sum = weights.reduce((a, b) => a + b, 0);
        weights.forEach((weight, j) => {
          for (let d = 0; d < own; d++) y[at(i) + d]! += (weight / sum) * v[at(j) + d]!;
        });
      }
  return y;
}

/** Means over the rows of each example. */
export function meanRows(x: Float64Array, width: number, { examples, length }: SequenceShape): Float64Array {
  const y = new Float64Array(examples * width);
  x.forEach((value, i) => (y[Math.floor(i / (length * width)) * width + (i % width)]! += value / length));
  return y;
}

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
