/**
 * Makes fixtures of any size for the tests, in float64 and without the engine: a net is written as a forward pass alone,
 * and everything else follows from central differences. Offsets on a layer's output give the Jacobian of the net's
 * output by it; with the layer's input that is all the definitions in `goldens/README.md` need. Differences with a step of
 * 1e-5 are good to about 1e-10, far below f32.
 */
import type { LayerSpec } from '../../goldens/fixture.ts';
import { noise } from '../../training/program/test-program.ts';

export interface Values {
  shape: number[];
  data: Float64Array;
}

const step = 1e-5;

/** Parameters and the layers' inputs of one evaluation; `offset` shifts one element of one layer's output. */
export class Tape {
  readonly params: Record<string, Values>;
  readonly layerInputs = new Map<string, Float64Array>();
  offset: { layer: string; index: number; by: number } | null = null;

  constructor(params: Record<string, Values>) {
    this.params = params;
  }

  data(name: string): Float64Array {
    return this.params[name]?.data ?? new Float64Array();
  }

  /** Rows [rows, d_in] through a layer of the layer table: [rows, d_out]. */
  linear({ name, d_in, d_out, bias }: LayerSpec, a: Float64Array): Float64Array {
    this.layerInputs.set(name, a);
    const weight = this.data(`${name}.weight`);
    const z = new Float64Array((a.length / d_in) * d_out);
    for (let at = 0; at < z.length; at++) {
      const row = Math.floor(at / d_out) * d_in;
      const out = (at % d_out) * d_in;
      let sum = bias ? this.data(`${name}.bias`)[at % d_out]! : 0;
      for (let i = 0; i < d_in; i++) sum += a[row + i]! * weight[out + i]!;
      z[at] = sum;
    }
    if (this.offset?.layer === name) z[this.offset.index]! += this.offset.by;
    return z;
  }
}

export interface ReferenceSpec {
  name: string;
  setting: 'expand' | 'reduce';
  loss_type: 'ce' | 'mse';
  /** Examples, and outputs per loss term. */
  N: number;
  C: number;
  layers: LayerSpec[];
  params: Record<string, Values>;
  inputs: Record<string, Values>;
  targets: Values;
  /** Whether the fixture has exact blocks too. */
  exact?: boolean;
  /** Loss terms of each example where that differs; default: as many for all. */
  terms?: number[];
  /** [..., C] and the intermediates of the fixture's `forward`. */
  forward: (tape: Tape) => { output: Values; intermediates?: Record<string, Values> };
}

/** A fixture as JSON text. */
export function makeFixture(spec: ReferenceSpec): string {
  return JSON.stringify(new Reference(spec).fixture(), (_, value: unknown) =>
    value instanceof Float64Array ? [...value] : value,
  );
}

export const damping = 1e-3;
const samples = 2;
type Kind = 'type2' | 'type2_shared' | 'empirical' | 'empirical_perterm' | 'mc';

class Reference {
  private readonly spec: ReferenceSpec;
  private readonly tape: Tape;
  private readonly base: ReturnType<ReferenceSpec['forward']>;
  private readonly output: Float64Array;
  private readonly M: number;
  /** [layer outputs, net outputs] of each layer. */
  private readonly jacobians: Map<string, Float64Array>;
  private readonly inputs: Map<string, Float64Array>;
  private readonly drawn: Float64Array[];

  constructor(spec: ReferenceSpec) {
    this.spec = spec;
    this.tape = new Tape(spec.params);
    this.base = spec.forward(this.tape);
    this.inputs = new Map(this.tape.layerInputs);
    this.output = this.base.output.data;
    this.M = this.output.length / spec.C;
    this.drawn = Array.from({ length: samples }, (_, k) => this.draw(k));
    this.jacobians = new Map(spec.layers.map((layer) => [layer.name, this.jacobian(layer)]));
  }

  fixture(): object {
    const { name, setting, loss_type, N, C, layers, params, inputs, targets } = this.spec;
    const byLayer = <T>(make: (layer: LayerSpec) => T) =>
      Object.fromEntries(layers.map((l) => [l.name, make(l)]));
    const slopes = this.residual(targets.data).map((value) => value / this.M);
    const io = byLayer((layer) => ({
      a: values([...this.rowShape(layer), layer.d_in], this.input(layer)),
      g: values([...this.rowShape(layer), layer.d_out], this.pullBack(layer, slopes)),
    }));
    const wgrad = byLayer((layer) => this.weightGradient(layer, slopes));
    const flavours = <T>(make: (flavour: 'expand' | 'reduce') => T) => ({
      expand: make('expand'),
      reduce: make('reduce'),
    });
    const factors = flavours((flavour) => byLayer((layer) => this.factors(layer, flavour)));
    return {
      ...{ name, format: 1, description: 'made for a test', setting, loss_type, N, M: this.M, C, damping },
      ...{ layers, params, inputs, targets, wgrad, factors, layer_io: io },
      forward: { output: this.base.output, ...this.base.intermediates },
      loss: this.loss(this.output),
      grads: this.gradients(wgrad),
      mc_targets: values([samples, ...targets.shape], Float64Array.from(this.drawn.flatMap((y) => [...y]))),
      ...(this.spec.exact ? { exact_ggn: byLayer((layer) => this.exactBlock(layer)) } : {}),
      preconditioned: flavours((flavour) => {
        const made = (kind: 'type2' | 'empirical') =>
          byLayer((layer) => {
            const { A, G } = factors[flavour][layer.name]!;
            return precondition(wgrad[layer.name]!, A, G[kind]!);
          });
        return { type2: made('type2'), empirical: made('empirical') };
      }),
    };
  }

  /** Positions of each example. */
  private R({ R }: LayerSpec): number[] {
    return typeof R === 'number' ? new Array<number>(this.spec.N).fill(R) : R;
  }

  private rowShape({ R }: LayerSpec): number[] {
    return typeof R === 'number' ? [this.spec.N, R] : [total(R)];
  }

  /** Terms of each example. */
  private get terms(): number[] {
    const { N, terms } = this.spec;
    return terms ?? new Array<number>(N).fill(this.M / N);
  }

  /** Labels, or values around the outputs, that stand for draws from the model. */
  private draw(sample: number): Float64Array {
    const { targets, loss_type, C } = this.spec;
    const random = noise(targets.data.length, 500 + sample);
    if (loss_type === 'ce') return random.map((value) => Math.floor(((value + 1) / 2) * C));
    return random.map((value, i) => this.output[i]! + value);
  }

  private input({ name }: LayerSpec): Float64Array {
    return this.inputs.get(name) ?? new Float64Array();
  }

  private outputWith(layer: string, index: number, by: number): Float64Array {
    this.tape.offset = { layer, index, by };
    const { data } = this.spec.forward(this.tape).output;
    this.tape.offset = null;
    return data;
  }

  private jacobian(layer: LayerSpec): Float64Array {
    const outputs = total(this.R(layer)) * layer.d_out;
    const jacobian = new Float64Array(outputs * this.output.length);
    for (let i = 0; i < outputs; i++) {
      const up = this.outputWith(layer.name, i, step);
      const down = this.outputWith(layer.name, i, -step);
      jacobian.set(
        up.map((value, o) => (value - down[o]!) / (2 * step)),
        i * up.length,
      );
    }
    return jacobian;
  }

  /** Gradient of cotangent . output by the layer's output, [N, R, d_out]. */
  private pullBack(layer: LayerSpec, cotangent: Float64Array): Float64Array {
    const jacobian = this.jacobians.get(layer.name)!;
    const width = cotangent.length;
    return Float64Array.from({ length: jacobian.length / width }, (_, i) =>
      cotangent.reduce((sum, value, o) => sum + value * jacobian[i * width + o]!, 0),
    );
  }

  private loss(output: Float64Array): number {
    const { loss_type, C, targets } = this.spec;
    if (loss_type === 'mse') {
      return output.reduce((sum, f, i) => sum + (f - targets.data[i]!) ** 2, 0) / output.length;
    }
    let sum = 0;
    for (let m = 0; m < this.M; m++)
      sum -= Math.log(softmax(output.subarray(m * C, m * C + C))[targets.data[m]!]!);
    return sum / this.M;
  }

  /** Gradient of every loss term by its own outputs, [M, C]. */
  private residual(targets: Float64Array): Float64Array {
    const { loss_type, C } = this.spec;
    if (loss_type === 'mse') return this.output.map((f, i) => (2 / C) * (f - targets[i]!));
    return this.output.map((_, i) => {
      const m = Math.floor(i / C);
      return softmax(this.output.subarray(m * C, m * C + C))[i % C]! - (targets[m] === i % C ? 1 : 0);
    });
  }

  /** Column c of the square root of every term's Hessian, [M, C]. */
  private column(c: number): Float64Array {
    const { loss_type, C } = this.spec;
    return this.output.map((_, i) => {
      const own = i % C === c ? 1 : 0;
      if (loss_type === 'mse') return Math.sqrt(2 / C) * own;
      const m = Math.floor(i / C);
      const p = softmax(this.output.subarray(m * C, m * C + C));
      return Math.sqrt(p[c]!) * (own - p[i % C]!);
    });
  }

  /** The vectors a kind of Fisher sends back; per term: one place within every example at a time. */
  private vectors(kind: Kind): Float64Array[] {
    const { C, targets, loss_type } = this.spec;
    if (kind === 'mc') {
      const size = Math.sqrt((loss_type === 'mse' ? C : 1) / samples);
      return this.drawn.map((y) => this.residual(y).map((value) => size * value));
    }
    const type2 = kind === 'type2' || kind === 'type2_shared';
    const whole = type2 ? Array.from({ length: C }, (_, c) => this.column(c)) : [this.residual(targets.data)];
    if (kind !== 'type2' && kind !== 'empirical_perterm') return whole;
    const places = this.terms.flatMap((count) => Array.from({ length: count }, (_, r) => r));
    return Array.from({ length: Math.max(...this.terms) }, (_, r) =>
      whole.map((vector) => vector.map((value, i) => (places[Math.floor(i / C)] === r ? value : 0))),
    ).flat();
  }

  private factors(layer: LayerSpec, flavour: 'expand' | 'reduce'): { A: Values; G: Record<string, Values> } {
    const { N, C, loss_type } = this.spec;
    const shared = this.M === N ? [] : (['type2_shared', 'empirical_perterm'] as const);
    const kinds: Kind[] = ['type2', 'empirical', 'mc', ...shared];
    const G = (kind: Kind): Values => {
      const sum = new Float64Array(layer.d_out ** 2);
      for (const vector of this.vectors(kind)) {
        const g = this.pullBack(layer, vector);
        const rows = flavour === 'expand' ? g : sumExamples(g, this.R(layer), layer.d_out);
        addOuter(sum, rows, layer.d_out, 1 / this.M);
      }
      return values([layer.d_out, layer.d_out], sum);
    };
    const a = this.homogeneous(layer);
    const width = layer.d_in + (layer.bias ? 1 : 0);
    const R = this.R(layer);
    const mean = sumExamples(a, R, width).map((value, i) => value / R[Math.floor(i / width)]!);
    const rows = flavour === 'expand' ? a : mean;
    const A = addOuter(new Float64Array(width ** 2), rows, width, width / rows.length);
    const extra = loss_type === 'mse' ? { empirical_curvlinops: scaled(G('empirical'), C) } : {};
    return {
      A: values([width, width], A),
      G: { ...Object.fromEntries(kinds.map((kind) => [kind, G(kind)])), ...extra },
    };
  }

  /** [N, R, d_in(+1)] */
  private homogeneous(layer: LayerSpec): Float64Array {
    const a = this.input(layer);
    if (!layer.bias) return a;
    const width = layer.d_in + 1;
    return Float64Array.from({ length: (a.length / layer.d_in) * width }, (_, i) =>
      i % width === layer.d_in ? 1 : a[Math.floor(i / width) * layer.d_in + (i % width)]!,
    );
  }

  /** 1/M times the sum over all loss terms and columns, each on its own, of the outer product of what it makes of [W b]. */
  private exactBlock(layer: LayerSpec): Values {
    const { C } = this.spec;
    const columns = Array.from({ length: C }, (_, c) => this.column(c));
    const rows = Array.from({ length: this.M }, (_, m) =>
      columns.map((column) => {
        const own = column.map((value, i) => (Math.floor(i / C) === m ? value : 0));
        return this.weightGradient(layer, own).data;
      }),
    ).flat();
    const side = rows[0]!.length;
    const sum = new Float64Array(side ** 2);
    for (const row of rows) addOuter(sum, row, side, 1 / this.M);
    return values([side, side], sum);
  }

  private weightGradient(layer: LayerSpec, slopes: Float64Array): Values {
    const a = this.homogeneous(layer);
    const g = this.pullBack(layer, slopes);
    const width = layer.d_in + (layer.bias ? 1 : 0);
    const sum = new Float64Array(layer.d_out * width);
    for (let row = 0; row < a.length / width; row++) {
      for (let i = 0; i < sum.length; i++) {
        sum[i]! += g[row * layer.d_out + Math.floor(i / width)]! * a[row * width + (i % width)]!;
      }
    }
    return values([layer.d_out, width], sum);
  }

  private gradients(wgrad: Record<string, Values>): Record<string, Values> {
    return Object.fromEntries(
      Object.entries(this.spec.params).map(([name, { shape, data }]) => {
        const part = /^(.*)\.(weight|bias)$/.exec(name);
        const layer = this.spec.layers.find((candidate) => candidate.name === part?.[1]);
        const joint = layer && wgrad[layer.name];
        if (!layer || !joint) return [name, values(shape, this.differences(data))];
        const width = joint.shape[1]!;
        const isBias = (_: number, i: number) => i % width >= layer.d_in === (part?.[2] === 'bias');
        return [name, values(shape, joint.data.filter(isBias))];
      }),
    );
  }

  private differences(data: Float64Array): Float64Array {
    return data.map((value, i) => {
      const at = (moved: number): number => {
        data[i] = moved;
        const loss = this.loss(this.spec.forward(this.tape).output.data);
        data[i] = value;
        return loss;
      };
      return (at(value + step) - at(value - step)) / (2 * step);
    });
  }
}

export function values(shape: number[], data: Float64Array): Values {
  return { shape, data };
}

function scaled({ shape, data }: Values, factor: number): Values {
  return { shape, data: data.map((value) => value * factor) };
}

export function softmax(logits: Float64Array): Float64Array {
  const most = Math.max(...logits);
  const exps = logits.map((z) => Math.exp(z - most));
  const total = exps.reduce((sum, e) => sum + e, 0);
  return exps.map((e) => e / total);
}

export const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

/** Rows of examples one after another, summed within each. */
export function sumExamples(rows: Float64Array, counts: readonly number[], width: number): Float64Array {
  const sums = new Float64Array(counts.length * width);
  const owner = counts.flatMap((count, n) => new Array<number>(count).fill(n));
  rows.forEach((value, i) => {
    sums[owner[Math.floor(i / width)]! * width + (i % width)]! += value;
  });
  return sums;
}

/** sum += factor * rows^T rows */
function addOuter(sum: Float64Array, rows: Float64Array, width: number, factor: number): Float64Array {
  for (let at = 0; at < rows.length; at += width) {
    for (let i = 0; i < sum.length; i++) {
      sum[i]! += factor * rows[at + Math.floor(i / width)]! * rows[at + (i % width)]!;
    }
  }
  return sum;
}

function trace({ shape, data }: Values): number {
  const side = shape[0]!;
  return data.reduce((sum, value, i) => (i % (side + 1) === 0 ? sum + value : sum), 0);
}

export function precondition(D: Values, A: Values, G: Values): Record<string, Values | number | null> {
  const [rows, columns] = D.shape as [number, number];
  const root = Math.sqrt(damping);
  // Zero but for the differences' own error, squared.
  const hasPi = trace(G) > 1e-17;
  const pi = Math.sqrt(trace(A) / columns / (trace(G) / rows));
  const solved = (a: number, g: number): Values => {
    // Rows of G^-1 D, then rows of (G^-1 D) A^-1 = (A^-1 (G^-1 D)^T)^T.
    const half = solve(G.data, rows, g, D.data, columns);
    const turned = transpose(half, rows, columns);
    return values(D.shape, transpose(solve(A.data, columns, a, turned, rows), columns, rows));
  };
  const kron = Float64Array.from({ length: (rows * columns) ** 2 }, (_, at) => {
    const [i, j] = [Math.floor(at / (rows * columns)), at % (rows * columns)];
    const [o, p] = [Math.floor(i / columns), Math.floor(j / columns)];
    return G.data[o * rows + p]! * A.data[(i % columns) * columns + (j % columns)]!;
  });
  return {
    separate: solved(damping, damping),
    sqrt: solved(root, root),
    eigen: values(D.shape, solve(kron, rows * columns, damping, D.data, 1)),
    pi_value: hasPi ? pi : null,
    ...(hasPi ? { pi: solved(pi * root, root / pi) } : {}),
  };
}

function transpose(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** (F + shift I) X = B for B [side, columns] by elimination with pivoting. */
function solve(F: Float64Array, side: number, shift: number, B: Float64Array, columns: number): Float64Array {
  const width = side + columns;
  const m = new Float64Array(side * width);
  for (let i = 0; i < side; i++) {
    m.set(F.subarray(i * side, i * side + side), i * width);
    m[i * width + i]! += shift;
    m.set(B.subarray(i * columns, i * columns + columns), i * width + side);
  }
  const row = (i: number) => m.subarray(i * width, i * width + width);
  for (let k = 0; k < side; k++) {
    let best = k;
    for (let i = k + 1; i < side; i++) if (Math.abs(row(i)[k]!) > Math.abs(row(best)[k]!)) best = i;
    const chosen = row(best).slice();
    row(best).set(row(k));
    row(k).set(chosen);
    for (let i = 0; i < side; i++) {
      const factor = row(i)[k]! / chosen[k]!;
      if (i === k || factor === 0) continue;
      const target = row(i);
      for (let j = k; j < width; j++) target[j]! -= factor * chosen[j]!;
    }
  }
  return Float64Array.from({ length: side * columns }, (_, i) => {
    const k = Math.floor(i / columns);
    return row(k)[side + (i % columns)]! / row(k)[k]!;
  });
}
