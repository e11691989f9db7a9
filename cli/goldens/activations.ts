/**
 * Which function stands between two layers of a fixture. The files have no key for it: it is told from the numbers, as
 * the one that makes the next layer's inputs of this layer's outputs.
 */
import type { LayerSpec, NetFixture } from '../../goldens/fixture.ts';

const functions = {
  none: (x: number) => x,
  tanh: Math.tanh,
  relu: (x: number) => Math.max(0, x),
  /** x Phi(x) */
  gelu: (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  'gelu-tanh': (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
} as const satisfies Record<string, (x: number) => number>;

export type Activation = keyof typeof functions;
export const activations = Object.keys(functions) as Activation[];

/** Beyond this share of the values' own sizes the nearest function is another one than the file's. */
const farShare = 0.05;

/**
 * The function that makes `next`'s inputs of the outputs of `layer`, which lies before it with the same rows. Null when it is none of
 * those known. The nearest is taken, because a file with a wrong number is to be told which one is wrong.
 */
export function activationBetween(fixture: NetFixture, layer: LayerSpec, next: LayerSpec): Activation | null {
  const before = layerOutputs(fixture, layer);
  const after = fixture.layer_io[next.name]?.a.data ?? new Float64Array();
  if (before.length !== after.length) return null;
  const distance = (activation: Activation) =>
    before.reduce((sum, z, i) => sum + Math.abs(functions[activation](z) - (after[i] ?? NaN)), 0);
  const [nearest] = activations
    .map((activation) => ({ activation, off: distance(activation) }))
    .sort((one, two) => one.off - two.off);
  const size = after.reduce((sum, value) => sum + Math.abs(value), 0);
  return nearest && nearest.off <= farShare * size ? nearest.activation : null;
}

/** W a + b of a linear layer, row after row. */
function layerOutputs({ layer_io, params }: NetFixture, { name, d_in, d_out }: LayerSpec): Float64Array {
  const a = layer_io[name]?.a.data ?? new Float64Array();
  const weight = params[`${name}.weight`]?.data ?? new Float64Array();
  const bias = params[`${name}.bias`]?.data;
  return Float64Array.from({ length: (a.length / d_in) * d_out }, (_, at) => {
    const [row, out] = [Math.floor(at / d_out), at % d_out];
    let sum = bias?.[out] ?? 0;
    for (let i = 0; i < d_in; i++) sum += (weight[out * d_in + i] ?? NaN) * (a[row * d_in + i] ?? NaN);
    return sum;
  });
}

/** By the series whose terms are all of one sign, so that none cancel; exact to float64's rounding. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
