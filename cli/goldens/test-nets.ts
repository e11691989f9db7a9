/** The families of nets as float64 forward passes, in any size: see `test-reference.ts`. */
import type { LayerSpec } from '../../goldens/fixture.ts';
import { noise } from '../../training/program/test-program.ts';
import { makeFixture, softmax, sumPositions, values, type Tape, type Values } from './test-reference.ts';

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const random = (seed: number, ...shape: number[]): Values => values(shape, noise(product(shape), seed));
const labels = (count: number, classes: number): Values =>
  values(
    [count],
    noise(count, 77).map((value) => Math.floor(((value + 1) / 2) * classes)),
  );

function linearSpec(name: string, d_in: number, d_out: number, R: number, bias = true): LayerSpec {
  return { name, type: 'linear', d_in, d_out, bias, sharing: R > 1 ? 'token' : 'none', R };
}

/** Weights of about 1 / sqrt(d_in), as trained nets have them. */
function layerParams(layers: readonly LayerSpec[]): Record<string, Values> {
  return Object.fromEntries(
    layers.flatMap((layer, i) => {
      const kernel = layer.type === 'conv2d' ? layer.kernel : [];
      const weight = random(10 + i, layer.d_out, layer.d_in / product(kernel), ...kernel);
      weight.data.forEach((value, at) => (weight.data[at] = value * (1.7 / Math.sqrt(layer.d_in))));
      const bias = layer.bias ? [[`${layer.name}.bias`, random(40 + i, layer.d_out)] as const] : [];
      return [[`${layer.name}.weight`, weight] as const, ...bias];
    }),
  );
}

const meanPositions = (rows: Float64Array, N: number, R: number, width: number) =>
  sumPositions(rows, N, R, width).map((value) => value / R);

export interface ChainSize {
  widths: number[];
  N: number;
  R: number;
  setting: 'expand' | 'reduce';
  activation: 'none' | 'tanh';
  bias?: boolean;
}

/** Deep linear nets with squared error, tanh nets with cross-entropy. */
export function chainFixture({ widths, N, R, setting, activation, bias = true }: ChainSize): string {
  const layers = widths.slice(1).map((d_out, i) => linearSpec(`fc${i + 1}`, widths[i]!, d_out, R, bias));
  const C = widths.at(-1)!;
  const x = random(1, N, R, widths[0]!);
  const terms = setting === 'expand' ? [N, R] : [N];
  const isTanh = activation === 'tanh';
  const targets = isTanh ? { ...labels(product(terms), C), shape: terms } : random(2, ...terms, C);
  return makeFixture({
    name: 'chain',
    setting,
    loss_type: isTanh ? 'ce' : 'mse',
    ...{ N, C, layers, params: layerParams(layers), x, targets },
    forward: (tape: Tape) => {
      let z = x.data;
      const intermediates: Record<string, Values> = {};
      layers.forEach((layer, i) => {
        z = tape.linear(layer, z);
        if (!isTanh || i === layers.length - 1) return;
        z = z.map(Math.tanh);
        if (i === 0) intermediates['hidden_tanh'] = values([N, R, layer.d_out], z);
      });
      const output = setting === 'expand' ? z : meanPositions(z, N, R, C);
      return { output: values([...terms, C], output), intermediates };
    },
  });
}

export interface ConvolutionSize {
  N: number;
  /** [channels, height, width] */
  image: [number, number, number];
  convolutions: {
    channels: number;
    kernel: [number, number];
    stride: number;
    padding: number;
    bias: boolean;
  }[];
  classes: number;
}

/** Images stay in the layout [N, C, H, W] throughout. */
export function convolutionFixture({ N, image, convolutions, classes }: ConvolutionSize): string {
  let [c, h, w] = image;
  const layers = convolutions.map(({ channels, kernel, stride, padding, bias }, i): LayerSpec => {
    const out_hw: [number, number] = [
      Math.floor((h + 2 * padding - kernel[0]) / stride) + 1,
      Math.floor((w + 2 * padding - kernel[1]) / stride) + 1,
    ];
    const d_in = c * product(kernel);
    [c, h, w] = [channels, ...out_hw];
    const shape = { kernel, stride, padding, out_hw, R: product(out_hw), d_in, d_out: channels, bias };
    return { name: `conv${i + 1}`, type: 'conv2d', sharing: 'spatial', ...shape };
  });
  const head = linearSpec('fc', c, classes, 1);
  const x = random(1, N, ...image);
  return makeFixture({
    name: 'conv',
    setting: 'reduce',
    loss_type: 'ce',
    ...{ N, C: classes, layers: [...layers, head], params: layerParams([...layers, head]), x },
    targets: labels(N, classes),
    forward: (tape: Tape) => {
      let pixels = x;
      for (const layer of layers) {
        if (layer.type !== 'conv2d') continue;
        const z = tape.linear(layer, patchesOf(pixels, layer));
        pixels = channelsFirst(
          z.map((value) => Math.max(0, value)),
          N,
          layer.out_hw,
          layer.d_out,
        );
      }
      const area = product(pixels.shape.slice(2));
      const pooled = new Float64Array(N * c);
      pixels.data.forEach((value, i) => (pooled[Math.floor(i / area)]! += value / area));
      return {
        output: values([N, classes], tape.linear(head, pooled)),
        intermediates: { pooled: values([N, c], pooled) },
      };
    },
  });
}

function patchesOf({ shape, data }: Values, layer: Extract<LayerSpec, { type: 'conv2d' }>): Float64Array {
  const [N, C, H, W] = shape as [number, number, number, number];
  const { kernel, stride, padding, out_hw } = layer;
  const rows: number[] = [];
  for (let n = 0; n < N; n++) {
    for (let r = 0; r < product(out_hw); r++) {
      for (let i = 0; i < C * product(kernel); i++) {
        const ch = Math.floor(i / product(kernel));
        const y = Math.floor(r / out_hw[1]) * stride - padding + (Math.floor(i / kernel[1]) % kernel[0]);
        const x = (r % out_hw[1]) * stride - padding + (i % kernel[1]);
        const inside = y >= 0 && y < H && x >= 0 && x < W;
        rows.push(inside ? data[((n * C + ch) * H + y) * W + x]! : 0);
      }
    }
  }
  return Float64Array.from(rows);
}

function channelsFirst(rows: Float64Array, N: number, [h, w]: [number, number], channels: number): Values {
  const area = h * w;
  const data = rows.map((_, i) => {
    const n = Math.floor(i / (channels * area));
    return rows[(n * area + (i % area)) * channels + (Math.floor(i / area) % channels)]!;
  });
  return values([N, channels, h, w], data);
}

export interface VitSize {
  N: number;
  /** [channels, height, width] */
  image: [number, number, number];
  patch: number;
  width: number;
  heads: number;
  hidden: number;
  classes: number;
}

/** With the tanh GELU: float64's `erf` is not in JavaScript. */
export function vitFixture({ N, image, patch, width, heads, hidden, classes }: VitSize): string {
  const [channels, height, side] = image;
  const T = (height / patch) * (side / patch);
  const sizes: [string, number, number][] = [
    ['embed', channels * patch * patch, width],
    ...['q', 'k', 'v', 'o'].map((name): [string, number, number] => [`block.${name}`, width, width]),
    ['block.fc1', width, hidden],
    ['block.fc2', hidden, width],
  ];
  const layers = [
    ...sizes.map(([name, i, o]) => linearSpec(name, i, o, T)),
    linearSpec('head', width, classes, 1),
  ];
  const layer = (name: string) => layers.find((candidate) => candidate.name === name)!;
  const norms = ['block.ln1', 'block.ln2', 'ln'].flatMap((name, i): [string, Values][] => [
    [
      `${name}.weight`,
      values(
        [width],
        noise(width, 60 + i).map((value) => 1 + 0.3 * value),
      ),
    ],
    [`${name}.bias`, random(70 + i, width)],
  ]);
  const params = { pos: random(50, T, width), ...layerParams(layers), ...Object.fromEntries(norms) };
  const x = random(1, N, ...image);
  return makeFixture({
    name: 'vit_gelu_tanh',
    setting: 'reduce',
    loss_type: 'ce',
    ...{ N, C: classes, layers, params, x, targets: labels(N, classes) },
    forward: (tape: Tape) => {
      const pos = tape.data('pos');
      const patches = imagePatches(x, patch);
      const embedded = tape.linear(layer('embed'), patches).map((value, i) => value + pos[i % pos.length]!);
      const y = layerNorm(tape, 'block.ln1', embedded, width);
      const [q, k, v] = ['q', 'k', 'v'].map((name) => tape.linear(layer(`block.${name}`), y)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const { mixed, attention } = attend(q, k, v, { N, T, width, heads });
      const o = tape.linear(layer('block.o'), mixed);
      const attended = embedded.map((value, i) => value + o[i]!);
      const pre = tape.linear(layer('block.fc1'), layerNorm(tape, 'block.ln2', attended, width));
      const post = pre.map(geluTanh);
      const fc2 = tape.linear(layer('block.fc2'), post);
      const normed = layerNorm(
        tape,
        'ln',
        attended.map((value, i) => value + fc2[i]!),
        width,
      );
      const pooled = meanPositions(normed, N, T, width);
      const intermediates = {
        patches: values([N, T, channels * patch * patch], patches),
        attention: values([N, heads, T, T], attention),
        mlp_pre: values([N, T, hidden], pre),
        mlp_post: values([N, T, hidden], post),
        pooled: values([N, width], pooled),
      };
      return { output: values([N, classes], tape.linear(layer('head'), pooled)), intermediates };
    },
  });
}

function imagePatches({ shape, data }: Values, patch: number): Float64Array {
  const [N, C, H, W] = shape as [number, number, number, number];
  const rows: number[] = [];
  for (let n = 0; n < N; n++)
    for (let top = 0; top < H; top += patch)
      for (let left = 0; left < W; left += patch)
        for (let c = 0; c < C; c++)
          for (let y = top; y < top + patch; y++)
            for (let x = left; x < left + patch; x++) rows.push(data[((n * C + c) * H + y) * W + x]!);
  return Float64Array.from(rows);
}

function layerNorm(tape: Tape, name: string, x: Float64Array, width: number): Float64Array {
  const [gain, shift] = [tape.data(`${name}.weight`), tape.data(`${name}.bias`)];
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    const row = x.subarray(at, at + width);
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    row.forEach(
      (value, i) => (y[at + i] = ((value - mean) / Math.sqrt(variance + 1e-5)) * gain[i]! + shift[i]!),
    );
  }
  return y;
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function attend(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  { N, T, width, heads }: { N: number; T: number; width: number; heads: number },
): { mixed: Float64Array; attention: Float64Array } {
  const d = width / heads;
  const mixed = new Float64Array(N * T * width);
  const attention = new Float64Array(N * heads * T * T);
  for (let n = 0; n < N; n++) {
    for (let head = 0; head < heads; head++) {
      for (let t = 0; t < T; t++) {
        const at = (row: number, i: number) => (n * T + row) * width + head * d + i;
        const scores = Float64Array.from({ length: T }, (_, s) => {
          let sum = 0;
          for (let i = 0; i < d; i++) sum += q[at(t, i)]! * k[at(s, i)]!;
          return sum / Math.sqrt(d);
        });
        const p = softmax(scores);
        attention.set(p, ((n * heads + head) * T + t) * T);
        for (let i = 0; i < d; i++)
          mixed[at(t, i)] = p.reduce((sum, share, s) => sum + share * v[at(s, i)]!, 0);
      }
    }
  }
  return { mixed, attention };
}
