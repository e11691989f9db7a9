/**
 * The nets of the fixtures as programs of the engine, under the fixtures' own parameter names. Every size is the
 * file's; what each family computes is in `goldens/README.md`, section "Nets".
 */
import type { NetFixture } from '../../goldens/fixture.ts';
import { patchRows } from '../../training/models/patch-rows.ts';
import { zeros } from '../../training/models/initialisers.ts';
import type { LinearOptions, ModelBuilder } from '../../training/models/model-builder.ts';
import { lastAxis, type Tensor } from '../../training/program/graph.ts';
import { attention } from '../../training/program/operations/attention.ts';
import {
  add,
  elementwise,
  gelu,
  geluTanh,
  multiply,
  relu,
  tanh,
} from '../../training/program/operations/elementwise.ts';
import { concat } from '../../training/program/operations/concat.ts';
import { embedding } from '../../training/program/operations/embedding.ts';
import { gatherRows, scatterSum, segmentMean } from '../../training/program/operations/segments.ts';
import { matmul } from '../../training/program/operations/matmul.ts';
import { permute } from '../../training/program/operations/permute.ts';
import { meanAxes } from '../../training/program/operations/reduce.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { Activation } from './activations.ts';
import type { FixtureInputs } from './fixture-inputs.ts';
import type { NetFamily } from './net-family.ts';

export interface ReferenceNet {
  output: Tensor;
  /** Intermediates in the fixture's layout, by their key in `forward`. */
  intermediates: Map<string, Tensor>;
}

/** Adds the net to the builder's graph. */
export function buildReferenceNet(
  builder: ModelBuilder,
  fixture: NetFixture,
  family: NetFamily,
  inputs: FixtureInputs,
): ReferenceNet {
  const net = build(builder, fixture, family, inputs);
  const expected = fixture.forward.output.shape;
  if (net.output.shape.join() !== expected.join()) {
    throw new KronlabError(
      'invalid',
      `the net of the layer table gives an output [${net.output.shape.join()}]; forward.output is [${expected.join()}]`,
    );
  }
  return net;
}

function build(
  builder: ModelBuilder,
  fixture: NetFixture,
  family: NetFamily,
  inputs: FixtureInputs,
): ReferenceNet {
  switch (family.kind) {
    case 'chain':
      return chain(builder, fixture, family, inputs);
    case 'convolution':
      return convolutionNet(builder, family, inputs.values('x'));
    case 'vit':
      return vit(builder, fixture, family, inputs);
    case 'language':
      return language(builder, fixture, family, inputs);
    case 'graph':
      return messagePassing(builder, fixture, inputs);
    default:
      family satisfies never;
      throw new KronlabError('internal', 'a family of nets without a builder');
  }
}

function chain(
  builder: ModelBuilder,
  { setting }: NetFixture,
  { layers, activations, ragged }: Extract<NetFamily, { kind: 'chain' }>,
  inputs: FixtureInputs,
): ReferenceNet {
  const intermediates = new Map<string, Tensor>();
  const rows = ragged ? { offsets: inputs.offsets('node') } : {};
  let z = inputs.values('x');
  layers.forEach((layer, i) => {
    z = builder.linear(layer.name, z, layer.d_out, { bias: layer.bias, ...rows });
    z = activate(activations[i] ?? 'none', z);
    if (i === 0) intermediates.set('hidden_tanh', z);
  });
  intermediates.set('logits_per_token', z);
  if (setting === 'expand') return { output: z, intermediates };
  if (rows.offsets) return { output: segmentMean(z, rows.offsets), intermediates };
  const positions = z.shape.length - 2;
  return { output: positions > 0 ? meanAxes(z, 1, positions) : z, intermediates };
}

function convolutionNet(
  builder: ModelBuilder,
  { convolutions, head }: Extract<NetFamily, { kind: 'convolution' }>,
  x: Tensor,
): ReferenceNet {
  const intermediates = new Map<string, Tensor>();
  let image = permute(x, [0, 2, 3, 1]);
  for (const { name, d_out, kernel, stride, padding, bias } of convolutions) {
    const z = builder.convolution(name, image, d_out, { kernel, stride, padding, dilation: 1 }, { bias });
    intermediates.set(`${name}_pre`, permute(z, [0, 3, 1, 2]));
    image = relu(z);
  }
  const pooled = meanAxes(image, 1, 2);
  intermediates.set('pooled', pooled);
  return { output: builder.linear(head.name, pooled, head.d_out, { bias: head.bias }), intermediates };
}

type Dense = (name: string, input: Tensor, options?: LinearOptions) => Tensor;

/** Linear layers as the layer table describes them. */
function denseLayers(builder: ModelBuilder, fixture: NetFixture): Dense {
  return (name, input, options = {}) => {
    const layer = fixture.layers.find((candidate) => candidate.name === name);
    const isAttentionKey = name === 'block.k';
    return builder.linear(name, input, layer?.d_out ?? 1, {
      bias: layer?.bias ?? true,
      isAttentionKey,
      ...options,
    });
  };
}

interface BlockOptions {
  inputs: FixtureInputs;
  heads: number;
  causal: boolean;
  activation: Activation;
}

function activate(activation: Activation, x: Tensor): Tensor {
  switch (activation) {
    case 'none':
      return x;
    case 'tanh':
      return tanh(x);
    case 'relu':
      return relu(x);
    case 'gelu':
      return gelu(x);
    case 'gelu-tanh':
      return geluTanh(x);
    default:
      return activation satisfies never;
  }
}

/** A pre-norm block of attention and MLP, and the final norm. */
function attentionBlock(builder: ModelBuilder, dense: Dense, x: Tensor, options: BlockOptions): ReferenceNet {
  const y = builder.layerNorm('block.ln1', x);
  const [q, k, v] = [dense('block.q', y), dense('block.k', y), dense('block.v', y)];
  const mixed = attention(q, k, v, options.heads, options.causal);
  const attended = add(x, dense('block.o', mixed));
  const hidden = dense('block.fc1', builder.layerNorm('block.ln2', attended));
  const activated = activate(options.activation, hidden);
  const output = builder.layerNorm('ln', add(attended, dense('block.fc2', activated)));
  const intermediates = new Map([
    ['mlp_pre', hidden],
    ['mlp_post', activated],
  ]);
  intermediates.set('attention', attentionProbabilities(q, k, mixed, options));
  return { output, intermediates };
}

/**
 * [N, heads, T, T] with the operation's own logarithms of the sums of exponentials, which is all it keeps of them: where they
 * are wrong, the rows do not add up to 1.
 */
function attentionProbabilities(q: Tensor, k: Tensor, mixed: Tensor, options: BlockOptions): Tensor {
  const { graph } = q;
  const { heads, causal } = options;
  const [n = 1, length = 1, width = 1] = q.shape;
  const byHead = (x: Tensor) => permute(graph.reshape(x, [n, length, heads, width / heads]), [0, 2, 1, 3]);
  const alpha = 1 / Math.sqrt(width / heads);
  const scores = matmul(byHead(q), byHead(k), { transposeB: true, alpha });
  const logarithms = graph.reshape(mixed.node.outputs[1] as Tensor, [n, heads, length, 1]);
  const fn = { name: 'probabilities', expression: 'exp(a - b)', gradients: [] };
  const probabilities = elementwise(fn, scores, logarithms);
  return causal ? multiply(probabilities, lowerTriangle(options.inputs, length)) : probabilities;
}

/** [T, T]: 1 where the key is not later than the query. */
function lowerTriangle(inputs: FixtureInputs, length: number): Tensor {
  const ones = Float32Array.from({ length: length ** 2 }, (_, i) =>
    i % length <= Math.floor(i / length) ? 1 : 0,
  );
  return inputs.constant('lower triangle', [length, length], ones);
}

function vit(
  builder: ModelBuilder,
  fixture: NetFixture,
  { heads, activation }: Extract<NetFamily, { kind: 'vit' }>,
  inputs: FixtureInputs,
): ReferenceNet {
  const dense = denseLayers(builder, fixture);
  const images = inputs.values('x');
  const patches = patchRows(images, patchSide(fixture, images));
  const embedded = dense('embed', patches);
  const x = add(embedded, builder.parameter('pos', [patches.shape[1] ?? 1, lastAxis(embedded)], zeros));
  const block = attentionBlock(builder, dense, x, { inputs, heads, causal: false, activation });
  const pooled = meanAxes(block.output, 1, 1);
  block.intermediates.set('patches', patches).set('pooled', pooled);
  return { output: dense('head', pooled), intermediates: block.intermediates };
}

function language(
  builder: ModelBuilder,
  fixture: NetFixture,
  { heads, activation }: Extract<NetFamily, { kind: 'language' }>,
  inputs: FixtureInputs,
): ReferenceNet {
  const dense = denseLayers(builder, fixture);
  const tokens = inputs.integers('tokens');
  const table = builder.parameter('tok', fixture.params['tok']?.shape ?? [], zeros);
  const positions = builder.parameter('pos', fixture.params['pos']?.shape ?? [], zeros);
  const x = add(embedding(table, tokens), positions);
  const block = attentionBlock(builder, dense, x, { inputs, heads, causal: true, activation });
  return { output: dense('head', block.output), intermediates: block.intermediates };
}

function messagePassing(builder: ModelBuilder, fixture: NetFixture, inputs: FixtureInputs): ReferenceNet {
  const dense = denseLayers(builder, fixture);
  const x = inputs.values('x');
  const nodes = { offsets: inputs.offsets('node') };
  const edges = { offsets: inputs.offsets('edge') };
  const count = x.shape[0] ?? 1;
  const [senders, receivers] = [inputs.index('src', count), inputs.index('dst', count)];
  const h = dense('node_enc', x, nodes);
  const sent = gatherRows(h, senders.index, senders.inverse);
  const message = dense('msg', relu(add(sent, dense('edge_enc', inputs.values('e'), edges))), edges);
  const received = scatterSum(message, receivers.index, count, receivers.inverse);
  const updated = relu(dense('node_upd', concat([h, received], 1), nodes));
  const pooled = segmentMean(updated, nodes.offsets);
  const intermediates = new Map([
    ['message', message],
    ['pooled', pooled],
  ]);
  return { output: dense('head', pooled), intermediates };
}

/** The patch embedding's width is channels * side^2. */
function patchSide(fixture: NetFixture, images: Tensor): number {
  const channels = images.shape[1] ?? 1;
  const width = fixture.layers.find(({ name }) => name === 'embed')?.d_in ?? 0;
  const side = Math.sqrt(width / channels);
  if (Number.isInteger(side) && side > 0) return side;
  throw new KronlabError(
    'invalid',
    `layers.embed.d_in is ${width}; expected ${channels} channels times the pixels of a square patch`,
  );
}
