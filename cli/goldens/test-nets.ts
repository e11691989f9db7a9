/** The families of nets as float64 forward passes, in any size: see `test-reference.ts`. */
import type { LayerSpec } from '../../goldens/fixture.ts';
import { geluOf } from '../../training/models/test-reference-layers.ts';
import { noise } from '../../training/program/test-program.ts';
import {
  makeFixture,
  softmax,
  sumExamples,
  total,
  values,
  type Tape,
  type Values,
} from './test-reference.ts';

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
  meanExamples(rows, new Array<number>(N).fill(R), width);

const meanExamples = (rows: Float64Array, counts: readonly number[], width: number) =>
  sumExamples(rows, counts, width).map((value, i) => value / counts[Math.floor(i / width)]!);

export interface ChainSize {
  widths: number[];
  N: number;
  R: number;
  setting: 'expand' | 'reduce';
  activation: 'none' | 'tanh';
  bias?: boolean;
  /** Default: noise. */
  params?: Record<string, Values>;
}

/** Deep linear nets with squared error, tanh nets with cross-entropy. */
export function chainFixture(size: ChainSize): string {
  const { widths, N, R, setting, activation, bias = true } = size;
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
    ...{ N, C, layers, params: size.params ?? layerParams(layers), inputs: { x }, targets, exact: true },
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

export interface RaggedSize {
  widths: number[];
  /** Rows of each example. */
  counts: number[];
  setting: 'expand' | 'reduce';
  activation: 'none' | 'tanh';
}

const owners = (counts: readonly number[]) =>
  values([total(counts)], Float64Array.from(counts.flatMap((n, i) => new Array<number>(n).fill(i))));

/** The same nets on rows of examples of different sizes. */
export function raggedFixture({ widths, counts, setting, activation }: RaggedSize): string {
  const layers = widths.slice(1).map((d_out, i): LayerSpec => {
    return { ...linearSpec(`fc${i + 1}`, widths[i]!, d_out, 1), sharing: 'node', R: counts };
  });
  const [N, rows, C] = [counts.length, total(counts), widths.at(-1)!];
  const terms = setting === 'expand' ? rows : N;
  const x = random(1, rows, widths[0]!);
  const isTanh = activation === 'tanh';
  return makeFixture({
    name: 'ragged',
    setting,
    loss_type: isTanh ? 'ce' : 'mse',
    ...{ N, C, layers, params: layerParams(layers), exact: true },
    inputs: { x, node_graph: owners(counts), n_node: values([N], Float64Array.from(counts)) },
    targets: isTanh ? labels(terms, C) : random(2, terms, C),
    ...(setting === 'expand' ? { terms: counts } : {}),
    forward: (tape: Tape) => {
      let z = x.data;
      const intermediates: Record<string, Values> = {};
      layers.forEach((layer, i) => {
        z = tape.linear(layer, z);
        if (!isTanh || i === layers.length - 1) return;
        z = z.map(Math.tanh);
        if (i === 0) intermediates['hidden_tanh'] = values([rows, layer.d_out], z);
      });
      const output = setting === 'expand' ? z : meanExamples(z, counts, C);
      return { output: values([terms, C], output), intermediates };
    },
  });
}

export interface GraphSize {
  /** Nodes of each graph, and edges (directed, drawn at random). */
  nodes: number[];
  edges: number[];
  /** Features of nodes and edges, widths of hidden layer, messages and classes. */
  features: [number, number];
  hidden: number;
  message: number;
  classes: number;
}

export function graphFixture({ nodes, edges, features, hidden, message, classes }: GraphSize): string {
  const [N, V, E] = [nodes.length, total(nodes), total(edges)];
  const spec = (name: string, sharing: 'node' | 'edge', d_in: number, d_out: number): LayerSpec => ({
    ...linearSpec(name, d_in, d_out, 1),
    ...{ sharing, R: sharing === 'node' ? nodes : edges },
  });
  const layers: [LayerSpec, LayerSpec, LayerSpec, LayerSpec, LayerSpec] = [
    spec('node_enc', 'node', features[0], hidden),
    spec('edge_enc', 'edge', features[1], hidden),
    spec('msg', 'edge', hidden, message),
    spec('node_upd', 'node', hidden + message, hidden),
    linearSpec('head', hidden, classes, 1),
  ];
  const [encodeNodes, encodeEdges, messages, update, head] = layers;
  const [x, e] = [random(1, V, features[0]), random(2, E, features[1])];
  const graphOfEdge = owners(edges).data;
  const firstNode = nodes.map((_, n) => total(nodes.slice(0, n)));
  const end = (seed: number) =>
    values(
      [E],
      noise(E, seed).map((value, i) => {
        const graph = graphOfEdge[i]!;
        return firstNode[graph]! + Math.floor(((value + 1) / 2) * nodes[graph]!);
      }),
    );
  const [src, dst] = [end(31), end(32)];
  const inputs = {
    ...{ x, e, src, dst, node_graph: owners(nodes), edge_graph: owners(edges) },
    n_node: values([N], Float64Array.from(nodes)),
    n_edge: values([N], Float64Array.from(edges)),
  };
  const positive = (rows: Float64Array) => rows.map((value) => Math.max(0, value));
  return makeFixture({
    name: 'graph',
    setting: 'reduce',
    loss_type: 'ce',
    ...{
      N,
      C: classes,
      layers,
      params: layerParams(layers),
      inputs,
      targets: labels(N, classes),
      exact: true,
    },
    forward: (tape: Tape) => {
      const h = tape.linear(encodeNodes, x.data);
      const edge = tape.linear(encodeEdges, e.data);
      const sent = edge.map(
        (value, i) => value + h[src.data[Math.floor(i / hidden)]! * hidden + (i % hidden)]!,
      );
      const sums = tape.linear(messages, positive(sent));
      const width = hidden + message;
      const joined = new Float64Array(V * width);
      h.forEach((value, i) => (joined[Math.floor(i / hidden) * width + (i % hidden)] = value));
      sums.forEach((value, i) => {
        const node = dst.data[Math.floor(i / message)]!;
        joined[node * width + hidden + (i % message)]! += value;
      });
      const pooled = meanExamples(positive(tape.linear(update, joined)), nodes, hidden);
      const intermediates = { message: values([E, message], sums), pooled: values([N, hidden], pooled) };
      return { output: values([N, classes], tape.linear(head, pooled)), intermediates };
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
    ...{ N, C: classes, layers: [...layers, head], params: layerParams([...layers, head]), inputs: { x } },
    ...{ targets: labels(N, classes), exact: true },
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
  gelu: Gelu;
}

export function vitFixture(size: VitSize): string {
  const { N, image, patch, width, heads, hidden, classes, gelu } = size;
  const [channels, height, side] = image;
  const T = (height / patch) * (side / patch);
  const layers = [
    linearSpec('embed', channels * patch * patch, width, T),
    ...blockSpecs(width, hidden, T, true),
    linearSpec('head', width, classes, 1),
  ];
  const params = { pos: random(50, T, width), ...layerParams(layers), ...normParams(width) };
  const x = random(1, N, ...image);
  return makeFixture({
    name: 'images',
    setting: 'reduce',
    loss_type: 'ce',
    ...{ N, C: classes, layers, params, inputs: { x }, targets: labels(N, classes) },
    forward: (tape: Tape) => {
      const pos = tape.data('pos');
      const patches = imagePatches(x, patch);
      const embedded = tape.linear(layers[0]!, patches).map((value, i) => value + pos[i % pos.length]!);
      const block = encoderBlock(tape, layers, embedded, { N, T, width, heads, causal: false, gelu });
      const pooled = meanPositions(block.normed, N, T, width);
      const intermediates = {
        ...block.intermediates,
        patches: values([N, T, channels * patch * patch], patches),
        mlp_pre: values([N, T, hidden], block.pre),
        mlp_post: values([N, T, hidden], block.post),
        pooled: values([N, width], pooled),
      };
      return { output: values([N, classes], tape.linear(layers.at(-1)!, pooled)), intermediates };
    },
  });
}

export interface LanguageSize {
  N: number;
  length: number;
  vocabulary: number;
  width: number;
  heads: number;
  hidden: number;
  /** Of query, key and value. */
  bias: boolean;
  gelu: Gelu;
}

/** A causal block between an embedding and a head at every token. */
export function languageFixture(size: LanguageSize): string {
  const { N, length: T, vocabulary, width, heads, hidden, bias, gelu } = size;
  const layers = [...blockSpecs(width, hidden, T, bias), linearSpec('head', width, vocabulary, T)];
  const params = {
    tok: random(51, vocabulary, width),
    pos: random(50, T, width),
    ...layerParams(layers),
    ...normParams(width),
  };
  const tokens = { ...labels(N * T, vocabulary), shape: [N, T] };
  const targets = values(
    [N, T],
    noise(N * T, 78).map((value) => Math.floor(((value + 1) / 2) * vocabulary)),
  );
  return makeFixture({
    name: 'lm',
    setting: 'expand',
    loss_type: 'ce',
    ...{ N, C: vocabulary, layers, params, inputs: { tokens }, targets },
    forward: (tape: Tape) => {
      const [tok, pos] = [tape.data('tok'), tape.data('pos')];
      const embedded = Float64Array.from(
        { length: N * T * width },
        (_, i) => tok[tokens.data[Math.floor(i / width)]! * width + (i % width)]! + pos[i % pos.length]!,
      );
      const { normed, intermediates } = encoderBlock(tape, layers, embedded, {
        ...{ N, T, width, heads },
        causal: true,
        gelu,
      });
      return { output: values([N, T, vocabulary], tape.linear(layers.at(-1)!, normed)), intermediates };
    },
  });
}

function blockSpecs(width: number, hidden: number, T: number, qkvBias: boolean): LayerSpec[] {
  return [
    ...['q', 'k', 'v'].map((name) => linearSpec(`block.${name}`, width, width, T, qkvBias)),
    linearSpec('block.o', width, width, T),
    linearSpec('block.fc1', width, hidden, T),
    linearSpec('block.fc2', hidden, width, T),
  ];
}

function normParams(width: number): Record<string, Values> {
  return Object.fromEntries(
    ['block.ln1', 'block.ln2', 'ln'].flatMap((name, i): [string, Values][] => [
      [
        `${name}.weight`,
        values(
          [width],
          noise(width, 60 + i).map((value) => 1 + 0.3 * value),
        ),
      ],
      [`${name}.bias`, random(70 + i, width)],
    ]),
  );
}

const gelus = {
  exact: geluOf,
  tanh: (x: Float64Array) =>
    x.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))),
};
type Gelu = keyof typeof gelus;

interface Heads {
  N: number;
  T: number;
  width: number;
  heads: number;
  causal: boolean;
  gelu: Gelu;
}

/** x + o(attention(LN x)), then that + MLP(LN of it), then the final norm. */
function encoderBlock(tape: Tape, layers: readonly LayerSpec[], x: Float64Array, size: Heads) {
  const { N, T, width, heads } = size;
  const dense = (name: string, rows: Float64Array) =>
    tape.linear(
      layers.find((candidate) => candidate.name === `block.${name}`)!,
      rows,
    );
  const y = layerNorm(tape, 'block.ln1', x, width);
  const { mixed, attention } = attend(dense('q', y), dense('k', y), dense('v', y), size);
  const o = dense('o', mixed);
  const attended = x.map((value, i) => value + o[i]!);
  const pre = dense('fc1', layerNorm(tape, 'block.ln2', attended, width));
  const post = gelus[size.gelu](pre);
  const fc2 = dense('fc2', post);
  const sum = attended.map((value, i) => value + fc2[i]!);
  const normed = layerNorm(tape, 'ln', sum, width);
  return { normed, pre, post, intermediates: { attention: values([N, heads, T, T], attention) } };
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

function attend(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  { N, T, width, heads, causal }: Heads,
): { mixed: Float64Array; attention: Float64Array } {
  const d = width / heads;
  const mixed = new Float64Array(N * T * width);
  const attention = new Float64Array(N * heads * T * T);
  for (let n = 0; n < N; n++) {
    for (let head = 0; head < heads; head++) {
      for (let t = 0; t < T; t++) {
        const at = (row: number, i: number) => (n * T + row) * width + head * d + i;
        const scores = Float64Array.from({ length: T }, (_, s) => {
          if (causal && s > t) return -Infinity;
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
